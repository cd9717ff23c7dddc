/**
 * `npm run bench:failover`: for how long writes are not possible after the leader was killed.
 *
 * A client writes through the survivors without pause. Each try kills the leader with SIGKILL,
 * notes when a write that was begun after that is acknowledged, and brings the node back. Ends with
 * an error if a try took longer than two election timeouts.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import axios from 'axios';
import yargs from 'yargs/yargs';
import { type Cluster, type ClusterNode, startCluster } from './cluster';

/** The default of `--election-timeout-max-ms`. */
const ELECTION_TIMEOUT_MS = 1000;
const REQUEST_TIMEOUT_MS = 10_000;
const SETTLE_MS = 1500;

async function main(): Promise<void> {
  const flags = yargs(process.argv.slice(2))
    .option('tries', { type: 'number', default: 20, describe: 'how often the leader is killed' })
    .strict()
    .parseSync();
  const dataDir = mkdtempSync(join(tmpdir(), 'quorum-kv-failover-'));
  const cluster = await startCluster({ nodes: 3, dataDir });
  try {
    const gaps: number[] = [];
    for (let i = 1; i <= flags.tries; i++) {
      const gap = await killOnce(cluster, i);
      gaps.push(gap);
      console.log(`try ${i}: writes were back after ${gap.toFixed(0)} ms`);
    }
    report(gaps);
  } finally {
    await cluster.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function killOnce(cluster: Cluster, n: number): Promise<number> {
  const leader = await cluster.waitForLeader();
  const survivor = cluster.nodes.find((node) => node !== leader) as ClusterNode;
  await put(survivor, n, 'before');
  const killedAt = performance.now();
  await leader.kill();
  await put(survivor, n, 'after');
  const gap = performance.now() - killedAt;
  await leader.start();
  await wait(SETTLE_MS);
  return gap;
}

/** One write, acknowledged; the node itself waits for the new leader and hands it over again. */
async function put(node: ClusterNode, n: number, when: string): Promise<void> {
  const body = { type: 'PUT', value: when };
  const headers = { 'Idempotency-Key': `failover-${n}-${when}` };
  for (;;) {
    const response = await axios.post(`${node.url}/keys/failover`, body, {
      headers,
      timeout: REQUEST_TIMEOUT_MS,
      proxy: false,
      validateStatus: () => true,
    });
    if (response.status === 204) return;
    if (response.status < 500) throw new Error(`status ${response.status}`);
  }
}

function report(gaps: readonly number[]): void {
  const sorted = [...gaps].sort((x, y) => x - y);
  const median = sorted[Math.floor(sorted.length / 2)] as number;
  const worst = sorted.at(-1) as number;
  const limit = 2 * ELECTION_TIMEOUT_MS;
  const within = gaps.filter((gap) => gap <= limit).length;
  console.log(`median ${median.toFixed(0)} ms, worst ${worst.toFixed(0)} ms`);
  console.log(`${within} of ${gaps.length} within two election timeouts (${limit} ms)`);
  if (within < gaps.length) process.exitCode = 1;
}

main().catch((error) => {
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
});
