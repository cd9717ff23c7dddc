/**
 * `npm run bench:log`: figures of the replicated log that depend on the machine, so that no test
 * asserts them. A master and two secondaries as real processes on this machine, durable, with 256-byte
 * messages; the clients run in this process, beside the nodes.
 *
 *     npm run bench:log                        all of the following
 *     npm run bench:log -- --only throughput   appends with w = 1, 2 and 3 by 64 clients, beside puts of
 *                                              the service on Raft, in alternating rounds
 *     npm run bench:log -- --only blocked      appends with w = 1 while 100 clients wait for w = 3
 *     npm run bench:log -- --only catchup      a secondary that missed 100,000 messages
 */

import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import yargs from 'yargs/yargs';
import { cpuOf } from './bench/cost';
import { median } from './bench/statistics';
import { startCluster } from './cluster';
import type { ClusterNode } from './cluster_node';
import { type LoadOptions, type LoadResult, putRequest, runLoad } from './load';
import { LogProcesses } from './log_group';

const CLIENTS = 64;
const BYTES = 256;
const BLOCKED = 100;
const MISSED = 100_000;
const LIVE_CLIENTS = 16;
/** How long the live clients go on; it has caught up long before. */
const CATCH_UP_SECONDS = 6;
const PARTS = ['throughput', 'blocked', 'catchup'] as const;

interface Flags {
  readonly rounds: number;
  readonly seconds: number;
  readonly nice: number;
  readonly window: string | undefined;
}

