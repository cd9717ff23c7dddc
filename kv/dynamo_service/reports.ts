/** What operators read of a Dynamo node: the status report and the metrics. */

import type { DynamoStatus } from '../core/dynamo/status';
import type { NodeId } from '../core/ids';
import type { PeerStats } from '../runtime/peer_link';
import type { StorageStats } from '../storage/storage';

export interface StatusParts {
  readonly core: DynamoStatus;
  readonly storage: StorageStats;
  readonly peers: ReadonlyMap<NodeId, PeerStats>;
  readonly version: string;
  readonly dataDir: string | undefined;
  readonly uptimeMs: number;
}

export function statusReport(parts: StatusParts): Readonly<Record<string, unknown>> {
  const { core, storage, peers, version, dataDir, uptimeMs } = parts;
  const lanes = [...peers.values()].flatMap((peer) => Object.values(peer.lanes));
  const sum = (pick: (lane: (typeof lanes)[number]) => number): number =>
    lanes.reduce((total, lane) => total + pick(lane), 0);
  return {
    version,
    protocol: 'dynamo',
    self: core.self,
    name: core.name,
    standing: core.standing,
    group: core.group,
    members: core.members.map(({ id, name, standing, suspected }) => ({
      ...{ name, address: id, standing, suspected },
      connected: peers.get(id)?.connected ?? id === core.self,
    })),
    replicas: core.replicas,
    ring_share: Number(core.ringShare.toFixed(4)),
    records: core.keys,
    data_bytes: core.bytes,
    siblings: core.siblings,
    hints_waiting: core.hints,
    keys_to_move: core.moves,
    owed_to: core.owed,
    partitions_to_collect: core.partitionsToCollect,
    read_repairs: core.repairs,
    keys_handed_over: core.handedOver,
    keys_received: core.received,
    stand_ins_asked: core.standIns,
    pending_requests: core.pendingRequests,
    snapshot_activity: core.snapshotActivity,
    journal_bytes: storage.journalBytes,
    snapshot_bytes: storage.snapshotBytes,
    disk_lag_ms: Math.round(core.diskLagMs),
    last_fsync_ms: Number(storage.lastFsyncMs.toFixed(3)),
    peer_messages_sent: sum(({ messagesSent }) => messagesSent),
    peer_messages_received: sum(({ messagesReceived }) => messagesReceived),
    pid: process.pid,
    data_dir: dataDir ?? '',
    uptime: Math.floor(uptimeMs / 1000),
  };
}

const PREFIX = 'quorum_kv_';

/** The text format of Prometheus: every number is read when it is asked for. */
export function metricsText(
  core: DynamoStatus,
  storage: StorageStats,
  requests: Readonly<Record<'get' | 'put' | 'failed', number>>,
): { readonly contentType: string; readonly text: string } {
  const gauges: readonly [name: string, help: string, value: number][] = [
    ['keys', 'Keys held by this node', core.keys],
    ['siblings', 'Versions beyond one for each key', core.siblings],
    ['hints', 'Keys kept for nodes that could not be reached', core.hints],
    ['keys_to_move', 'Keys that belong to others by the ring', core.moves],
    ['ring_share', 'Part of all copies that lies here by the ring', core.ringShare],
    ['partitions_to_collect', 'Partitions that a joining node lacks', core.partitionsToCollect],
    ['suspected_nodes', 'Members thought to be out of reach', countSuspected(core)],
    ['pending_requests', 'Requests that wait for their outcome', core.pendingRequests],
    ['disk_lag_seconds', 'Age of the oldest record that is not durable', core.diskLagMs / 1000],
    ['journal_bytes', 'Size of the journal on disk', storage.journalBytes],
    ['snapshot_bytes', 'Size of the current snapshot', storage.snapshotBytes],
  ];
  const totals: readonly [name: string, help: string, value: number][] = [
    ['gets_total', 'Reads of clients', requests.get],
    ['puts_total', 'Writes of clients', requests.put],
    ['failed_requests_total', 'Requests that were refused or failed', requests.failed],
    ['read_repairs_total', 'Replicas repaired by reads', core.repairs],
    ['keys_handed_over_total', 'Keys handed over to others', core.handedOver],
    ['keys_received_total', 'Keys taken from others outside of requests', core.received],
    ['stand_ins_total', 'Nodes asked to stand in for others', core.standIns],
    ['fsyncs_total', 'Completed flushes of the journal', storage.fsyncCount],
  ];
  const lines =
    (type: string) =>
    ([name, help, value]: readonly [string, string, number]) =>
      `# HELP ${PREFIX}${name} ${help}\n# TYPE ${PREFIX}${name} ${type}\n${PREFIX}${name} ${value}\n`;
  const text = [...gauges.map(lines('gauge')), ...totals.map(lines('counter'))].join('');
  return { contentType: 'text/plain; version=0.0.4; charset=utf-8', text };
}

const countSuspected = ({ members }: DynamoStatus): number =>
  members.filter(({ suspected }) => suspected).length;
