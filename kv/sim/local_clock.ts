/** A process's monotonic clock: it begins with it, runs a little fast or slow, and may jump ahead. */

import { type Millis, millis } from '../core/ids';

/** Moments are rounded up to this part of a millisecond, so that a clock that is asked then is past them. */
const RESOLUTION = 1024;

export class LocalClock {
  private since = 0;
  private rate = 1;

  constructor(private base: number) {}

  /** What the clock shows at a moment of the simulation. */
  read(now: number): Millis {
    return millis(this.base + (now - this.since) * this.rate);
  }

  /** A new process counts from its own beginning. */
  restart(now: number): void {
    this.base = 0;
    this.since = now;
  }

  /** From now on it runs at this rate: 1.02 gains twenty milliseconds in a second. */
  setRate(now: number, rate: number): void {
    this.base = this.read(now);
    this.since = now;
    this.rate = rate;
  }

  jump(now: number, ms: number): void {
    this.base = this.read(now) + ms;
    this.since = now;
  }

  /** The moment of the simulation at which the clock has reached `at`. */
  momentOf(at: number, now: number): number {
    if (at <= this.read(now)) return now;
    const moment = this.since + (at - this.base) / this.rate;
    return (Math.floor(moment * RESOLUTION) + 1) / RESOLUTION;
  }
}
