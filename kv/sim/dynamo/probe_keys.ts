/** What a probe of Dynamo asks for: a key, and a quorum that the nodes within reach are to give it. */

import { partitionOf } from '../../core/dynamo/ring';
import type { DynamoState } from '../../core/dynamo/state';
import type { NodeId } from '../../core/ids';

type Node = Readonly<DynamoState>;

export class ProbeKeys {
  private last = 0;

  /** `members` are all nodes of the run, those that have left included. */
  constructor(private readonly members: readonly NodeId[]) {}

  /** Each try has a key of its own: written blindly again and again, one would get too many versions. */
  next(): string {
    return `probe ${++this.last}`;
  }

  /** A majority, if all nodes are members by their own word (`nodes` are those that run); else 1. */
  majority(nodes: readonly Node[], { options }: Node): number {
    const isIn = (id: NodeId): boolean =>
      nodes.every(({ self, table }) => self !== id || table.current.members.includes(id));
    // With fewer members than nodes, a majority of the nodes may have only one of them in it.
    if (!this.members.every(isIn)) return 1;
    return Math.min(Math.floor(this.members.length / 2) + 1, options.replicas);
  }

  /**
   * A key to be written at `node`, with a quorum. Homes out of reach are stood in for, but only as
   * long as those who can be reached have room for hints; without it a write gets the homes among
   * them, and is promised no more.
   */
  forWrite(nodes: readonly Node[], node: Node, among: readonly NodeId[]): [string, number] {
    const most = this.majority(nodes, node);
    const within = nodes.filter(({ self }) => among.includes(self));
    if (within.every(({ deliveries, options }) => deliveries.hints < options.maxHints)) {
      return [this.next(), most];
    }
    // The node itself is a member, so some keys are at home with it.
    for (;;) {
      const key = this.next();
      const homes = node.table.current.homesOf(partitionOf(key));
      const reached = homes.filter((home) => among.includes(home)).length;
      if (reached > 0) return [key, Math.min(most, reached)];
    }
  }
}
