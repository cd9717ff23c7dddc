/**
 * A fault that lies in wait for pushes that wait. What was pushed out of order was judged by the wall
 * clock when it came; if that clock is set back before it is taken over, it may be too far ahead by
 * then. By chance that hardly ever happens: the wait is short, and what comes before the push must
 * still be taken over, or its turn never comes. So the clock is set to where the push has just become
 * too new and what is a little older has not.
 */

import { millisOf } from '../../core/convergent/stamps';
import type { ConvergentState } from '../../core/convergent/state';
import { newest } from '../../core/convergent/vectors';
import { type Millis, millis } from '../../core/ids';
import type { Prng } from '../../core/prng';
import type { RunConfiguration } from '../configuration';
import type { WallClocks } from './wall_clocks';

/** So far behind the moment at which the push would be taken over; the time runs on towards it. */
const BEHIND_MS = [1, 60] as const;
/** Then the clock is set right again. */
const FOR_MS = [20, 600] as const;

export class ClockSetBack {
  /** In half of the runs whose clocks are not good: the others show what happens without it. */
  private readonly isOn: boolean;

  constructor(
    private readonly clocks: WallClocks,
    private readonly maxDriftMs: Millis,
    configuration: RunConfiguration,
    /** Its own, so that it changes no other draw. */
    private readonly prng: Prng,
  ) {
    this.isOn = configuration.clocks !== 'good' && prng.chance(1, 2);
  }

  /** A node has taken a step. */
  look({ self, peers }: Readonly<ConvergentState>): void {
    if (!this.isOn) return;
    const held = [...peers.all].flatMap((peer) => peer.held);
    if (held.length === 0 || !this.prng.chance(1, 4)) return;
    const push = this.prng.pick(held);
    const behindMs = this.maxDriftMs + this.prng.between(...BEHIND_MS);
    const wall = millis(millisOf(newest(push.seen)) - behindMs);
    this.clocks.setBack(self, wall, this.prng.between(...FOR_MS));
  }
}
