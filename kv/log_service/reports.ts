/** What operators read of a node of the log: the status report, the metrics, and changes of health. */

import type { NodeConfig } from '../config';
import type { NodeId } from '../core/ids';
import type { Health, LogStatus, MasterStatus, SecondaryStatus } from '../core/log/status';
import type { Log } from '../runtime/log';
import type { PeerStats } from '../runtime/peer_link';
import type { Storage, StorageStats } from '../storage/storage';
import { VERSION } from '../version';

/** How health is called over HTTP. */
export const HEALTH_NAMES = {
  healthy: 'Healthy',
  suspected: 'Suspected',
  unhealthy: 'Unhealthy',
} as const satisfies Record<Health, string>;

export interface StatusParts {
  readonly core: LogStatus;
  readonly storage: Storage;
  readonly links: ReadonlyMap<NodeId, PeerStats>;
  readonly config: NodeConfig;
  readonly counts: RequestCounts;
  readonly uptimeMs: number;
}

export function statusReport(parts: StatusParts): Readonly<Record<string, unknown>> {
  const { core, storage, links, config, counts, uptimeMs } = parts;
  const { role } = core;
  const disk = storage.stats();
  const lanes = [...links.values()].flatMap((link) => Object.values(link.lanes));
  const sum = (pick: (lane: (typeof lanes)[number]) => number): number =>
    lanes.reduce((total, lane) => total + pick(lane), 0);
  return {
    version: VERSION,
    protocol: 'log',
    self: core.self,
    role: role.kind,
    ...(role.kind === 'master' ? masterReport(role) : secondaryReport(role, links)),
    log: core.log,
    first_order: core.first,
    next_order: core.end,
    messages: core.messages,
    log_bytes: core.bytes,
    unsynced_messages: core.unsynced,
    remembered_ids: core.droppedIds,
    waiting_readers: core.followers,
    appended_total: counts.appended,
    snapshot_activity: core.snapshotActivity,
    journal_bytes: disk.journalBytes,
    snapshot_bytes: disk.snapshotBytes,
    last_fsync_ms: Number(disk.lastFsyncMs.toFixed(3)),
    peer_messages_sent: sum(({ messagesSent }) => messagesSent),
    peer_messages_received: sum(({ messagesReceived }) => messagesReceived),
    allow_clear: config.messageLog.allowClear,
    storage_id: storage.identity.storageId,
    pid: process.pid,
    data_dir: config.dataDir ?? '',
    uptime: Math.floor(uptimeMs / 1000),
  };
}

function masterReport(role: MasterStatus): object {
  return {
    writable: role.isWritable,
    ...(role.notWritable === undefined ? {} : { not_writable_because: role.notWritable }),
    copies: role.copies,
    waiting_appends: role.waiting,
    secondaries: role.secondaries.map((one) => ({
      url: one.id,
      health: HEALTH_NAMES[one.health],
      state: one.state,
      ...(one.problem === undefined ? {} : { problem: one.problem }),
      next_order: one.end,
      lag: one.lag,
      in_flight: one.inFlight,
      retries: one.retries,
      silent_ms: one.silentForMs === undefined ? null : Math.round(one.silentForMs),
    })),
  };
}

function secondaryReport(role: SecondaryStatus, links: StatusParts['links']): object {
  const isConnected = [...links.values()].some(({ connected }) => connected);
  return {
    master: role.master,
    connected: isConnected,
    following: role.isFollowing,
    ...(role.problem === undefined ? {} : { problem: role.problem }),
    master_next_order: role.masterEnd ?? null,
    confirmed_next_order: role.confirmedEnd,
    held_messages: role.held,
  };
}

/** Requests of clients since the start. */
export interface RequestCounts {
  appended: number;
  repeated: number;
  late: number;
  failed: number;
  read: number;
}

const PREFIX = 'quorum_kv_';
type Metric = readonly [name: string, help: string, value: number];

