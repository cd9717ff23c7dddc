/**
 * The wall clocks of the machines: each is off by something, and where clocks are wild they jump to
 * and fro, now and then further than peers put up with. When the faults end they are set right, but
 * what a logical clock has taken from them stays.
 */

import type { NodeId } from '../../core/ids';
import { type Millis, millis } from '../../core/ids';
import type { Prng } from '../../core/prng';
import type { RunConfiguration } from '../configuration';
import type { Timeline } from '../timeline';

/** Some day in 2023. */
const EPOCH_MS = 1_700_000_000_000;
/** The furthest that a clock ever is off. */
export const MAX_SKEW_MS = 3000;

const SKEWS = { good: 5, drifting: 250, wild: MAX_SKEW_MS } as const;
const JUMP_EVERY_MS = [100, 3000] as const;

export class WallClocks {
  private readonly skews = new Map<NodeId, number>();
  private readonly isSetBack = new Set<NodeId>();

  constructor(
    nodes: readonly NodeId[],
    private readonly timeline: Timeline,
    private readonly configuration: RunConfiguration,
    private readonly prng: Prng,
    /** Hears how many milliseconds a clock is off from now on. */
    private readonly onJump: (node: NodeId, skewMs: number) => void,
  ) {
    for (const node of nodes) {
      this.skew(node);
      if (configuration.clocks === 'wild') this.jumpLater(node);
      timeline.at(configuration.durationMs, () => void this.skews.set(node, 0));
    }
  }

  read(node: NodeId): Millis {
    return millis(EPOCH_MS + this.timeline.now + (this.skews.get(node) ?? 0));
  }

  /**
   * Sets a clock back to this reading, and after a while to where it was. Not if it is behind that
   * already, would be off by more than clocks ever are, or is set back just now.
   */
  setBack(node: NodeId, wall: Millis, forMs: number): void {
    const { timeline, skews, configuration } = this;
    const before = skews.get(node) ?? 0;
    const skewMs = before + wall - this.read(node);
    if (skewMs >= before || skewMs < -MAX_SKEW_MS || this.isSetBack.has(node)) return;
    if (timeline.now >= configuration.durationMs) return;
    this.isSetBack.add(node);
    skews.set(node, skewMs);
    this.onJump(node, skewMs);
    timeline.after(forMs, () => {
      this.isSetBack.delete(node);
      // Unless it has jumped, or was set right, meanwhile.
      if (skews.get(node) === skewMs) skews.set(node, before);
    });
  }

  private skew(node: NodeId): void {
    const most = SKEWS[this.configuration.clocks];
    const skewMs = this.prng.between(-most, most);
    this.skews.set(node, skewMs);
    this.onJump(node, skewMs);
  }

  private jumpLater(node: NodeId): void {
    this.timeline.after(this.prng.between(...JUMP_EVERY_MS), () => {
      if (this.timeline.now >= this.configuration.durationMs) return;
      this.skew(node);
      this.jumpLater(node);
    });
  }
}
