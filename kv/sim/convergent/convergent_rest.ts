/** What a group of replicas looks like: when nothing is left to do, and what must never be. */

import { hexOf } from '../../core/convergent/fingerprint';
import { reportAt } from '../../core/convergent/reporting';
import type { ConvergentState } from '../../core/convergent/state';
import { isEqual } from '../../core/convergent/vectors';
import { Violation } from '../violation';

type Node = Readonly<ConvergentState>;

/** What a node is in the middle of, that a fault may spoil. */
export function delicateMoments({
  snapshots,
  pulling,
  giving,
  collecting,
  journal,
}: Node): string[] {
  return [
    ...(snapshots.isTaking ? ['takes a snapshot'] : []),
    ...(pulling === undefined ? [] : ['is being filled']),
    ...(giving.size === 0 ? [] : ['fills somebody']),
    ...(collecting === undefined ? [] : ['collects']),
    ...(journal.isBusy ? ['waits for its disk'] : []),
  ];
}

/**
 * While everybody has always been everybody's peer, who has seen the same holds the same: so whoever
 * thinks otherwise of a peer is wrong, and compares the whole map for nothing.
 */
export function checkComparisons({ self, peers }: Node): void {
  for (const { node, mustCompare } of peers.all) {
    if (!mustCompare) continue;
    throw new Violation(
      'comparing',
      `${self} thinks that ${node} has seen the same and holds other`,
    );
  }
}

/** What is not at rest; undefined when everything is. */
export function unrestOfGroup(nodes: readonly ConvergentState[]): string | undefined {
  for (const node of nodes) {
    const problem = unrestOfNode(node);
    if (problem !== undefined) return `${node.self} ${problem}`;
  }
  const [first, ...others] = nodes;
  if (first === undefined) return 'there is nobody';
  for (const other of others) {
    if (!isEqual(first.seen, other.seen)) return `${other.self} has seen other than ${first.self}`;
    const prints = [first, other].map(({ store }) => hexOf(store.fingerprint));
    if (prints[0] !== prints[1]) return `${other.self} holds other than ${first.self}`;
  }
  return undefined;
}

function unrestOfNode(node: ConvergentState): string | undefined {
  const { snapshots, journal, pending, pulling, store, peers } = node;
  if (!peers.isRegistered) return 'is not registered';
  if (snapshots.isTaking) return 'is taking a snapshot';
  if (journal.isBusy) return 'waits for its disk';
  if (pending.size > 0) return `owes ${pending.size} answers`;
  if (pulling !== undefined) return 'is being filled';
  if (store.tombstones > 0) return `has ${store.tombstones} tombstones`;
  for (const peer of peers.all) {
    if (peer.mustCompare) return `holds other than ${peer.node}`;
    if (peer.aheadSince !== undefined) return `lacks something of ${peer.node}`;
    if (reportAt(node, peer) !== Number.POSITIVE_INFINITY) return `has to tell ${peer.node}`;
  }
  return undefined;
}
