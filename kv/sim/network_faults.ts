/** The faults of a plan that are about the network: cuts of every form, slow and broken links, loss. */

import { unreachable } from '../core/assert';
import type { NodeId } from '../core/ids';
import type { Prng } from '../core/prng';
import type { Fault, FaultKind } from './faults';
import type { Network } from './network';
import type { Timeline } from './timeline';

export type NetworkFaultKind = Extract<
  FaultKind,
  | 'partition'
  | 'one_way'
  | 'slow_link'
  | 'broken_connection'
  | 'loss_burst'
  | 'repeat_burst'
  | 'flapping_link'
>;

/** A link that flaps is closed for so long at most, and open for so long. */
const MAX_CLOSED_MS = 300;
const MAX_OPEN_MS = 600;

export interface NetworkFaultHost<Message> {
  ids(): readonly NodeId[];
  readonly network: Network<Message>;
  readonly timeline: Timeline;
  readonly prng: Prng;
  leader(): NodeId | undefined;
  /** All faults have ended: nothing new begins. */
  isOver(): boolean;
  /** Undoes a fault when its time is over, or when all faults end. */
  undoLater(afterMs: number, undo: () => void): void;
  say(text: string): void;
}

export class NetworkFaults<Message> {
  constructor(private readonly host: NetworkFaultHost<Message>) {}

  /** False if the fault has nothing to meet. */
  strike(fault: Fault, kind: NetworkFaultKind, node: NodeId): boolean {
    switch (kind) {
      case 'partition':
      case 'one_way':
        return this.partition(fault, node);
      case 'slow_link':
        return this.slowLink(fault, node);
      case 'broken_connection':
        return this.breakConnection(fault, node);
      case 'loss_burst':
        return this.loseMuch(fault);
      case 'repeat_burst':
        return this.repeatMuch(fault);
      case 'flapping_link':
        return this.flap(fault, node);
      default:
        return unreachable(kind);
    }
  }

  /** Two halves, one node alone, a chain in which each sees its neighbours only, or one direction. */
  private partition(fault: Fault, node: NodeId): boolean {
    const ids = this.host.ids();
    if (ids.length < 2) return false;
    const pairs = fault.kind === 'one_way' ? this.oneWay(fault, node) : this.twoWay(fault, node);
    const { network } = this.host;
    // Packets that are dropped tell nobody; connections that are refused do.
    const isTold = fault.kind === 'partition' && fault.amount % 5 < 2;
    const cut = pairs.map(([from, to]) => `${from}→${to}`).join(' ');
    this.host.say(`the network is cut: ${cut} for ${fault.forMs} ms`);
    for (const [from, to] of pairs) network.block(from, to);
    if (isTold) for (const [from, to] of pairs) network.tell(from, to, false);
    this.host.undoLater(fault.forMs, () => {
      this.host.say(`the network is whole again: ${cut}`);
      for (const [from, to] of pairs) network.unblock(from, to);
      for (const [from, to] of pairs) if (network.isOpen(from, to)) network.tell(from, to, true);
    });
    return true;
  }

  private twoWay(fault: Fault, alone: NodeId): [NodeId, NodeId][] {
    const ids = this.host.ids();
    const form = fault.amount % 4;
    const left = new Set(ids.filter(() => this.host.prng.chance(1, 2)));
    // A leader is best cut off alone or with few: it goes on for a while, and others elect another.
    if (fault.target.leader) {
      left.clear();
      for (const id of this.fewBeside(alone)) left.add(id);
    }
    const isCut = (one: NodeId, other: NodeId): boolean => {
      if (form === 0) return one === alone || other === alone;
      if (form === 1) return Math.abs(ids.indexOf(one) - ids.indexOf(other)) > 1;
      return left.has(one) !== left.has(other);
    };
    return ids.flatMap((one) =>
      ids
        .filter((other) => one !== other && isCut(one, other))
        .map((other): [NodeId, NodeId] => [one, other]),
    );
  }

