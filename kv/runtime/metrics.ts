/**
 * What the service tells Prometheus.
 *
 * Two kinds of numbers: requests are counted as they end, which costs next to nothing
 * (`request_counts.ts`); everything else is read from the node's own state when somebody scrapes,
 * so that it costs nothing in between.
 */

import { Counter, collectDefaultMetrics, Gauge, Registry } from '@prometheus-io/client';
import { RequestCounts, type RequestKind, type RequestOutcome } from './request_counts';

interface Reading {
  readonly name: string;
  readonly help: string;
  /** A total only ever grows; anything else may go up and down. */
  readonly total?: true;
  /** What a value is multiplied with, because Prometheus wants seconds. */
  readonly scale?: number;
}

const MS_TO_SECONDS = 0.001;

/** What is read at the time of a scrape. */
export const READINGS = {
  role: { name: 'role', help: 'Role of the node: 0 follower, 1 candidate, 2 leader' },
  term: { name: 'term', help: 'Current term' },
  commitIndex: { name: 'commit_index', help: 'Index of the last committed entry known here' },
  appliedIndex: { name: 'applied_index', help: 'Index of the last applied entry' },
  logEntries: { name: 'log_entries', help: 'Entries of the log that are kept' },
  journalBytes: { name: 'journal_bytes', help: 'Size of the journal on disk' },
  snapshotBytes: { name: 'snapshot_bytes', help: 'Size of the current snapshot' },
  peersConnected: { name: 'peers_connected', help: 'Peers with a working link' },
  sessions: { name: 'sessions', help: 'Remembered sessions and idempotency keys' },
  keys: { name: 'keys', help: 'Keys in the map' },
  pendingRequests: { name: 'pending_requests', help: 'Requests that wait for their outcome' },
  loopLagMs: {
    name: 'loop_lag_seconds',
    help: 'Longest delay of the event loop since the last scrape',
    scale: MS_TO_SECONDS,
  },
  fsyncs: { name: 'fsyncs_total', help: 'Completed flushes of the journal', total: true },
  lastFsyncMs: {
    name: 'last_fsync_seconds',
    help: 'How long the last flush of the journal took',
    scale: MS_TO_SECONDS,
  },
} as const satisfies Readonly<Record<string, Reading>>;

export type Readings = Readonly<Record<keyof typeof READINGS, number>>;

export interface MetricsOptions {
  /** Reads the node's numbers; called once for each scrape. */
  readonly read: () => Readings;
  /** Adds the numbers of the process (memory, CPU, garbage collection): once for each process. */
  readonly ofProcess: boolean;
}

const PREFIX = 'quorum_kv_';

export class Metrics {
  private readonly registry = new Registry();
  private readonly requests = new RequestCounts(PREFIX);
  private readonly readings: readonly ReadingSeries[];

  constructor(private readonly options: MetricsOptions) {
    const names = Object.keys(READINGS) as (keyof typeof READINGS)[];
    this.readings = names.map((name) => readingSeries(name, READINGS[name], this.registry));
    if (options.ofProcess) collectDefaultMetrics({ register: this.registry });
  }

  /** Counts one request that has ended. */
  observe(kind: RequestKind, outcome: RequestOutcome, ms: number): void {
    this.requests.observe(kind, outcome, ms);
  }

  /** The metrics in the text format of Prometheus. */
  async scrape(): Promise<{ readonly contentType: string; readonly text: string }> {
    const values = this.options.read();
    for (const { name, set } of this.readings) {
      if (Number.isFinite(values[name])) set(values[name]);
    }
    const text = this.requests.text() + (await this.registry.metrics());
    return { contentType: this.registry.contentType, text };
  }
}

interface ReadingSeries {
  readonly name: keyof typeof READINGS;
  readonly set: (value: number) => void;
}

function readingSeries(
  name: keyof typeof READINGS,
  reading: Reading,
  registry: Registry,
): ReadingSeries {
  const config = { name: PREFIX + reading.name, help: reading.help, registers: [registry] };
  const scale = reading.scale ?? 1;
  if (!reading.total) {
    const gauge = new Gauge(config);
    return { name, set: (value) => gauge.set(value * scale) };
  }
  const counter = new Counter(config);
  // The node keeps the total itself, so the counter is told it afresh.
  const set = (value: number) => {
    counter.reset();
    counter.inc(value * scale);
  };
  return { name, set };
}
