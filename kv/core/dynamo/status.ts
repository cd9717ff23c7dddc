/** What an operator may want to know about a node. */

import type { NodeId } from '../ids';
import type { Member, Standing } from './members';
import { partitionOf } from './ring';
import type { DynamoState } from './state';

export interface DynamoStatus {
  readonly self: NodeId;
  readonly name: string;
  /** `waiting`: it has asked to come in and was not answered yet. */
  readonly standing: Standing | 'waiting' | 'none';
  readonly group: number;
  readonly members: readonly (Member & { readonly suspected: boolean })[];
  /** On how many nodes each key lies, as this node was told. */
  readonly replicas: number;
  /** The part of all copies that lies here by the ring, 0 to 1. */
  readonly ringShare: number;
  readonly keys: number;
  readonly bytes: number;
  /** Versions beyond one for each key. */
  readonly siblings: number;
  readonly hints: number;
  readonly moves: number;
  /** Keys owed to each node. */
  readonly owed: Readonly<Record<string, number>>;
  /** Of a node that joins: partitions that it does not have yet. */
  readonly partitionsToCollect: number;
  readonly repairs: number;
  readonly handedOver: number;
  readonly received: number;
  readonly standIns: number;
  readonly pendingRequests: number;
  /** For how long the oldest record that is not durable has been with the disk; 0: there is none. */
  readonly diskLagMs: number;
  readonly snapshotActivity: 'none' | 'taking';
}

export function statusOf(node: DynamoState): DynamoStatus {
  const { table, suspects, deliveries, store, counts, self, options, group, seed } = node;
  const waiting = group === 0 && seed !== undefined;
  return {
    self,
    name: options.name,
    standing: waiting ? 'waiting' : (node.standing ?? 'none'),
    group,
    members: table.all.map((member) => ({ ...member, suspected: suspects.has(member.id) })),
    replicas: options.replicas,
    ringShare: table.current.shareOf(self),
    keys: store.size,
    bytes: store.bytes,
    siblings: store.siblings,
    hints: deliveries.hints,
    moves: deliveries.moves,
    owed: Object.fromEntries(
      deliveries.creditors.map((id) => [id, deliveries.owedTo(id).size] as const),
    ),
    partitionsToCollect: node.collecting?.size ?? 0,
    repairs: counts.repairs,
    handedOver: counts.handedOver,
    received: counts.received,
    standIns: counts.standIns,
    pendingRequests: node.pendingRequests,
    diskLagMs: node.journal.lagMs(node.now),
    snapshotActivity: node.snapshots.isTaking ? 'taking' : 'none',
  };
}

/** The homes of a key in the order of preference, with their addresses. */
export function lookUp(node: DynamoState, key: string): (readonly [name: string, id: NodeId])[] {
  const homes = node.table.current.homesOf(partitionOf(key));
  return homes.map((id) => [node.table.find(id)?.name ?? id, id] as const);
}

/** The names of the members that are thought to be alive, this node included, sorted. */
export function aliveMembers(node: DynamoState): string[] {
  return node.table.all
    .filter(({ id, standing }) => standing !== 'left' && !node.suspects.has(id))
    .map(({ name }) => name)
    .sort();
}
