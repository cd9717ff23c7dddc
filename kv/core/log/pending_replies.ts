/** Answers that wait for the disk, each until its deadline at most. */

import { type JournalSequence, type Millis, millis, NEVER, type RequestId } from '../ids';
import type { LogReply } from './requests';

export interface PendingReply {
  readonly request: RequestId;
  readonly deadline: Millis;
  /** What is to be said once the journal is durable up to `through`; undefined before it is known. */
  answer: { readonly through: JournalSequence; readonly reply: LogReply } | undefined;
}

export class PendingReplies {
  private pending: PendingReply[] = [];

  get size(): number {
    return this.pending.length;
  }
  get nextDeadline(): Millis {
    return millis(Math.min(NEVER, ...this.pending.map(({ deadline }) => deadline)));
  }

  add(request: RequestId, deadline: Millis): PendingReply {
    const reply = { request, deadline, answer: undefined };
    this.pending.push(reply);
    return reply;
  }

  takeDurable(durable: JournalSequence): PendingReply[] {
    return this.take(({ answer }) => answer !== undefined && answer.through <= durable);
  }

  takeExpired(now: Millis): PendingReply[] {
    return this.take(({ deadline }) => deadline <= now);
  }

  private take(isTaken: (reply: PendingReply) => boolean): PendingReply[] {
    const taken = this.pending.filter(isTaken);
    if (taken.length > 0) this.pending = this.pending.filter((reply) => !taken.includes(reply));
    return taken;
  }
}