/** The text format of Prometheus: every number is read when it is asked for. */
export function metricsText(
  core: LogStatus,
  storage: StorageStats,
  counts: RequestCounts,
): { readonly contentType: string; readonly text: string } {
  const gauges: readonly Metric[] = [
    ['messages', 'Messages in the log of this node', core.messages],
    ['next_order', 'Order of the next message to be shown', core.end],
    ['log_bytes', 'Memory that the log takes', core.bytes],
    ['unsynced_messages', 'Messages that the disk does not have yet', core.unsynced],
    ['waiting_readers', 'Readers that wait for the next message', core.followers],
    ['journal_bytes', 'Size of the journal on disk', storage.journalBytes],
    ['snapshot_bytes', 'Size of the current snapshot', storage.snapshotBytes],
    ...(core.role.kind === 'master' ? masterGauges(core.role) : secondaryGauges(core.role)),
  ];
  const totals: readonly Metric[] = [
    ['appends_total', 'Messages appended for clients', counts.appended],
    ['repeated_appends_total', 'Appends of an id that was there already', counts.repeated],
    ['late_appends_total', 'Appends that were answered before they had their copies', counts.late],
    ['reads_total', 'Pages read', counts.read],
    ['failed_requests_total', 'Requests that were refused or failed', counts.failed],
    ['fsyncs_total', 'Completed flushes of the journal', storage.fsyncCount],
  ];
  const lines =
    (type: string) =>
    ([name, help, value]: Metric) =>
      `# HELP ${PREFIX}${name} ${help}\n# TYPE ${PREFIX}${name} ${type}\n${PREFIX}${name} ${value}\n`;
  const lag = core.role.kind === 'master' ? lagText(core.role) : '';
  const text = [...gauges.map(lines('gauge')), ...totals.map(lines('counter')), lag].join('');
  return { contentType: 'text/plain; version=0.0.4; charset=utf-8', text };
}

const masterGauges = (role: MasterStatus): readonly Metric[] => [
  ['waiting_appends', 'Appends that wait for their copies', role.waiting],
  ['writable', 'Whether appends are taken', role.isWritable ? 1 : 0],
];

const secondaryGauges = (role: SecondaryStatus): readonly Metric[] => [
  ['following', 'Whether the master has taken this node on', role.isFollowing ? 1 : 0],
  ['held_messages', 'Messages beyond a gap', role.held],
];

/** A URL may hold anything that a label may not. */
function lagText({ secondaries }: MasterStatus): string {
  if (secondaries.length === 0) return '';
  const head = `# HELP ${PREFIX}secondary_lag Messages that a secondary lacks\n# TYPE ${PREFIX}secondary_lag gauge\n`;
  const healthHead = `# HELP ${PREFIX}secondary_healthy Whether a secondary was heard of lately\n# TYPE ${PREFIX}secondary_healthy gauge\n`;
  const label = (id: NodeId): string => `{secondary=${JSON.stringify(id)}}`;
  const lags = secondaries.map(({ id, lag }) => `${PREFIX}secondary_lag${label(id)} ${lag}\n`);
  const healths = secondaries.map(
    ({ id, health }) => `${PREFIX}secondary_healthy${label(id)} ${health === 'healthy' ? 1 : 0}\n`,
  );
  return [head, ...lags, healthHead, ...healths].join('');
}

/** Writes a line when an operator should know that something has changed. */
export class HealthLog {
  private readonly told = new Map<string, string>();

  constructor(private readonly log: Log) {}

  /** To be called now and then; costs a little. */
  look({ role }: LogStatus): void {
    if (role.kind === 'secondary') {
      const isProblem = role.problem !== undefined;
      const how = isProblem ? `cannot go on: ${role.problem}` : follows(role);
      this.tell(role.master, how, isProblem);
      return;
    }
    for (const { id, health, problem } of role.secondaries) {
      this.tell(id, problem ?? HEALTH_NAMES[health], problem !== undefined || health !== 'healthy');
    }
    this.tell('', role.notWritable ?? 'takes appends', !role.isWritable);
  }

  private tell(about: string, what: string, isBad: boolean): void {
    const before = this.told.get(about);
    if (before === what) return;
    this.told.set(about, what);
    // That nobody was heard of yet, and that all is well, is no news at the start.
    if (before === undefined && (what === 'takes appends' || what === 'Unhealthy')) return;
    const line = about === '' ? what : `${about}: ${what}`;
    if (isBad) this.log.warn(line);
    else this.log.info(line);
  }
}

const follows = ({ isFollowing }: SecondaryStatus): string =>
  isFollowing ? 'is followed' : 'has not taken this node on yet';
