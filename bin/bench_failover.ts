/**
 * `npm run bench:failover`: for how long writes stop when the leader goes.
 *
 *     npm run bench:failover -- --kills 50             the leader is killed with SIGKILL
 *     npm run bench:failover -- --kills 50 --graceful  it is asked to stop with SIGTERM
 *
 * Clients write without pause while it happens; for a graceful stop some of them through the leader
 * itself. What counts is the longest time, from the last write acknowledged before, in which a
 * survivor acknowledged none: of each try that of the survivor which was silent longest. So it
 * includes noticing the end, the election, the first commit, and the way of a forwarded write there
 * and back. Ends with an error where a limit is not held.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import yargs from 'yargs/yargs';
import { type Cluster, startCluster } from './cluster';
import { FailoverLoad } from './failover_load';

/** The default of `--election-timeout-max-ms`. */
const ELECTION_TIMEOUT_MS = 1000;
const GRACE_MS = 100;
const MEDIAN_LIMIT_MS = { kill: 150, graceful: 50 } as const;
/** How long the load runs before and after. */
const BEFORE_MS = 400;
const AFTER_MS = 1500;
/** What makes a cluster whole again after a try. */
const SETTLE_MS = 500;

interface Try {
  readonly silentMs: number;
  readonly others: ReadonlyMap<string, number>;
}

async function main(): Promise<void> {
  const flags = yargs(process.argv.slice(2))
    .option('kills', { type: 'number', default: 20, describe: 'how often the leader goes' })
    .option('graceful', { type: 'boolean', default: false, describe: 'SIGTERM, not SIGKILL' })
    .option('clients', { type: 'number', default: 16, describe: 'clients that write meanwhile' })
    .option('nodes', { type: 'number', default: 3 })
    .option('quiet', { type: 'boolean', default: false, describe: 'only the result' })
    .strict()
    .parseSync();
  const dataDir = mkdtempSync(join(tmpdir(), 'quorum-kv-failover-'));
  const cluster = await startCluster({ nodes: flags.nodes, dataDir });
  const tries: Try[] = [];
  try {
    for (let i = 1; i <= flags.kills; i++) {
      const one = await leaderGoes(cluster, flags.clients, flags.graceful);
      tries.push(one);
      if (!flags.quiet) console.log(`try ${i}: ${one.silentMs.toFixed(0)} ms${listed(one.others)}`);
    }
  } finally {
    await cluster.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
  report(tries, flags.graceful ? 'graceful' : 'kill');
}

async function leaderGoes(cluster: Cluster, clients: number, graceful: boolean): Promise<Try> {
  const leader = await cluster.waitForLeader();
  const survivors = cluster.nodes.filter((node) => node !== leader);
  const load = new FailoverLoad(graceful ? [...survivors, leader] : survivors, clients);
  await wait(BEFORE_MS);
  const since = performance.now();
  const gone = graceful ? leader.stop() : leader.kill();
  await wait(AFTER_MS);
  await load.stop();
  await gone;
  await leader.start();
  await wait(SETTLE_MS);
  const silences = survivors.map((node) => load.longestSilence(node, since));
  if (silences.some((ms) => ms === 0)) throw new Error('a survivor acknowledged nothing at all');
  return { silentMs: Math.max(...silences), others: load.others };
}

function report(tries: readonly Try[], how: keyof typeof MEDIAN_LIMIT_MS): void {
  const sorted = tries.map(({ silentMs }) => silentMs).sort((x, y) => x - y);
  const at = (part: number) => sorted[Math.floor((sorted.length - 1) * part)] ?? 0;
  const [median, worst] = [at(0.5), at(1)];
  const [medianLimit, worstLimit] = [MEDIAN_LIMIT_MS[how], ELECTION_TIMEOUT_MS + GRACE_MS];
  const what = how === 'kill' ? 'SIGKILL' : 'SIGTERM';
  console.log(`${what} of the leader under load, ${sorted.length} times: no write for`);
  console.log(
    `median ${median.toFixed(0)} ms (limit ${medianLimit}), p90 ${at(0.9).toFixed(0)} ms`,
  );
  console.log(
    `worst ${worst.toFixed(0)} ms (limit ${worstLimit}, an election timeout and ${GRACE_MS})`,
  );
  const all = new Map<string, number>();
  for (const { others } of tries) {
    for (const [name, count] of others) all.set(name, (all.get(name) ?? 0) + count);
  }
  console.log(`answers other than 204${listed(all) || ': none'}`);
  if (median > medianLimit || worst > worstLimit) process.exitCode = 1;
}

function listed(others: ReadonlyMap<string, number>): string {
  return [...others]
    .map(([name, count], i) => `${i === 0 ? '; ' : ', '}${count} × ${name}`)
    .join('');
}

main().catch((error) => {
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
});
