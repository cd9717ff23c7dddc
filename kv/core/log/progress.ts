/** What the master knows of one secondary: how far its copy is, and what is on its way to it. */

import type { NodeId, StorageId } from '../ids';
import type { Health } from './status';

/** How the master and a secondary stand. */
export type Standing =
  /** It has not answered to this attempt yet (0: none was made). */
  | { readonly kind: 'absent'; readonly attempt: number; readonly session: number | undefined }
  /** It takes the log. */
  | { readonly kind: 'following'; readonly attempt: number; readonly session: number }
  /** It holds what is not of this log. `blocks`: nobody may append before that is looked at. */
  | {
      readonly kind: 'conflict';
      readonly attempt: number;
      readonly session: number | undefined;
      readonly problem: string;
      readonly blocks: boolean;
    };

export class Progress {
  private stands: Standing = { kind: 'absent', attempt: 0, session: undefined };
  /** An answer to its hello is due. */
  isBeginDue = false;
  /** Where its copy begins if this attempt succeeds. */
  base = 0;
  disk: StorageId | undefined;
  /** Everything below is durable there, as it last said. */
  match = 0;
  /** The order that is to be sent next; what lies between is on its way. */
  next = 0;
  /** When what is on its way is sent again, and how long it was waited for. */
  retryAt = Number.POSITIVE_INFINITY;
  retryMs: number;
  /** After something had to be sent again: one message at a time, until it is acknowledged. */
  isProbing = false;
  retries = 0;
  /** It lacks so much that live messages go first. */
  isCatchingUp = false;
  /** Bytes that may be on their way to it beside those that may be to anybody who is behind. */
  catchUpCredit = 0;
  heardAt: number | undefined;
  /** The link was lost since it was last heard. */
  isCutOff = false;
  /** As it was last told in the trace. */
  toldHealth: Health = 'unhealthy';

  constructor(
    readonly id: NodeId,
    private readonly retryMinMs: number,
  ) {
    this.retryMs = retryMinMs;
  }

  get standing(): Standing {
    return this.stands;
  }
  /** Whatever was on its way belongs to the past. */
  set standing(standing: Standing) {
    this.stands = standing;
    this.retryAt = Number.POSITIVE_INFINITY;
    this.retryMs = this.retryMinMs;
    this.isProbing = this.isCatchingUp = false;
    this.catchUpCredit = 0;
  }
  get isFollowing(): boolean {
    return this.standing.kind === 'following';
  }
  get inFlight(): number {
    return this.isFollowing ? this.next - this.match : 0;
  }
  /** How many copies it can vouch for: those below this order. */
  get vouchedEnd(): number {
    return this.standing.kind === 'conflict' ? 0 : this.match;
  }

  healthAt(now: number, suspectAfterMs: number, unhealthyAfterMs: number): Health {
    const silentMs = now - (this.heardAt ?? Number.NEGATIVE_INFINITY);
    if (silentMs >= unhealthyAfterMs) return 'unhealthy';
    return silentMs >= suspectAfterMs || this.isCutOff ? 'suspected' : 'healthy';
  }

  /** It has said that it holds everything below `end`, in answer to the present attempt. */
  acknowledged(end: number): void {
    if (end <= this.match) return;
    this.match = end;
    this.next = Math.max(this.next, end);
    this.isProbing = false;
    this.retryMs = this.retryMinMs;
    this.retryAt = Number.POSITIVE_INFINITY;
  }

  /** It is there again: what it lacks is sent at once. */
  sendAgainSoon(now: number): void {
    if (this.inFlight === 0) return;
    this.retryMs = this.retryMinMs;
    this.retryAt = now;
  }

  /** What is on its way counts as lost. */
  sendAgain(retryMaxMs: number): void {
    this.next = this.match;
    this.isProbing = true;
    this.retries++;
    this.retryMs = Math.min(retryMaxMs, this.retryMs * 2);
    this.retryAt = Number.POSITIVE_INFINITY;
  }
}
