/**
 * Anti-entropy (Dynamo §4.7): now and then each node compares what it holds with another that holds
 * the same partitions, beginning with one digest for all of them. While nothing differs that is one
 * message without an answer, so it may run for ever without anybody noticing.
 */

import type { NodeId } from '../ids';
import { sync } from './comparing';
import { BRANCHES, branchesOf, leavesOf, rootOf } from './merkle';
import type { MessageOf } from './messages';
import type { DynamoState } from './state';

/** So many branches of a tree are looked into at a time. */
const BRANCHES_AT_ONCE = 8;

/** Begins the rounds: one peer after another, each in its turn. */
export function startAntiEntropy(node: DynamoState): void {
  let turn = 0;
  const round = (): void => {
    const peers = peersOf(node);
    const peer = peers[turn++ % Math.max(1, peers.length)];
    if (peer !== undefined) askRoot(node, peer);
    node.later(node.options.antiEntropyMs, round);
  };
  // Nodes that were started together do not ask together.
  const number = node.nextNumber() % 1024;
  node.later((node.options.antiEntropyMs * (512 + number)) / 1024, round);
}

function peersOf(node: DynamoState): readonly NodeId[] {
  const { members } = node.table.current;
  if (!members.includes(node.self)) return [];
  return members.filter((id) => id !== node.self && !node.suspects.has(id));
}

export function askRoot(node: DynamoState, peer: NodeId): void {
  if (!peersOf(node).includes(peer)) return;
  const digest = rootOf(node.store, node.table.current, node.self, peer);
  node.send(peer, { kind: 'root', digest });
}

/** Trees over different partitions cannot be compared: the rings must be equal. */
const hasSameRing = (node: DynamoState, { table }: { readonly table: number }): boolean =>
  table === node.table.digest && node.isServing;

export function receiveRoot(node: DynamoState, from: NodeId, message: MessageOf<'root'>): void {
  if (!hasSameRing(node, message)) return;
  const { store, table, self } = node;
  if (rootOf(store, table.current, self, from) === message.digest) return;
  node.send(from, { kind: 'branches', digests: branchesOf(store, table.current, self, from) });
}

export function receiveBranches(
  node: DynamoState,
  from: NodeId,
  message: MessageOf<'branches'>,
): void {
  if (!hasSameRing(node, message)) return;
  const { store, table, self } = node;
  const own = branchesOf(store, table.current, self, from);
  const different = own.flatMap((digest, i) => (digest === message.digests[i] ? [] : [i]));
  // Beginning behind the last one that was looked into: the first ones may never end equal, where
  // they are written all the time or the other's disk is behind.
  const last = node.lastBranches.get(from) ?? -1;
  const inTurn = [...different.filter((i) => i > last), ...different.filter((i) => i <= last)];
  for (const branch of inTurn.slice(0, BRANCHES_AT_ONCE)) {
    node.lastBranches.set(from, branch);
    const digests = leavesOf(store, table.current, self, from, branch);
    node.send(from, { kind: 'leaves', branch, digests });
  }
}

export function receiveLeaves(node: DynamoState, from: NodeId, message: MessageOf<'leaves'>): void {
  if (!hasSameRing(node, message)) return;
  const { store, table, self } = node;
  const { branch, digests } = message;
  const own = leavesOf(store, table.current, self, from, branch);
  const different = own.flatMap((digest, leaf) =>
    digest === digests[leaf] ? [] : [branch * BRANCHES + leaf],
  );
  if (different.length > 0) sync(node, from, different);
}
