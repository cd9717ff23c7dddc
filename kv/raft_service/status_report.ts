/**
 * The status report of `GET /admin/status`: flat, plain JSON, names in snake_case.
 *
 * The first part has the names and meanings of PySyncObj's status, so that whoever watched such a
 * cluster can watch this one; the second part is our own.
 */

import type { PeerStatus, RaftStatus } from '../core/raft/status';
import type { StorageStats } from '../storage/storage';

export interface ReportInputs {
  readonly raft: RaftStatus;
  readonly storage: StorageStats;
  readonly clusterId: string;
  readonly version: string;
  readonly dataDir: string | undefined;
  readonly uptimeMs: number;
  readonly rssBytes: number;
  readonly keys: number;
  readonly dataBytes: number;
  readonly sessions: number;
  readonly idempotencyKeys: number;
  readonly loopLagMaxMs: number;
}

/** The version of the replicated format: what all nodes of a cluster must understand. */
const FORMAT_VERSION = 1;
const STATES = { follower: 0, pre_candidate: 1, candidate: 1, leader: 2 } as const;
const CONNECTED = 2;
const DISCONNECTED = 0;

export function statusReport(inputs: ReportInputs): Record<string, unknown> {
  return { ...familiarPart(inputs), ...ownPart(inputs) };
}

function familiarPart({ raft, version, uptimeMs }: ReportInputs): Record<string, unknown> {
  const followers = raft.role === 'leader' ? raft.peers : [];
  return {
    version,
    revision: version,
    self: raft.self,
    state: STATES[raft.role],
    leader: raft.leader ?? null,
    has_quorum: raft.hasQuorum,
    partner_nodes_count: raft.peers.length,
    ...forEach(raft.peers, 'partner_node_status_server_', ({ connected }) =>
      connected ? CONNECTED : DISCONNECTED,
    ),
    readonly_nodes_count: 0,
    log_len: raft.logEntries,
    last_applied: raft.appliedIndex,
    commit_idx: raft.commitIndex,
    raft_term: raft.term,
    next_node_idx_count: followers.length,
    ...forEach(followers, 'next_node_idx_server_', (peer) => peer.nextIndex),
    match_idx_count: followers.length,
    ...forEach(followers, 'match_idx_server_', (peer) => peer.matchIndex),
    leader_commit_idx: raft.leaderCommitIndex,
    uptime: Math.floor(uptimeMs / 1000),
    self_code_version: FORMAT_VERSION,
    enabled_code_version: FORMAT_VERSION,
  };
}

/** One member for each peer, named for it. */
function forEach(
  peers: readonly PeerStatus[],
  prefix: string,
  value: (peer: PeerStatus) => number,
): Record<string, number> {
  return Object.fromEntries(peers.map((peer) => [prefix + peer.id, value(peer)]));
}

function ownPart(inputs: ReportInputs): Record<string, unknown> {
  const { raft, storage } = inputs;
  return {
    protocol: 'raft',
    role: raft.role,
    pid: process.pid,
    cluster_id: inputs.clusterId,
    node_version: process.version,
    data_dir: inputs.dataDir ?? null,
    storage_id: raft.storage,
    voters: raft.voters.map((voter) => voter.id),
    disk_unknown: raft.diskUnknown,
    first_log_idx: raft.firstIndex,
    last_log_idx: raft.lastIndex,
    durable_idx: raft.durableIndex,
    log_bytes: raft.logBytes,
    snapshot_idx: raft.snapshotIndex,
    snapshot_bytes: raft.snapshotBytes,
    snapshot_activity: raft.snapshotActivity,
    journal_bytes: storage.journalBytes,
    journal_segments: storage.journalSegments,
    fsync_count: storage.fsyncCount,
    last_fsync_ms: rounded(storage.lastFsyncMs),
    keys: inputs.keys,
    data_bytes: inputs.dataBytes,
    sessions: inputs.sessions,
    idempotency_keys: inputs.idempotencyKeys,
    pending_requests: raft.pendingRequests,
    rss_bytes: inputs.rssBytes,
    data_age_ms: raft.ageMs === undefined ? null : rounded(raft.ageMs),
    loop_lag_max_ms: rounded(inputs.loopLagMaxMs),
    peers: raft.peers.map((peer) => ({
      id: peer.id,
      connected: peer.connected,
      next_idx: peer.nextIndex,
      match_idx: peer.matchIndex,
      mode: peer.mode,
    })),
  };
}

const rounded = (value: number): number => Math.round(value * 1000) / 1000;
