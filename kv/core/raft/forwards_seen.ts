/**
 * Which forwarded writes of other nodes were seen here, so that each is decided once.
 *
 * Refusing the first try of a write is a promise that it is in no log and never will be: its client
 * is told so. But a message may come twice. The second copy of a refused one must not be taken into
 * the log, and the second copy of one that is in the log must not be refused.
 */

import type { NodeId } from '../ids';

/** So many are remembered for each node: far more than it can have under way. */
const REMEMBERED = 16_384;

export class ForwardsSeen {
  private readonly ids = new Map<NodeId, Set<number>>();

  /** Whether it was seen before; from now on it was. */
  see(from: NodeId, id: number): boolean {
    const own = this.ids.get(from) ?? new Set<number>();
    if (own.has(id)) return true;
    this.ids.set(from, own.add(id));
    if (own.size > REMEMBERED) own.delete(own.values().next().value as number);
    return false;
  }
}
