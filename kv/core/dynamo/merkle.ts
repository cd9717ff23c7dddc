/**
 * What two nodes hold in common, in 1, 64 and 4,096 digests (Dynamo §4.7): the tree of Merkle, three
 * levels deep, over the partitions that the ring gives to both. Equal trees are told apart from
 * unequal ones by 6 bytes.
 */

import type { NodeId } from '../ids';
import { digestOfList } from './digests';
import { PARTITIONS, type Ring } from './ring';
import type { Store } from './store';

/** Branches of the tree, and leaves of each branch. */
export const BRANCHES = 64;

/** The digests of the partitions of a branch; 0 where the two do not both hold it. */
export function leavesOf(
  store: Store,
  ring: Ring,
  self: NodeId,
  peer: NodeId,
  branch: number,
): number[] {
  return Array.from({ length: BRANCHES }, (_, leaf) => {
    const partition = branch * BRANCHES + leaf;
    const homes = ring.homesOf(partition);
    const isShared = homes.includes(self) && homes.includes(peer);
    return isShared ? store.digestOfPartition(partition) : 0;
  });
}

export function branchesOf(store: Store, ring: Ring, self: NodeId, peer: NodeId): number[] {
  return Array.from({ length: PARTITIONS / BRANCHES }, (_, branch) => {
    const leaves = leavesOf(store, ring, self, peer, branch);
    return leaves.every((leaf) => leaf === 0) ? 0 : digestOfList(leaves);
  });
}

export function rootOf(store: Store, ring: Ring, self: NodeId, peer: NodeId): number {
  return digestOfList(branchesOf(store, ring, self, peer));
}
