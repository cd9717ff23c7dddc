/** The network between simulated nodes: messages in flight, in a list that the test is free to bend. */

import type { NodeId } from '../../kv/core/ids';
import type { MessageKind, RaftMessage } from '../../kv/core/raft/messages';

export interface InFlight {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly message: RaftMessage;
}

/** Which messages are meant: all of those that fit every property, or that a function accepts. */
export type MessageFilter =
  | { readonly from?: string; readonly to?: string; readonly kind?: MessageKind }
  | ((each: InFlight) => boolean);

export function matches(each: InFlight, filter: MessageFilter = {}): boolean {
  if (typeof filter === 'function') return filter(each);
  const { from = each.from, to = each.to, kind = each.message.kind } = filter;
  return each.from === from && each.to === to && each.message.kind === kind;
}

export class RaftNetwork {
  /** What was sent and neither delivered nor lost, oldest first. */
  inflight: InFlight[] = [];
  /** The group of each node; nodes of different groups cannot reach each other. */
  private readonly groups = new Map<string, number>();

  /** A message that is sent over a cut link is lost. */
  send(from: NodeId, to: NodeId, message: RaftMessage): void {
    if (this.connected(from, to)) this.inflight.push({ from, to, message });
  }

  /** Takes out of flight what matches, in the order in which it was sent. */
  take(filter?: MessageFilter): InFlight[] {
    const taken = this.inflight.filter((each) => matches(each, filter));
    this.inflight = this.inflight.filter((each) => !taken.includes(each));
    return taken;
  }

  /** Sends a second copy of what matches. */
  duplicate(filter?: MessageFilter): number {
    const copies = this.inflight
      .filter((each) => matches(each, filter))
      .map((each) => ({ ...each }));
    this.inflight.push(...copies);
    return copies.length;
  }

  /** Turns around the order of what matches; it goes behind everything else. */
  reorder(filter?: MessageFilter): number {
    const taken = this.take(filter);
    this.inflight.push(...taken.reverse());
    return taken.length;
  }

  /** Cuts the network into groups. A node that is in no group is alone. What crosses is lost. */
  partition(groups: readonly (readonly string[])[], all: readonly NodeId[]): void {
    this.groups.clear();
    all.forEach((id, i) => {
      const group = groups.findIndex((members) => members.includes(id));
      this.groups.set(id, group === -1 ? groups.length + i : group);
    });
    this.inflight = this.inflight.filter(({ from, to }) => this.connected(from, to));
  }

  heal(): void {
    this.groups.clear();
  }

  connected(one: NodeId, other: NodeId): boolean {
    return this.groups.get(one) === this.groups.get(other);
  }
}
