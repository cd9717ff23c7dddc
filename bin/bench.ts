/**
 * `npm run bench`: what three durable nodes on this machine do, beside what bare `node:http` does
 * when it answers the same requests without doing anything. The two take turns within one run,
 * because only such ratios mean anything on a shared machine.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import yargs from 'yargs/yargs';
import { type Cluster, startCluster } from './cluster';
import { getRequest, type LoadResult, putRequest, runLoad } from './load';

const KEYS = 100_000;
const VALUE = JSON.stringify('x'.repeat(254));
const CEILING = '--ceiling';

interface Workload {
  readonly name: string;
  readonly clients: number;
  readonly request: (n: number) => Buffer;
}

const put = (n: number) => putRequest(keyOf(n), VALUE);
const get = (n: number) => getRequest(keyOf(n));

const WORKLOADS: readonly Workload[] = [
  { name: 'put', clients: 1, request: put },
  { name: 'put', clients: 64, request: put },
  { name: 'put', clients: 256, request: put },
  { name: 'get', clients: 64, request: get },
];

const keyOf = (n: number): string => `key${String((n * 7919) % KEYS).padStart(13, '0')}`;

async function main(): Promise<void> {
  const flags = yargs(process.argv.slice(2))
    .option('rounds', { type: 'number', default: 3, describe: 'rounds; the median counts' })
    .option('seconds', { type: 'number', default: 4, describe: 'seconds for each measurement' })
    .strict()
    .parseSync();
  const dataDir = mkdtempSync(join(tmpdir(), 'quorum-kv-bench-'));
  const cluster = await startCluster({ nodes: 3, dataDir });
  const ceiling = fork(__filename, [CEILING]);
  try {
    const [port] = (await once(ceiling, 'message')) as [number];
    await measure(cluster, port, flags.rounds, flags.seconds);
  } finally {
    ceiling.kill();
    await cluster.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function measure(cluster: Cluster, bare: number, rounds: number, seconds: number) {
  const leader = await cluster.waitForLeader();
  const port = Number(new URL(leader.url).port);
  console.log('three durable nodes and the load on one machine; 16-byte keys, 256-byte values');
  console.log('workload  clients   op/s   p50 ms   p99 ms   bare node:http op/s   ratio');
  for (const { name, clients, request } of WORKLOADS) {
    const ours: LoadResult[] = [];
    const theirs: LoadResult[] = [];
    for (let round = 0; round < rounds; round++) {
      theirs.push(await runLoad({ ports: [bare], clients, request, seconds }));
      ours.push(await runLoad({ ports: [port], clients, request, seconds }));
    }
    const failed = ours.find((result) => result.errors > 0);
    if (failed !== undefined) throw new Error(`a request failed: ${failed.firstError}`);
    const own = median(ours);
    const top = median(theirs);
    const cells = [
      name.padEnd(8),
      String(clients).padStart(8),
      own.perSecond.toFixed(0).padStart(7),
      own.p50Ms.toFixed(2).padStart(8),
      own.p99Ms.toFixed(2).padStart(8),
      top.perSecond.toFixed(0).padStart(21),
      `${((100 * own.perSecond) / top.perSecond).toFixed(0)} %`.padStart(7),
    ];
    console.log(cells.join(' '));
  }
}

/** The round in the middle by throughput. */
function median(results: readonly LoadResult[]): LoadResult {
  const sorted = [...results].sort((x, y) => x.perSecond - y.perSecond);
  return sorted[Math.floor(sorted.length / 2)] as LoadResult;
}

/** Takes every request whole and answers it with nothing. */
function serveCeiling(parent: ChildProcess['send']): void {
  const server = createServer((req, res) => {
    req.on('data', () => undefined);
    req.on('end', () => res.writeHead(204).end());
  });
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    if (typeof address === 'object' && address !== null) parent(address.port);
  });
}

if (process.argv.includes(CEILING)) {
  serveCeiling((port) => process.send?.(port) ?? false);
} else {
  main().catch((error) => {
    console.error(`bench: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  });
}
