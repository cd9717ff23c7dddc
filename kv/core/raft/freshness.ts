/**
 * How old this node's state may be, as a bound that needs no synchronised clocks.
 *
 * A heartbeat echoes this node's own clock, as it stood in the last reply that the leader had from
 * it, and says how long ago the leader last knew a majority to be behind it. So the heartbeat was
 * sent after the echoed moment, and the commit index in it covers everything that was committed
 * until `echo - quorumAge`. (A leader whose no-op is not committed yet echoes nothing.) Once this
 * node has applied that index, its state is no older than that moment. The bound assumes only that
 * clocks run at about the same rate.
 */

import { type LogIndex, type Millis, millis } from '../ids';
import { Prng } from '../prng';

interface Mark {
  readonly commit: LogIndex;
  readonly at: Millis;
}

/** Clocks of different starts are this many milliseconds apart, times a random number of 32 bits. */
const CLOCK_STEP_MS = 1024;

export class Freshness {
  /**
   * Added to the clock that is shown to others. A process begins its clock anew, and what is echoed
   * of its former life must not be taken for a moment of this one.
   */
  private readonly clockBase: number;
  /** The state includes everything that was committed before this moment of our clock. */
  private freshAt = millis(Number.NEGATIVE_INFINITY);
  /** The oldest mark that is not reached yet, and the newest one behind it. */
  private next: Mark | undefined;
  private latest: Mark | undefined;

  constructor(seed: number) {
    this.clockBase = new Prng(seed, 'clock').next() * CLOCK_STEP_MS;
  }

  /** Our clock as it is shown to the leader, who echoes it. */
  shown(now: Millis): Millis {
    return millis(this.clockBase + now);
  }

  /** The moment of our clock that was shown so; undefined if this process has not shown it. */
  echoed(shown: Millis, now: Millis): Millis | undefined {
    const at = shown - this.clockBase;
    return at >= 0 && at <= now ? millis(at) : undefined;
  }

  /** Notes that once `commit` is applied the state covers everything up to `at`. */
  learn(commit: LogIndex, at: Millis, applied: LogIndex): void {
    if (commit <= applied) this.reached(at);
    else if (this.next === undefined) this.next = { commit, at };
    else this.latest = { commit, at };
  }

  /** Notes how far the state machine has got. */
  applied(index: LogIndex): void {
    while (this.next !== undefined && this.next.commit <= index) {
      this.reached(this.next.at);
      this.next = this.latest;
      this.latest = undefined;
    }
  }

  age(now: Millis): Millis {
    return millis(Math.max(0, now - this.freshAt));
  }

  private reached(at: Millis): void {
    if (at > this.freshAt) this.freshAt = at;
  }
}
