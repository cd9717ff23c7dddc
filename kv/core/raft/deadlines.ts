/** Moments at which requests must be looked at again, rounded up to buckets so that many cost little. */

import { type Millis, millis, NEVER, type RequestId } from '../ids';

/** A deadline is noticed at most this much late, in milliseconds. */
const BUCKET_MS = 32;

export class Deadlines {
  private readonly buckets = new Map<number, RequestId[]>();
  private nextBucket = Number.POSITIVE_INFINITY;

  add(id: RequestId, at: Millis): void {
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
    const due: RequestId[] = [];
    if (now < this.next) return due;
    const passed = [...this.buckets.keys()].filter((bucket) => bucket * BUCKET_MS <= now);
    for (const bucket of passed.sort((x, y) => x - y)) {
      due.push(...(this.buckets.get(bucket) ?? []));
      this.buckets.delete(bucket);
    }
    this.nextBucket = Math.min(...this.buckets.keys());
    return due;
  }

  get next(): Millis {
    return this.nextBucket === Number.POSITIVE_INFINITY
      ? NEVER
      : millis(this.nextBucket * BUCKET_MS);
  }
}
