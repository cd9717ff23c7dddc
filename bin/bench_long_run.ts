/**
 * `npm run bench:long`: minutes of full load on a durable cluster, with snapshots at their usual
 * times.
 *
 *     npm run bench:long -- --minutes 10 --clients 64
 *
 * Prints a line for each slice of the run, then the longest stall of the leader's event loop, as the
 * leader measures it, and how often anybody stood for election. Ends with an error where the stall is
 * above its limit, a write failed or the leader changed.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import yargs from 'yargs/yargs';
import { type Cluster, type ClusterNode, startCluster } from './cluster';
import { type LoadResult, putRequest, runLoad } from './load';
import { portOf, statusOf, takeStall } from './node_readings';

const STALL_LIMIT_MS = 50;
const SLICE_SECONDS = 15;
const KEYS = 10_000;
const VALUE_BYTES = 256;
const VALUE = JSON.stringify('x'.repeat(VALUE_BYTES - 2));

interface Slice {
  readonly load: LoadResult;
  readonly stallMs: number;
  readonly term: number;
  readonly leads: boolean;
  readonly snapshotIndex: number;
  readonly rssBytes: number;
}

async function main(): Promise<void> {
  const flags = yargs(process.argv.slice(2))
    .option('minutes', { type: 'number', default: 10 })
    .option('clients', { type: 'number', default: 64 })
    .strict()
    .parseSync();
  const dataDir = mkdtempSync(join(tmpdir(), 'quorum-kv-long-'));
  const cluster = await startCluster({ nodes: 3, dataDir });
  try {
    await story(cluster, Math.ceil((flags.minutes * 60) / SLICE_SECONDS), flags.clients);
  } finally {
    await cluster.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function story(cluster: Cluster, count: number, clients: number): Promise<void> {
  const leader = await cluster.waitForLeader();
  // The first seconds of a process are those of the compiler; they are run and not counted.
  const first = await slice(leader, clients);
  const slices: Slice[] = [];
  for (let n = 1; n <= count; n++) {
    const one = await slice(leader, clients);
    slices.push(one);
    const { perSecond, p50Ms, p99Ms } = one.load;
    const megabytes = (one.rssBytes / 2 ** 20).toFixed(0);
    console.log(
      `${String(n * SLICE_SECONDS).padStart(5)} s  ${perSecond.toFixed(0).padStart(6)} puts/s  ` +
        `p50 ${p50Ms.toFixed(2)} ms  p99 ${p99Ms.toFixed(2)} ms  ` +
        `longest stall ${one.stallMs.toFixed(1)} ms  ${megabytes} MiB`,
    );
  }
  report(first, slices);
}

async function slice(leader: ClusterNode, clients: number): Promise<Slice> {
  const load = await runLoad({
    ports: [portOf(leader)],
    clients,
    request: (n) => putRequest(`key${String((n * 7919) % KEYS).padStart(13, '0')}`, VALUE),
    seconds: SLICE_SECONDS,
  });
  const stallMs = await takeStall(leader);
  const status = await statusOf(leader);
  return {
    load,
    stallMs,
    term: status.raft_term,
    leads: status.state === 2,
    snapshotIndex: status.snapshot_idx,
    rssBytes: Number(status.rss_bytes),
  };
}

function report(first: Slice, slices: readonly Slice[]): void {
  const writes = slices.reduce((sum, { load }) => sum + load.requests, 0);
  const errors = slices.reduce((sum, { load }) => sum + load.errors, 0);
  const stall = Math.max(...slices.map(({ stallMs }) => stallMs));
  const last = slices.at(-1) ?? first;
  const snapshots = new Set(slices.map(({ snapshotIndex }) => snapshotIndex)).size;
  const elections = last.term - first.term;
  console.log(
    `${writes} puts of ${VALUE_BYTES} bytes, ${errors} errors, snapshots up to ${snapshots} different ` +
      `entries; longest stall of the leader ${stall.toFixed(1)} ms; elections ${elections}`,
  );
  const held = stall <= STALL_LIMIT_MS && errors === 0 && elections === 0 && last.leads;
  if (!held) throw new Error(`a limit was not held (a stall of ${STALL_LIMIT_MS} ms, no election)`);
}

main().catch((error) => {
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
});
