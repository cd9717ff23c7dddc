/** The state of one run of a load that all its clients share: what is asked next, what came of it. */

import { Latencies, percentile } from '../statistics';
import { type Operation, operationOf } from '../workload';
import type { LoadOrder, LoadResult } from './load_order';

/** Coprime with every sensible number of keys, so that requests visit all of them, far apart. */
const STRIDE = 7919;
const STUCK_MS = 30_000;
const LOOK_MS = 1000;

export class Run {
  private readonly latencies = new Latencies();
  private errors = 0;
  private firstError: string | undefined;
  private started = 0;
  private active = 0;
  private until = Number.POSITIVE_INFINITY;
  private begunAt = 0;
  private endedAt = 0;
  private finish: (error?: Error) => void = () => undefined;
  private readonly stride: number;
  private readonly keys: number;
  private readonly requests: number;
  private readonly workload: LoadOrder['workload'];

  constructor(private readonly order: LoadOrder) {
    this.workload = order.workload;
    this.stride = order.workload === 'fill' || order.keys % STRIDE === 0 ? 1 : STRIDE;
    this.keys = order.workload === 'hot' ? 1 : order.keys;
    const all = order.workload === 'fill' ? order.keys : Number.POSITIVE_INFINITY;
    this.requests = order.requests ?? all;
  }

  /** Lets the clients go; resolves when all have stopped. Rejects when nothing is answered any more. */
  async go(clients: readonly { start(now: number): void }[]): Promise<LoadResult> {
    const ended = new Promise<void>((resolve, reject) => {
      this.finish = (error) => (error === undefined ? resolve() : reject(error));
    });
    let answered = -1;
    let lookedAt = performance.now();
    const watch = setInterval(() => {
      const now = performance.now();
      if (answered !== this.answered) lookedAt = now;
      answered = this.answered;
      if (now - lookedAt > STUCK_MS) this.fail(new Error(`no answer for ${STUCK_MS / 1000} s`));
    }, LOOK_MS);
    this.active = clients.length;
    this.begunAt = performance.now();
    this.until = this.begunAt + (this.order.seconds ?? Number.POSITIVE_INFINITY) * 1000;
    for (const client of clients) client.start(this.begunAt);
    try {
      await ended;
    } finally {
      clearInterval(watch);
    }
    return this.result();
  }

  /** The number of the next request, or -1: the client has stopped. */
  next(now: number): number {
    if (this.started < this.requests && now < this.until) return this.started++;
    this.active -= 1;
    if (this.active === 0) {
      this.endedAt = now;
      this.finish();
    }
    return -1;
  }

  operationOf(n: number): Operation {
    return this.workload === 'fill' ? 'put' : operationOf(this.workload, n);
  }

  keyOf(n: number): number {
    return (n * this.stride) % this.keys;
  }

  /** An answer has come after this long; `complaint` is what was wrong with it. */
  done(ms: number, complaint: string | undefined): void {
    if (complaint === undefined) {
      this.latencies.add(ms);
    } else {
      this.errors += 1;
      this.firstError ??= complaint;
    }
  }

  /** A connection broke: the run is void. */
  fail(error: Error): void {
    this.finish(error);
  }

  private get answered(): number {
    return this.latencies.count + this.errors;
  }

  private result(): LoadResult {
    const sorted = this.latencies.sorted();
    return {
      operations: sorted.length,
      seconds: (this.endedAt - this.begunAt) / 1000,
      errors: this.errors,
      firstError: this.firstError,
      p50Ms: percentile(sorted, 0.5),
      p99Ms: percentile(sorted, 0.99),
      p999Ms: percentile(sorted, 0.999),
      worstMs: percentile(sorted, 1),
    };
  }
}