  /** A node and others that are no majority with it. */
  private fewBeside(node: NodeId): NodeId[] {
    const others = this.others(node);
    const few = Math.max(0, Math.ceil((others.length + 1) / 2) - 2);
    const first = this.host.prng.between(0, others.length - 1);
    return [node, ...others.slice(first), ...others.slice(0, first)].slice(0, 1 + few);
  }

  /** Nobody hears a node, or it hears nobody, or one single direction is cut. */
  private oneWay(fault: Fault, node: NodeId): [NodeId, NodeId][] {
    const others = this.others(node);
    const form = fault.amount % 3;
    if (form === 2) return [[node, this.host.prng.pick(others)]];
    return others.map((other) => (form === 0 ? [node, other] : [other, node]));
  }

  private slowLink(fault: Fault, node: NodeId): boolean {
    const others = this.others(node);
    if (others.length === 0) return false;
    const other = this.host.prng.pick(others);
    const ms = 10 + (fault.amount % 500);
    this.host.say(`from ${node} to ${other} it takes ${ms} ms longer for ${fault.forMs} ms`);
    this.host.network.slowDown(node, other, ms);
    this.host.undoLater(fault.forMs, () => this.host.network.slowDown(node, other, -ms));
    return true;
  }

  private breakConnection(fault: Fault, node: NodeId): boolean {
    const others = this.others(node);
    if (others.length === 0) return false;
    const other = this.host.prng.pick(others);
    const { network } = this.host;
    this.host.say(`the connection of ${node} and ${other} breaks`);
    network.breakConnection(node, other);
    this.host.undoLater(fault.forMs, () => {
      if (network.isOpen(node, other)) network.tell(node, other, true);
    });
    return true;
  }

  /**
   * The links of a node, to all or to one, close and open again and again; everybody lives. Mostly a
   * leader's, because a leader that lives may hold a lease.
   */
  private flap(fault: Fault, target: NodeId): boolean {
    const node = fault.amount % 3 === 0 ? target : (this.host.leader() ?? target);
    const others = this.others(node);
    if (others.length === 0) return false;
    const met = fault.amount % 4 === 0 ? [this.host.prng.pick(others)] : others;
    this.host.say(`the links of ${node} to ${met.join(' ')} flap for ${fault.forMs} ms`);
    this.close(node, met, this.host.timeline.now + fault.forMs);
    return true;
  }

  /** What is closed carries nothing, and both ends are told at once. */
  private close(node: NodeId, others: readonly NodeId[], end: number): void {
    const { network, prng, timeline } = this.host;
    for (const other of others) {
      network.breakConnection(node, other);
      network.block(node, other);
      network.block(other, node);
    }
    this.host.undoLater(prng.between(1, MAX_CLOSED_MS), () => {
      for (const other of others) {
        network.unblock(node, other);
        network.unblock(other, node);
        if (network.isOpen(node, other)) network.tell(node, other, true);
      }
      if (this.host.isOver() || timeline.now >= end) return;
      this.host.undoLater(prng.between(1, MAX_OPEN_MS), () => {
        if (!this.host.isOver()) this.close(node, others, end);
      });
    });
  }

  private loseMuch(fault: Fault): boolean {
    const { network } = this.host;
    const lost = 1000 + (fault.amount % 8000);
    this.host.say(`${lost / 100} % of all messages are lost for ${fault.forMs} ms`);
    network.lost = lost;
    this.host.undoLater(fault.forMs, () => {
      network.lost = network.settings.lost;
    });
    return true;
  }

  /** Many messages come a second time, long after they were sent. */
  private repeatMuch(fault: Fault): boolean {
    const { network } = this.host;
    if (network.settings.ordered) return false;
    const echoed = 500 + (fault.amount % 4000);
    this.host.say(`${echoed / 100} % of all messages come again much later, for ${fault.forMs} ms`);
    network.echoed = echoed;
    this.host.undoLater(fault.forMs, () => {
      network.echoed = 0;
    });
    return true;
  }

  private others(node: NodeId): NodeId[] {
    return this.host.ids().filter((id) => id !== node);
  }
}
