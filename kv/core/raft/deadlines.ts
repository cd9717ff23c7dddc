/**
 * Moments at which requests must be looked at again, rounded up to buckets so that many cost little.
 *
 * Most requests are answered long before. Nothing is done about that then: once there are twice as
 * many moments as were needed the last time, those of answered requests are dropped all at once.
 */

import { type Millis, millis, NEVER, type RequestId } from '../ids';

/** A deadline is noticed at most this much late, in milliseconds. */
const BUCKET_MS = 32;
/** So few moments are not worth looking through. */
const LEAST_TO_SWEEP = 4096;

export class Deadlines {
  private readonly buckets = new Map<number, RequestId[]>();
  private nextBucket = Number.POSITIVE_INFINITY;
  private held = 0;
  private sweepAt = LEAST_TO_SWEEP;

  constructor(private readonly isOpen: (id: RequestId) => boolean) {}

  /** How many moments are kept. */
  get size(): number {
    return this.held;
  }

  /** For a request that is open. */
  add(id: RequestId, at: Millis): void {
    if (this.held >= this.sweepAt) this.sweep();
    this.held++;
    const bucket = Math.ceil(at / BUCKET_MS);
    const ids = this.buckets.get(bucket);
    if (ids !== undefined) {
      ids.push(id);
      return;
    }
    this.buckets.set(bucket, [id]);
    if (bucket < this.nextBucket) this.nextBucket = bucket;
  }

  /** The requests whose moment has come, each given once for each time it was added. */
  due(now: Millis): RequestId[] {
    if (now < this.next) return [];
    const passed = [...this.buckets.keys()].filter((bucket) => bucket * BUCKET_MS <= now);
    const due = passed.sort((x, y) => x - y).flatMap((bucket) => this.buckets.get(bucket) ?? []);
    for (const bucket of passed) this.buckets.delete(bucket);
    this.held -= due.length;
    this.findNext();
    return due;
  }

  get next(): Millis {
    return this.nextBucket === Number.POSITIVE_INFINITY
      ? NEVER
      : millis(this.nextBucket * BUCKET_MS);
  }

  private sweep(): void {
    this.held = 0;
    for (const [bucket, ids] of this.buckets) {
      const open = ids.filter(this.isOpen);
      this.held += open.length;
      if (open.length > 0) this.buckets.set(bucket, open);
      else this.buckets.delete(bucket);
    }
    this.sweepAt = Math.max(LEAST_TO_SWEEP, 2 * this.held);
    this.findNext();
  }

  private findNext(): void {
    this.nextBucket = Number.POSITIVE_INFINITY;
    for (const bucket of this.buckets.keys()) {
      if (bucket < this.nextBucket) this.nextBucket = bucket;
    }
  }
}