async function main(): Promise<void> {
  const flags = yargs(process.argv.slice(2))
    .option('only', { choices: PARTS, describe: 'one part' })
    .option('rounds', { type: 'number', default: 3, describe: 'rounds; the median counts' })
    .option('seconds', { type: 'number', default: 2, describe: 'length of one measurement' })
    .option('nice', {
      ...{ type: 'number', default: 0 },
      describe: 'priority of the secondary that catches up: 19 leaves the processor to all others',
    })
    .option('window', { type: 'string', describe: '--max-catch-up-bytes of the master' })
    .strict()
    .parseSync();
  const parts = { throughput, blocked, catchup };
  for (const part of PARTS) {
    if (flags.only !== undefined && flags.only !== part) continue;
    const folder = mkdtempSync(join(tmpdir(), 'quorum-kv-log-'));
    try {
      await parts[part](folder, flags);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

const portOf = (node: ClusterNode): number => Number(new URL(node.url).port);

function appendRequest(w: number): Buffer {
  const body = JSON.stringify({ message: 'x'.repeat(BYTES - 2), w });
  const head = 'POST /messages HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n';
  return Buffer.from(`${head}Content-Length: ${body.length}\r\n\r\n${body}`);
}

/** Runs a load, and takes no error for an answer. */
async function measure(
  node: ClusterNode,
  clients: number,
  request: (n: number) => Buffer,
  until: Pick<LoadOptions, 'seconds' | 'requests' | 'onProgress'>,
): Promise<LoadResult> {
  const result = await runLoad({ ports: [portOf(node)], clients, request, ...until });
  if (result.errors > 0) throw new Error(`an append failed: ${result.firstError}`);
  return result;
}

const appends = (master: ClusterNode, w: number, clients: number, seconds: number) => {
  const request = appendRequest(w);
  return measure(master, clients, () => request, { seconds });
};

async function throughput(folder: string, { rounds, seconds }: Flags): Promise<void> {
  const group = await LogProcesses.start({ dataDir: join(folder, 'log') });
  const cluster = await startCluster({ nodes: 3, dataDir: join(folder, 'raft') });
  try {
    const leader = await cluster.waitForLeader();
    const puts = Array.from({ length: 1000 }, (_, i) =>
      putRequest(`key-${String(i).padStart(12, '0')}`, JSON.stringify('x'.repeat(BYTES - 2))),
    );
    const put = () => measure(leader, CLIENTS, (n) => puts[n % puts.length] as Buffer, { seconds });
    const rows = new Map<string, () => Promise<LoadResult>>([
      ...[1, 2, 3].map(
        (w) => [`log, w=${w}`, () => appends(group.master, w, CLIENTS, seconds)] as const,
      ),
      ['raft, put', put],
    ]);
    const results = await alternate(rows, rounds);
    console.log(`${CLIENTS} clients, ${BYTES}-byte values, three durable nodes`);
    report(results);
  } finally {
    await Promise.all([group.stop(), cluster.stop()]);
  }
}

async function blocked(folder: string, { rounds, seconds }: Flags): Promise<void> {
  const group = await LogProcesses.start({ dataDir: folder });
  try {
    await group.secondaries[1]?.kill();
    const rows = new Map<string, () => Promise<LoadResult>>();
    for (const clients of [1, CLIENTS]) {
      const run = () => appends(group.master, 1, clients, seconds);
      rows.set(`${clients} clients, none blocked`, run);
      rows.set(`${clients} clients, ${BLOCKED} blocked`, () => whileBlocked(group, run));
    }
    const results = await alternate(rows, rounds);
    console.log(
      `\nappends with w=1, one secondary down, ${BLOCKED} clients blocked on w=3 or none`,
    );
    report(results);
  } finally {
    await group.stop();
  }
}

/** The blocked clients go away afterwards, and are forgotten. */
async function whileBlocked<T>(group: LogProcesses, run: () => Promise<T>): Promise<T> {
  const request = appendRequest(3);
  const sockets = Array.from({ length: BLOCKED }, () => connect(portOf(group.master), '127.0.0.1'));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  for (const socket of sockets) socket.write(request);
  await waiting(group, BLOCKED);
  try {
    return await run();
  } finally {
    for (const socket of sockets) socket.destroy();
    await waiting(group, 0);
  }
}

async function waiting(group: LogProcesses, count: number): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if ((await group.status())?.waiting_appends === count) return;
    await wait(20);
  }
  throw new Error(`there are not ${count} appends that wait`);
}

async function catchup(folder: string, { rounds, seconds, nice, window }: Flags): Promise<void> {
  const master = window === undefined ? [] : ['--max-catch-up-bytes', window];
  const group = await LogProcesses.start({ dataDir: folder, master });
  try {
    const all: CatchUp[] = [];
    for (let round = 0; round < rounds; round++) all.push(await catchUpOnce(group, seconds, nice));
    console.log(
      `\na secondary that missed ${MISSED} messages; ${LIVE_CLIENTS} clients append with w=2`,
    );
    if (nice > 0) console.log(`  its process has the priority ${nice}`);
    const of = (pick: (one: CatchUp) => number): string => median(all.map(pick)).toFixed(0);
    console.log(`  its process answers ${of(({ startMs }) => startMs)} ms after its start`);
    const took = of(({ tookMs }) => tookMs);
    console.log(`  it lacks ${of(({ lag }) => lag)} then, and nothing ${took} ms later`);
    const busy = NODES.map((name, i) => `${name} ${of(({ cpu }) => 100 * (cpu[i] ?? 0))} %`);
    console.log(`  ${of(({ rate }) => rate)} appends a second while it caught up`);
    console.log(`  one core is busy meanwhile: ${busy.join(', ')}`);
    const whole = `${CATCH_UP_SECONDS} s around it`;
    report(
      new Map([
        ['without it', all.map(({ before }) => before)],
        [whole, all.map(({ around }) => around)],
      ]),
    );
  } finally {
    await group.stop();
  }
}

/** What a secondary that comes back costs those who write meanwhile. */
interface CatchUp {
  readonly startMs: number;
  readonly tookMs: number;
  readonly lag: number;
  /** Appends a second meanwhile. */
  readonly rate: number;
  /** Of one core, used meanwhile by each of `NODES`. */
  readonly cpu: readonly number[];
  readonly before: LoadResult;
  readonly around: LoadResult;
}
const NODES = ['master', 'the other secondary', 'it', 'clients'];

async function catchUpOnce(group: LogProcesses, seconds: number, nice: number): Promise<CatchUp> {
  const { master } = group;
  const [, late] = group.secondaries;
  if (late === undefined) throw new Error('there are two secondaries');
  await late.kill();
  const request = appendRequest(1);
  await measure(master, CLIENTS, () => request, { requests: MISSED });
  await group.following(1);
  const before = await appends(master, 2, LIVE_CLIENTS, seconds);
  let done = 0;
  const onProgress = (count: number): void => {
    done = count;
  };
  const liveRequest = appendRequest(2);
  const live = measure(master, LIVE_CLIENTS, () => liveRequest, {
    ...{ seconds: CATCH_UP_SECONDS, onProgress },
  });
  const begun = performance.now();
  await late.start();
  if (nice > 0 && late.pid !== undefined) setPriority(late.pid, nice);
  const pids = [...group.all.map(({ pid }) => pid ?? 0), process.pid];
  const [answered, cpuBefore, doneBefore] = [performance.now(), cpuOf(pids), done];
  const lag = (await group.status())?.secondaries[1]?.lag ?? 0;
  await caughtUp(group);
  const [ended, cpuAfter, doneMeanwhile] = [performance.now(), cpuOf(pids), done - doneBefore];
  const around = await live;
  await group.following(2);
  const tookMs = ended - answered;
  const cpu = cpuAfter.map((used = 0, i) => (1000 * (used - (cpuBefore[i] ?? 0))) / tookMs);
  const rate = (1000 * doneMeanwhile) / tookMs;
  return { startMs: answered - begun, tookMs, lag, rate, cpu, before, around };
}

/** While others write, a lag of a moment's writes is none. */
async function caughtUp(group: LogProcesses): Promise<void> {
  for (let i = 0; i < 6000; i++) {
    const late = (await group.status())?.secondaries[1];
    if (late?.state === 'following' && late.lag < LIVE_CLIENTS * 10) return;
    await wait(5);
  }
  throw new Error('the secondary does not catch up');
}

/** Each row in each round, so that what disturbs the machine disturbs all of them. */
async function alternate(
  rows: ReadonlyMap<string, () => Promise<LoadResult>>,
  rounds: number,
): Promise<Map<string, LoadResult[]>> {
  const results = new Map<string, LoadResult[]>();
  // A first round that does not count: code that has not run before is slow.
  for (const run of rows.values()) await run();
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of rows) {
      results.set(name, [...(results.get(name) ?? []), await run()]);
    }
  }
  return results;
}

/** The median of the rounds. */
function report(results: ReadonlyMap<string, readonly LoadResult[]>): void {
  console.log(`${''.padEnd(26)}${['op/s', 'p50 ms', 'p99 ms'].map((t) => t.padStart(9)).join('')}`);
  for (const [name, all] of results) {
    const of = (pick: (result: LoadResult) => number): number => median(all.map(pick));
    const cells = [
      of(({ perSecond }) => perSecond).toFixed(0),
      of(({ p50Ms }) => p50Ms).toFixed(2),
      of(({ p99Ms }) => p99Ms).toFixed(2),
    ];
    console.log(`  ${name.padEnd(24)}${cells.map((cell) => cell.padStart(9)).join('')}`);
  }
}

main().catch((error: unknown) => {
  console.error(`bench_log: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
});
