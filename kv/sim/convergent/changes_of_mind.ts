/**
 * A fault for registrations: an operator takes back what he has just asked for, at the same node or
 * at another, which mostly has not heard of the first. So there are contrary words under way at the
 * same time, each in the hands of somebody who knows only one; and a peer that is unregistered while
 * it has not yet said all that a new peer says.
 */

import { NEVER, type NodeId } from '../../core/ids';
import type { Prng } from '../../core/prng';
import type { RunConfiguration } from '../configuration';
import type { Timeline } from '../timeline';
import type { Operator } from './operator';
import type { Order } from './true_peers';

const LATER_MS = [0, 150] as const;

interface Plan {
  readonly order: Order;
  readonly at: number;
}

export class ChangesOfMind {
  /** In half of all runs: the others show what happens without it. */
  private readonly isOn: boolean;
  private readonly plans = new Map<NodeId, Plan>();

  constructor(
    private readonly members: readonly NodeId[],
    private readonly operator: Operator,
    private readonly timeline: Timeline,
    private readonly configuration: RunConfiguration,
    /** Its own, so that it changes no other draw. */
    private readonly prng: Prng,
  ) {
    this.isOn = prng.chance(1, 2);
  }

  /** A node has carried out an order; perhaps some node soon gets the opposite. */
  carriedOut(order: Order): void {
    if (!this.isOn || !this.prng.chance(2, 3)) return;
    const asked = this.prng.pick(this.members.filter((id) => id !== order.peer));
    this.plans.set(asked, { order, at: this.timeline.now + this.prng.between(...LATER_MS) });
  }

  /** What a node is asked for now. */
  due(node: NodeId): Order[] {
    const plan = this.plans.get(node);
    if (plan === undefined || plan.at > this.timeline.now) return [];
    this.plans.delete(node);
    if (this.timeline.now >= this.configuration.durationMs) return [];
    const opposite = this.operator.opposite(plan.order, NEVER);
    return opposite === undefined ? [] : [opposite];
  }
}
