/** What operators read of a convergent replica: the status report and the metrics. */

import type { ConvergentStatus } from '../core/convergent/status';
import type { NodeId } from '../core/ids';
import type { LaneStats, PeerStats } from '../runtime/peer_link';
import type { StorageStats } from '../storage/storage';

type Peers = ReadonlyMap<NodeId, PeerStats>;

export interface StatusParts {
  readonly core: ConvergentStatus;
  readonly storage: StorageStats;
  readonly peers: Peers;
  readonly version: string;
  readonly dataDir: string | undefined;
  readonly uptimeMs: number;
}

export function statusReport(parts: StatusParts): Readonly<Record<string, unknown>> {
  const { core, storage, peers, version, dataDir, uptimeMs } = parts;
  return {
    version,
    protocol: 'convergent',
    self: core.address,
    replica_id: core.replicaId,
    digest: core.digest,
    keys: core.keys,
    tombstones: core.tombstones,
    data_bytes: core.bytes,
    registered: !core.isUnregistered,
    peers: core.peers.map((peer) => ({
      replica_id: peer.node,
      url: peer.address,
      connected: peers.get(peer.node)?.connected ?? false,
      heard_ms_ago: peer.heardMsAgo === undefined ? null : Math.round(peer.heardMsAgo),
      has_all: peer.hasAll,
      is_ahead: peer.isAhead,
      clock_refused_ahead_ms: Math.round(peer.refusedAheadMs),
    })),
    links_up: countConnected(peers),
    seen: core.seen,
    clock_ahead_ms: Math.round(core.clockAheadMs),
    updates: core.counts.updates,
    keys_received: core.counts.received,
    pulls: core.counts.pulls,
    comparisons: core.counts.comparisons,
    tombstones_collected: core.counts.collected,
    messages_refused: core.counts.refused,
    pending_requests: core.pendingRequests,
    snapshot_activity: core.snapshotActivity,
    journal_bytes: storage.journalBytes,
    snapshot_bytes: storage.snapshotBytes,
    last_fsync_ms: Number(storage.lastFsyncMs.toFixed(3)),
    peer_messages_sent: sumOf(peers, ({ messagesSent }) => messagesSent),
    peer_messages_received: sumOf(peers, ({ messagesReceived }) => messagesReceived),
    peer_bytes_sent: sumOf(peers, ({ bytesSent }) => bytesSent),
    peer_bytes_received: sumOf(peers, ({ bytesReceived }) => bytesReceived),
    pid: process.pid,
    data_dir: dataDir ?? '',
    uptime: Math.floor(uptimeMs / 1000),
  };
}

const countConnected = (peers: Peers): number =>
  [...peers.values()].filter(({ connected }) => connected).length;

function sumOf(peers: Peers, pick: (lane: LaneStats) => number): number {
  const lanes = [...peers.values()].flatMap((peer) => Object.values(peer.lanes));
  return lanes.reduce((total, lane) => total + pick(lane), 0);
}

const PREFIX = 'quorum_kv_';

/** The text format of Prometheus: every number is read when it is asked for. */
export function metricsText(
  core: ConvergentStatus,
  storage: StorageStats,
  peers: Peers,
  requests: Readonly<Record<'reads' | 'updates' | 'failed', number>>,
): { readonly contentType: string; readonly text: string } {
  const { counts } = core;
  const ahead = core.peers.filter(({ isAhead }) => isAhead).length;
  const behind = core.peers.filter(({ hasAll }) => !hasAll).length;
  const gauges: readonly [name: string, help: string, value: number][] = [
    ['keys', 'Keys that have a value', core.keys],
    ['tombstones', 'Deleted keys that are still remembered', core.tombstones],
    ['data_bytes', 'About how much keys and values take', core.bytes],
    ['peers', 'Registered peers', core.peers.length],
    ['peers_connected', 'Peers with a connection', countConnected(peers)],
    ['peers_ahead', 'Peers that have something this replica lacks', ahead],
    ['peers_behind', 'Peers not known to have all that this replica has', behind],
    ['clock_ahead_ms', 'How far the logical clock is ahead of the wall clock', core.clockAheadMs],
    ['pending_requests', 'Requests that wait for the disk', core.pendingRequests],
    ['journal_bytes', 'Size of the journal on disk', storage.journalBytes],
    ['snapshot_bytes', 'Size of the current snapshot', storage.snapshotBytes],
  ];
  const totals: readonly [name: string, help: string, value: number][] = [
    ['reads_total', 'Reads of clients', requests.reads],
    ['updates_total', 'Updates of clients', requests.updates],
    ['failed_requests_total', 'Requests that were refused or failed', requests.failed],
    ['keys_received_total', 'Keys taken over from peers', counts.received],
    ['pulls_total', 'Transfers that were asked for', counts.pulls],
    ['comparisons_total', 'Transfers that began with digests of the state', counts.comparisons],
    ['tombstones_collected_total', 'Tombstones that were forgotten', counts.collected],
    ['messages_refused_total', 'Messages refused because of their clock', counts.refused],
    ['peer_bytes_sent_total', 'Bytes sent to peers', sumOf(peers, (lane) => lane.bytesSent)],
    ['fsyncs_total', 'Completed flushes of the journal', storage.fsyncCount],
  ];
  const lines =
    (type: string) =>
    ([name, help, value]: readonly [string, string, number]) =>
      `# HELP ${PREFIX}${name} ${help}\n# TYPE ${PREFIX}${name} ${type}\n${PREFIX}${name} ${value}\n`;
  const text = [...gauges.map(lines('gauge')), ...totals.map(lines('counter'))].join('');
  return { contentType: 'text/plain; version=0.0.4; charset=utf-8', text };
}
