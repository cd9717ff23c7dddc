/**
 * How late the event loop runs. A node whose loop stalls (a long garbage collection, a huge JSON, a
 * stopped machine) cannot keep its promises in time, and the operator wants to see that as a number.
 *
 * A timer of our own rather than Node's monitor: resetting that one forgets a delay that is under
 * way, which is just the one that counts.
 */

import { type Clock, monotonicNow } from './clock';

const INTERVAL_MS = 20;

export class LoopLag {
  private readonly timer: NodeJS.Timeout;
  private last: number;
  private recentMs = 0;
  private worstMs = 0;

  constructor(private readonly now: Clock = monotonicNow) {
    this.last = now();
    this.timer = setInterval(() => this.sample(), INTERVAL_MS);
    // Watching is no reason to keep a process alive.
    this.timer.unref();
  }

  /** The longest delay since the last call of this function, in milliseconds. */
  takeMaxMs(): number {
    this.sample();
    const lag = this.recentMs;
    this.recentMs = 0;
    return lag;
  }

  /** The longest delay since the start, in milliseconds. */
  get maxSinceStartMs(): number {
    this.sample();
    return this.worstMs;
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private sample(): void {
    const now = this.now();
    const lag = Math.max(0, now - this.last - INTERVAL_MS);
    this.last = now;
    this.recentMs = Math.max(this.recentMs, lag);
    this.worstMs = Math.max(this.worstMs, lag);
  }
}
