/** Readers that wait for the next message. */

import { type Millis, millis, NEVER, type RequestId } from '../ids';

export interface Follower {
  readonly request: RequestId;
  readonly from: number;
  readonly limit: number;
  readonly deadline: Millis;
}

/** Deadlines that lie closer together than this are looked at at once. */
const CLOSE_MS = 16;

export class Followers {
  private waiting: Follower[] = [];
  private earliest: Millis = NEVER;

  get size(): number {
    return this.waiting.length;
  }
  get nextDeadline(): Millis {
    return this.waiting.length === 0 ? NEVER : this.earliest;
  }

  add(follower: Follower): void {
    this.waiting.push(follower);
    if (follower.deadline < this.earliest) this.earliest = follower.deadline;
  }

  /** Takes out those whose message is there, now that everything below `end` is shown. */
  takeServed(end: number): Follower[] {
    return this.take(({ from }) => from < end);
  }

  takeExpired(now: Millis): Follower[] {
    if (now < this.earliest) return [];
    const taken = this.take(({ deadline }) => deadline <= now);
    const earliest = Math.min(...this.waiting.map(({ deadline }) => deadline));
    this.earliest = earliest === NEVER ? NEVER : millis(Math.max(earliest, now + CLOSE_MS));
    return taken;
  }

  takeAll(): Follower[] {
    return this.take(() => true);
  }

  private take(isTaken: (follower: Follower) => boolean): Follower[] {
    const taken = this.waiting.filter(isTaken);
    if (taken.length > 0) this.waiting = this.waiting.filter((one) => !isTaken(one));
    return taken;
  }
}
