/**
 * A fault for registrations: an operator takes back what has just been carried out, at the same node
 * or at another, which mostly has not heard of it; also at the very peer that it is about. So there
 * are contrary words under way at the same time, each in the hands of somebody who knows only one.
 *
 * Best is a node that has something which the peer lacks: then the peer may learn of one word, act on
 * it, and only later of the other, together with writes that are older than all of that.
 */

import { NEVER, type NodeId } from '../../core/ids';
import type { Prng } from '../../core/prng';
import type { RunConfiguration } from '../configuration';
import type { Timeline } from '../timeline';
import type { Operator } from './operator';
import type { Order } from './true_peers';

/** At once, or when the other word may have got round. */
const LATER_MS = [150, 1500] as const;

interface Plan {
  readonly kind: Order['kind'];
  readonly peer: NodeId;
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
    /** Whether a node has made something that a peer has not seen. */
    private readonly hasNewsFor: (node: NodeId, peer: NodeId) => boolean,
  ) {
    this.isOn = prng.chance(1, 2);
  }

  /** A node has carried out an order; perhaps some node soon gets the opposite. */
  carriedOut(node: NodeId, order: Order): void {
    const peer = this.operator.outsider;
    const isAboutIt = order.peer === peer || (order.kind === 'register' && node === peer);
    if (peer === undefined || !isAboutIt || !this.isOn || !this.prng.chance(2, 3)) return;
    const kind = order.kind === 'register' ? 'unregister' : 'register';
    const asked = this.prng.pick(this.candidates(kind, peer));
    const at = this.timeline.now + this.prng.between(0, this.prng.pick(LATER_MS));
    this.plans.set(asked, { kind, peer, at });
  }

  private candidates(kind: Order['kind'], peer: NodeId): readonly NodeId[] {
    const others = this.members.filter((id) => id !== peer);
    if (kind === 'unregister') return others;
    if (this.prng.chance(1, 4)) return [peer];
    const news = others.filter((id) => this.hasNewsFor(id, peer));
    return news.length > 0 ? news : others;
  }

  /** What a node is asked for now. */
  due(node: NodeId): Order[] {
    const plan = this.plans.get(node);
    if (plan === undefined || plan.at > this.timeline.now) return [];
    this.plans.delete(node);
    const isOver = this.timeline.now >= this.configuration.durationMs;
    // Meanwhile it may be about somebody else.
    if (isOver || this.operator.outsider !== plan.peer) return [];
    return [this.operator.insist(plan.kind, node, plan.peer, NEVER)];
  }
}
