/**
 * `npm run bench:big`: a million keys of 100 bytes, and what they do to the leader's event loop.
 *
 * Fills two of three nodes, then starts the third with an empty disk while writes go on, so that
 * the leader takes and sends a snapshot under load; then restarts the leader from its disk. The
 * stall of the leader's event loop is what the node itself measures with `performance.now()` and
 * reports in its metrics.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import yargs from 'yargs/yargs';
import { type Cluster, type ClusterNode, startCluster } from './cluster';
import { putRequest, runLoad } from './load';
import { portOf, statusOf, takeStall } from './node_readings';

const CLIENTS = 256;
/** Writers while the snapshot is taken and sent; more than these fill both cores of a small machine. */
const LIVE_CLIENTS = 16;
const VALUE = JSON.stringify('x'.repeat(98));
const keyOf = (n: number): string => `key${String(n).padStart(13, '0')}`;

async function main(): Promise<void> {
  const flags = yargs(process.argv.slice(2))
    .option('keys', { type: 'number', default: 1_000_000, describe: 'keys of 100 bytes' })
    .strict()
    .parseSync();
  const dataDir = mkdtempSync(join(tmpdir(), 'quorum-kv-big-'));
  const cluster = await startCluster({ nodes: 3, dataDir });
  try {
    await story(cluster, dataDir, flags.keys);
  } finally {
    await cluster.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function story(cluster: Cluster, dataDir: string, keys: number): Promise<void> {
  const leader = await cluster.waitForLeader();
  const late = cluster.nodes.find((node) => node !== leader) as ClusterNode;
  await late.stop();
  const ports = [portOf(leader)];
  await fill(ports, keys);
  const filled = await statusOf(leader);
  say(`${filled.keys} keys, snapshot up to entry ${filled.snapshot_idx}`);
  say(`the leader's longest stall while it was filled: ${(await takeStall(leader)).toFixed(1)} ms`);

  rmSync(join(dataDir, `node${late.index}`), { recursive: true, force: true });
  await late.start();
  const begun = performance.now();
  let written = 0;
  while ((await statusOf(late)).keys !== keys) {
    const request = (n: number) => putRequest(keyOf((written + n) % keys), VALUE);
    written += (await runLoad({ ports, clients: LIVE_CLIENTS, request, seconds: 1 })).requests;
  }
  say(`a fresh follower had everything after ${seconds(begun)} s, under ${written} writes`);
  const sent = await statusOf(leader);
  say(`the leader's longest stall meanwhile: ${(await takeStall(leader)).toFixed(1)} ms`);
  say(`still leads its first term: ${sent.state === 2 && sent.raft_term === filled.raft_term}`);

  await leader.stop();
  const restarted = performance.now();
  await leader.start();
  while ((await statusOf(leader)).keys !== keys) await wait(100);
  const { rss_bytes: rss } = await statusOf(leader);
  say(`restart from disk: ${seconds(restarted)} s, ${(Number(rss) / 2 ** 20).toFixed(0)} MiB`);
}

async function fill(ports: readonly number[], keys: number): Promise<void> {
  const request = (n: number) => putRequest(keyOf(n), VALUE);
  const begun = performance.now();
  const step = Math.max(1, Math.floor(keys / 10));
  const onProgress = (done: number) => {
    if (done % step === 0) say(`${done} keys written after ${seconds(begun)} s`);
  };
  const result = await runLoad({ ports, clients: CLIENTS, request, requests: keys, onProgress });
  if (result.errors > 0) throw new Error(`${result.errors} writes failed: ${result.firstError}`);
}

const seconds = (since: number): string => ((performance.now() - since) / 1000).toFixed(1);
const say = (line: string): void => console.log(line);

main().catch((error) => {
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
});
