/**
 * All writes that wait, by their write concern. One that waits for three copies is in nobody's way who
 * waits for one: each concern has its own queue, ordered by place in the log, and looks at its head.
 */

import { type Millis, millis, NEVER, type RequestId } from '../ids';
import { isExpired, reachedWith, type WaitingWrite } from './waiting_write';

/** Deadlines that lie closer together than this are looked at at once. */
const CLOSE_MS = 16;

export class WaitingWrites {
  /** For each write concern, sorted by order. */
  private readonly queues = new Map<number, WaitingWrite[]>();
  private count = 0;
  /** Nobody waits for the answers to these any more. */
  private readonly givenUp = new Set<RequestId>();
  /** No deadline is earlier. */
  private earliest: Millis = NEVER;

  get size(): number {
    return this.count;
  }

  /** The next moment at which a deadline may have come. */
  get nextDeadline(): Millis {
    return this.count === 0 ? NEVER : this.earliest;
  }

  get all(): readonly WaitingWrite[] {
    return [...this.queues.values()].flat();
  }

  /** The next of each write concern: whoever comes behind it wants more. */
  get heads(): readonly WaitingWrite[] {
    return [...this.queues.values()].flatMap(([head]) => (head === undefined ? [] : [head]));
  }

  /** The lowest order that anybody waits for. */
  get lowestOrder(): number {
    return Math.min(...this.heads.map(({ order }) => order));
  }

  add(write: WaitingWrite): void {
    const queue = this.queues.get(write.w) ?? [];
    this.queues.set(write.w, queue);
    // New messages come at the end; only a repeated id waits for an older one.
    let at = queue.length;
    while (at > 0 && (queue[at - 1] as WaitingWrite).order > write.order) at--;
    if (at === queue.length) queue.push(write);
    else queue.splice(at, 0, write);
    this.count++;
    if (write.deadline < this.earliest) this.earliest = write.deadline;
  }

  /** It counts as one that has waited long enough. */
  giveUp(request: RequestId): void {
    if (this.count > 0) this.givenUp.add(request);
  }

  /** Takes out those that have their copies now, in the order of the log for each concern. */
  takeEnough(ends: readonly number[]): WaitingWrite[] {
    const taken: WaitingWrite[] = [];
    for (const [w, queue] of this.queues) {
      const reached = reachedWith(w, ends);
      const waiting = queue.findIndex(({ order }) => order >= reached);
      taken.push(...queue.splice(0, waiting < 0 ? queue.length : waiting));
    }
    this.count -= taken.length;
    return taken;
  }

  /** Takes out those that have waited long enough. */
  takeExpired(now: Millis): WaitingWrite[] {
    if (now < this.earliest && this.givenUp.size === 0) return [];
    const taken: WaitingWrite[] = [];
    let earliest: Millis = NEVER;
    const isOver = (write: WaitingWrite): boolean =>
      isExpired(write, now) || this.givenUp.has(write.request);
    for (const [w, queue] of this.queues) {
      const rest = queue.filter((write) => !isOver(write));
      if (rest.length < queue.length) {
        taken.push(...queue.filter(isOver));
        this.queues.set(w, rest);
      }
      for (const { deadline } of rest) if (deadline < earliest) earliest = deadline;
    }
    this.givenUp.clear();
    this.count -= taken.length;
    this.earliest = millis(Math.max(earliest, now + CLOSE_MS));
    if (earliest === NEVER) this.earliest = NEVER;
    return taken;
  }

  takeAll(): WaitingWrite[] {
    const taken = [...this.all];
    this.queues.clear();
    this.count = 0;
    this.earliest = NEVER;
    return taken;
  }
}
