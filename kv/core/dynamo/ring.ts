/**
 * Who holds a key (Dynamo §4.2, §6.2): consistent hashing with virtual nodes.
 *
 * The ring is cut into 4,096 partitions of equal size, and every node has one virtual node in each
 * of them, at a place that follows from its id. The preference list of a partition is got by walking
 * clockwise from its beginning: as every node comes by within the partition, the list names all of
 * them once, in an order of its own for each partition. The first N hold the keys, the others stand
 * in for them in this order.
 *
 * Many small partitions with one virtual node of everybody in each spread the load more evenly than
 * virtual nodes at random places do, and a node that comes or goes changes no order but its own: only
 * its share moves.
 */

import type { ByteString } from '../command';
import type { NodeId } from '../ids';
import { positionOf, tokenOf } from './digests';

export const PARTITIONS = 4096;
const POSITIONS_PER_PARTITION = 2 ** 32 / PARTITIONS;

/** The partition in which a key lies, 0 to 4,095. */
export const partitionOf = (key: ByteString): number =>
  Math.floor(positionOf(key) / POSITIONS_PER_PARTITION);

export class Ring {
  private readonly orders: (readonly NodeId[] | undefined)[] = [];
  private readonly firsts: (readonly NodeId[] | undefined)[] = [];

  constructor(
    readonly members: readonly NodeId[],
    /** On how many nodes each key lies, if there are as many. */
    readonly replicas: number,
  ) {}

  /** All members, in the order in which they are asked for keys of this partition. */
  orderOf(partition: number): readonly NodeId[] {
    let order = this.orders[partition];
    if (order === undefined) {
      order = this.members
        .map((id) => ({ id, token: tokenOf(id, partition) }))
        .sort((one, other) => one.token - other.token || (one.id < other.id ? -1 : 1))
        .map(({ id }) => id);
      this.orders[partition] = order;
    }
    return order;
  }

  /** The nodes that hold the keys of this partition. */
  homesOf(partition: number): readonly NodeId[] {
    let homes = this.firsts[partition];
    if (homes === undefined) {
      homes = this.orderOf(partition).slice(0, this.replicas);
      this.firsts[partition] = homes;
    }
    return homes;
  }

  /** Which part of all copies this node holds, if keys are spread evenly. 0 to 1. */
  shareOf(node: NodeId): number {
    let held = 0;
    let all = 0;
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const homes = this.homesOf(partition);
      all += homes.length;
      if (homes.includes(node)) held++;
    }
    return all === 0 ? 0 : held / all;
  }
}
