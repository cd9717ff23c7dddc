/** What follows from suspecting a node, and from hearing of it again. */

import type { NodeId } from '../ids';
import type { DynamoState } from './state';

export function suspect(node: DynamoState, other: NodeId, why: string): void {
  const standing = node.table.find(other)?.standing;
  // Nobody asks for those who have left, so nobody minds their silence.
  if (other === node.self || standing === undefined || standing === 'left') return;
  if (node.suspects.add(other, node.now)) node.narrate(`suspects ${other}: ${why}`);
}

/** The connection to a node was made or lost: no more than a hint. */
export function linkChanged(node: DynamoState, peer: NodeId, up: boolean): void {
  if (up) node.suspects.probeSoon(peer, node.now);
  else suspect(node, peer, 'the link is down');
}

/** Asks suspected nodes whether they are back; nobody else is ever asked. */
export function probe(node: DynamoState): void {
  for (const other of node.suspects.due(node.now)) {
    if (node.table.find(other) === undefined) node.suspects.forget(other);
    else node.send(other, { kind: 'ping' });
  }
}
