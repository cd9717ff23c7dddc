/**
 * The hybrid logical clock of a replica (Kulkarni et al., "Logical Physical Clocks", 2014): never
 * behind the wall clock as the driver tells it, never behind anything that was seen, never the same
 * for two updates. What lies too far ahead of the wall clock must not be seen at all: one peer with a wild clock
 * would else set the clocks of all, for ever.
 */

import { type Millis, millis } from '../ids';
import { millisOf, ticksOf } from './stamps';

export class HybridClock {
  /** What to add to the monotonic clock to have the wall clock. */
  private offsetMs: number;

  constructor(
    /** The last reading seen. */
    private last: number,
    wall: Millis,
    now: Millis,
    private readonly maxDriftMs: Millis,
  ) {
    this.offsetMs = wall - now;
  }

  /** The wall clock was read. */
  setWall(wall: Millis, now: Millis): void {
    this.offsetMs = wall - now;
  }

  /**
   * A reading for a new update, above all that were seen. It counts once it is seen itself: an update
   * that comes to nothing leaves no trace, and least of all that of a wall clock that is wrong.
   */
  next(now: Millis): number {
    return Math.max(this.physical(now), this.last + 1);
  }

  saw(time: number): void {
    this.last = Math.max(this.last, time);
  }

  /** How far a reading is ahead of the wall clock, in milliseconds; below 0 if it is not. */
  aheadMs(time: number, now: Millis): number {
    return millisOf(time - this.physical(now));
  }

  isTooFar(time: number, now: Millis): boolean {
    return this.aheadMs(time, now) > this.maxDriftMs;
  }

  /** How far this clock itself is ahead of the wall clock. */
  driftMs(now: Millis): number {
    return Math.max(0, this.aheadMs(this.last, now));
  }

  private physical(now: Millis): number {
    return ticksOf(millis(Math.max(0, this.offsetMs + now)));
  }
}
