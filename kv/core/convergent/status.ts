/** What an operator may want to know about a replica, and whom the driver has to reach. */

import type { NodeId } from '../ids';
import { hexOf } from './fingerprint';
import { millisOf } from './stamps';
import type { ConvergentState } from './state';

/** A registered peer: the driver keeps a connection to each of these, by its address. */
export interface Peer {
  readonly node: NodeId;
  readonly address: string;
}

export interface PeerStatus extends Peer {
  /** The id of its disk as 12 hexadecimal digits; undefined until it was heard of. */
  readonly replicaId: string | undefined;
  readonly linkIsUp: boolean;
  /** Undefined if it was not heard of since the start. */
  readonly heardMsAgo: number | undefined;
  /** It is known to have all that this replica has. */
  readonly hasAll: boolean;
  /** It has something that this replica lacks. */
  readonly isAhead: boolean;
  /** How far the last message that was refused was ahead of the clock here; 0 if none was. */
  readonly refusedAheadMs: number;
}

export interface ConvergentStatus {
  readonly self: NodeId;
  /** The id of its disk as 12 hexadecimal digits. */
  readonly replicaId: string;
  readonly address: string;
  /** A hash of all that clients can see, as 16 hexadecimal digits: equal on converged replicas. */
  readonly digest: string;
  /** Whether it has been unregistered: it has peers' data but is nobody's peer. */
  readonly isUnregistered: boolean;
  readonly keys: number;
  /** Deleted keys that are still remembered. */
  readonly tombstones: number;
  /** About how much the keys and values take. */
  readonly bytes: number;
  readonly peers: readonly PeerStatus[];
  /** The newest update of each replica that this one has: by replica id, Unix milliseconds. */
  readonly seen: Readonly<Record<string, number>>;
  /** How far the logical clock is ahead of the wall clock, in milliseconds; 0 is usual. */
  readonly clockAheadMs: number;
  readonly pendingRequests: number;
  /** Since the start: updates of clients, keys taken over from peers, transfers, and so on. */
  readonly counts: ConvergentCounts;
  readonly snapshotActivity: 'none' | 'taking';
}

export interface ConvergentCounts {
  readonly updates: number;
  readonly received: number;
  readonly pulls: number;
  /** Transfers that began with digests of the whole state. */
  readonly comparisons: number;
  readonly collected: number;
  /** Messages of peers that were refused because of their clock. */
  readonly refused: number;
}

export const replicaIdOf = (replica: number): string => replica.toString(16).padStart(12, '0');

export function peersOf({ peers, self }: ConvergentState): Peer[] {
  return [...peers.registered].flatMap(([node, { address }]) =>
    node === self || !peers.isPeer(node) ? [] : [{ node, address }],
  );
}

export function statusOf(node: ConvergentState): ConvergentStatus {
  const { store, clock, peers, options, pending, snapshots, seen, now } = node;
  return {
    self: node.self,
    replicaId: replicaIdOf(node.replica),
    address: options.address,
    digest: hexOf(store.fingerprint),
    isUnregistered: !peers.isRegistered,
    keys: store.size,
    tombstones: store.tombstones,
    bytes: store.bytes,
    peers: peersOf(node).map((peer) => peerStatusOf(node, peer)),
    seen: Object.fromEntries(
      [...seen].map(([replica, time]) => [replicaIdOf(replica), millisOf(time)]),
    ),
    clockAheadMs: clock.driftMs(now),
    pendingRequests: pending.size,
    counts: { ...node.counts },
    snapshotActivity: snapshots.isTaking ? 'taking' : 'none',
  };
}

function peerStatusOf({ peers, seen, now }: ConvergentState, peer: Peer): PeerStatus {
  const state = peers.of(peer.node);
  const wasHeard = state !== undefined && Number.isFinite(state.heardAt);
  return {
    ...peer,
    replicaId: state && state.replica !== 0 ? replicaIdOf(state.replica) : undefined,
    linkIsUp: state !== undefined && !state.linkIsDown,
    heardMsAgo: wasHeard ? now - state.heardAt : undefined,
    hasAll: state?.hasAll(seen) ?? false,
    isAhead: state !== undefined && state.aheadSince !== undefined,
    refusedAheadMs: state?.refusedAheadMs ?? 0,
  };
}
