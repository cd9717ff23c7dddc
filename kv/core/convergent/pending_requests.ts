/**
 * Requests that wait until the disk has what their answer speaks of: nothing else is ever waited
 * for. Where the disk is too slow they are answered with an error at their deadline.
 */

import type { Alarms } from '../alarms';
import { type OperatingError, operatingError } from '../errors';
import type { Millis, RequestId } from '../ids';
import type { RecordJournal } from '../record_journal';
import type { ConvergentRecord } from './journal';
import type { ConvergentReply } from './requests';

interface Host {
  readonly journal: RecordJournal<ConvergentRecord>;
  readonly alarms: Alarms;
  readonly now: Millis;
  reply(id: RequestId, reply: ConvergentReply): void;
}

interface Waiting {
  readonly deadline: Millis;
  /** What the client is told if the disk is too slow. */
  readonly error: OperatingError;
}

const SLOW = 'The disk of this replica has not answered in time';
const WRITE_TIMEOUT = operatingError('timeout', `${SLOW}; the request may take effect`);
const READ_TIMEOUT = operatingError('timeout_not_applied', `${SLOW}; nothing was to be changed`);

export class PendingRequests {
  private readonly waiting = new Map<RequestId, Waiting>();
  /** The moment for which an alarm is set. */
  private alarmAt = Number.POSITIVE_INFINITY;

  constructor(
    private readonly host: Host,
    private readonly max: number,
  ) {}

  get size(): number {
    return this.waiting.size;
  }
  get isFull(): boolean {
    return this.waiting.size >= this.max;
  }

  /** Answers once everything written so far is durable: at once, if it is. */
  answer(
    id: RequestId,
    { deadline, isWrite }: { readonly deadline: Millis; readonly isWrite: boolean },
    reply: ConvergentReply,
  ): void {
    const { journal } = this.host;
    if (!journal.isBusy) return this.host.reply(id, reply);
    this.waiting.set(id, { deadline, error: isWrite ? WRITE_TIMEOUT : READ_TIMEOUT });
    this.arm(deadline);
    journal.whenDurable(() => {
      if (this.waiting.delete(id)) this.host.reply(id, reply);
    });
  }

  private arm(deadline: number): void {
    if (deadline >= this.alarmAt) return;
    this.alarmAt = deadline;
    this.host.alarms.at(deadline, () => {
      if (this.alarmAt === deadline) this.expire();
    });
  }

  private expire(): void {
    let next = Number.POSITIVE_INFINITY;
    for (const [id, { deadline, error }] of this.waiting) {
      if (deadline > this.host.now) {
        next = Math.min(next, deadline);
        continue;
      }
      this.waiting.delete(id);
      this.host.reply(id, { kind: 'failed', error });
    }
    this.alarmAt = Number.POSITIVE_INFINITY;
    this.arm(next);
  }
}
