/**
 * `npm run bench:slow`: what one slow follower of three does to the rest.
 *
 *     npm run bench:slow -- --rounds 5 --seconds 3 --clients 16
 *
 * Writes go on in turns with all nodes well, with a follower that runs for a tenth of the time (the
 * process is stopped and continued), and with a follower whose disk needs 50 ms for each flush. An
 * entry is committed by the leader and the other follower, so the rest should not notice. After each
 * turn the slow one gets time to catch up; how long that takes is printed too, and the memory of the
 * leader, which keeps what the slow one lacks.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import yargs from 'yargs/yargs';
import { median } from './bench/statistics';
import { type Cluster, type ClusterNode, startCluster } from './cluster';
import { type LoadResult, putRequest, runLoad } from './load';
import { portOf, statusOf } from './node_readings';
import { SLOW_FLUSH_MS } from './slow_disk';

const KEYS = 10_000;
const VALUE = JSON.stringify('x'.repeat(254));
const WARM_UP_SECONDS = 8;
/** A slow process has one of these milliseconds and is stopped for the others. */
const PERIOD_MS = 20;
const SHARE_MS = 2;
const POLL_MS = 20;
const CATCH_UP_LIMIT_MS = 60_000;

/** Makes a follower slow, and well again with the function that it returns. */
type Trouble = (follower: ClusterNode) => () => void;

const TROUBLES: Readonly<Record<string, Trouble>> = {
  'all well': () => () => undefined,
  'a tenth of the time': slowProcess,
  [`${SLOW_FLUSH_MS} ms a flush`]: (follower) => {
    follower.signal('SIGUSR2');
    return () => follower.signal('SIGUSR2');
  },
};

interface Turn {
  readonly load: LoadResult;
  readonly catchUpMs: number;
  readonly rssBytes: number;
}

function slowProcess(follower: ClusterNode): () => void {
  let running: NodeJS.Timeout | undefined;
  const period = setInterval(() => {
    follower.resume();
    running = setTimeout(() => follower.pause(), SHARE_MS);
  }, PERIOD_MS);
  follower.pause();
  return () => {
    clearInterval(period);
    clearTimeout(running);
    follower.resume();
  };
}

async function main(): Promise<void> {
  const flags = yargs(process.argv.slice(2))
    .option('rounds', { type: 'number', default: 5 })
    .option('seconds', { type: 'number', default: 3 })
    .option('clients', { type: 'number', default: 16 })
    .strict()
    .parseSync();
  const dataDir = mkdtempSync(join(tmpdir(), 'quorum-kv-slow-'));
  const nodeFlags = ['--require', join(__dirname, 'slow_disk_preload.js')];
  const cluster = await startCluster({ nodes: 3, dataDir, nodeFlags });
  try {
    await story(cluster, flags);
  } finally {
    await cluster.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function story(
  cluster: Cluster,
  { rounds, seconds, clients }: { rounds: number; seconds: number; clients: number },
): Promise<void> {
  const leader = await cluster.waitForLeader();
  const follower = cluster.nodes.find((node) => node !== leader) as ClusterNode;
  const { raft_term: term } = await statusOf(leader);
  const write = (forSeconds: number): Promise<LoadResult> =>
    runLoad({
      ports: [portOf(leader)],
      clients,
      request: (n) => putRequest(`key${String((n * 7919) % KEYS).padStart(13, '0')}`, VALUE),
      seconds: forSeconds,
    });
  await write(WARM_UP_SECONDS);
  const turns = new Map<string, Turn[]>();
  for (let round = 0; round < rounds; round++) {
    const names = Object.keys(TROUBLES);
    for (const name of round % 2 === 0 ? names : names.reverse()) {
      const trouble = TROUBLES[name] as Trouble;
      const turn = await take(leader, follower, trouble, () => write(seconds));
      turns.set(name, [...(turns.get(name) ?? []), turn]);
      process.stderr.write(`round ${round + 1}/${rounds}: ${name}\n`);
    }
  }
  for (const [name, all] of turns) report(name, all);
  const elections = (await statusOf(leader)).raft_term - term;
  console.log(`elections: ${elections}`);
  if (elections > 0) throw new Error('a slow follower must not cost the leader its office');
}

async function take(
  leader: ClusterNode,
  follower: ClusterNode,
  trouble: Trouble,
  write: () => Promise<LoadResult>,
): Promise<Turn> {
  const heal = trouble(follower);
  const load = await write().finally(heal);
  const began = performance.now();
  const { commit_idx: target, rss_bytes: rssBytes } = await statusOf(leader);
  const missing = async () => target - (await statusOf(follower)).last_applied;
  while ((await missing()) > 0) {
    if (performance.now() - began > CATCH_UP_LIMIT_MS) throw new Error('it never caught up');
    await wait(POLL_MS);
  }
  return { load, catchUpMs: performance.now() - began, rssBytes: Number(rssBytes) };
}

function report(name: string, turns: readonly Turn[]): void {
  const of = (read: (turn: Turn) => number): string => median(turns.map(read)).toFixed(0);
  const ms = (read: (turn: Turn) => number): string => median(turns.map(read)).toFixed(2);
  const errors = turns.reduce((sum, { load }) => sum + load.errors, 0);
  console.log(
    `${name.padEnd(20)} ${of(({ load }) => load.perSecond).padStart(6)} puts/s  ` +
      `p50 ${ms(({ load }) => load.p50Ms)} ms  p99 ${ms(({ load }) => load.p99Ms)} ms  ` +
      `${errors} errors; caught up ${of(({ catchUpMs }) => catchUpMs)} ms after; ` +
      `leader ${of(({ rssBytes }) => rssBytes / 2 ** 20)} MiB`,
  );
}

main().catch((error) => {
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
});
