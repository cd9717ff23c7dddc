/**
 * `npm run bench:curves`: what grows with the data.
 *
 *     npm run bench:curves                      all of the following
 *     npm run bench:curves -- --keys 1000,100000    throughput, memory and start with so many keys
 *     npm run bench:curves -- --elements 1000000    a list that grows by APPEND, element by element
 *     npm run bench:curves -- --entries 10000,200000   the start of a node with so long a journal
 *     npm run bench:curves -- --megabytes 1         values of that size, and what they do to the rest
 *
 * Throughput against clients, sizes of values and numbers of nodes is `npm run bench` with
 * `--clients`, `--values` and `--nodes`.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import yargs from 'yargs/yargs';
import { type Cluster, type ClusterNode, startCluster } from './cluster';
import { appendRequest, putRequest, runLoad } from './load';
import { portOf, statusOf, takeStall } from './node_readings';

const CLIENTS = 64;
const SECONDS = 3;
const VALUE = JSON.stringify('x'.repeat(98));
const PARTS = 10;
/** A journal so long is kept until the next snapshot. */
const NO_SNAPSHOTS = ['--snapshot-log-bytes', String(2 ** 31)];

const keyOf = (n: number): string => `key${String(n).padStart(13, '0')}`;
const say = (line: string): void => console.log(line);
const numbers = (text: string): number[] => text.split(',').filter(Boolean).map(Number);

async function main(): Promise<void> {
  const flags = yargs(process.argv.slice(2))
    .option('keys', { type: 'string', default: '1000,10000,100000,1000000' })
    .option('elements', { type: 'number', default: 1_000_000 })
    .option('entries', { type: 'string', default: '1000,10000,100000,400000' })
    .option('megabytes', { type: 'number', default: 1 })
    .strict()
    .parseSync();
  const asked = process.argv.slice(2).map((flag) => flag.split('=')[0]);
  const wants = (name: string): boolean =>
    asked.every((flag) => flag === undefined || !flag.startsWith('--')) || asked.includes(name);
  if (wants('--keys')) for (const keys of numbers(flags.keys)) await ofKeys(keys);
  if (wants('--elements')) await ofElements(flags.elements);
  if (wants('--entries')) for (const entries of numbers(flags.entries)) await ofEntries(entries);
  if (wants('--megabytes')) await ofLargeValues(flags.megabytes);
}

/** Throughput with so many keys of 100 bytes, memory, and the start of a node that holds them. */
async function ofKeys(keys: number): Promise<void> {
  await onCluster([], async (cluster, leader) => {
    const empty = Number((await statusOf(leader)).rss_bytes);
    await write(leader, keys, (n) => putRequest(keyOf(n), VALUE));
    const ports = [portOf(leader)];
    const request = (n: number) => putRequest(keyOf((n * 7919) % keys), VALUE);
    const { perSecond } = await runLoad({ ports, clients: CLIENTS, request, seconds: SECONDS });
    const startMs = await restart(cluster, leader, keys);
    const held = Number((await statusOf(leader)).rss_bytes) - empty;
    say(
      `${keys} keys: ${perSecond.toFixed(0)} puts/s by ${CLIENTS} clients; start ${startMs} ms; ` +
        `${(held / keys).toFixed(0)} bytes of memory a key after the start`,
    );
  });
}

/** An APPEND costs the same at the end as at the beginning. */
async function ofElements(elements: number): Promise<void> {
  await onCluster([], async (_cluster, leader) => {
    const part = Math.ceil(elements / PARTS);
    for (let done = 0; done < elements; done += part) {
      await takeStall(leader);
      const perSecond = await write(leader, part, (n) => appendRequest('list', String(done + n)));
      const stall = (await takeStall(leader)).toFixed(1);
      say(
        `elements ${done} to ${done + part}: ${perSecond.toFixed(0)} appends/s, stall ${stall} ms`,
      );
    }
  });
}

async function ofEntries(entries: number): Promise<void> {
  await onCluster(NO_SNAPSHOTS, async (cluster, leader) => {
    await write(leader, entries, (n) => putRequest(keyOf(n % 1000), VALUE));
    const { journal_bytes: bytes } = await statusOf(leader);
    const startMs = await restart(cluster, leader, Math.min(1000, entries));
    say(
      `${entries} entries, ${(Number(bytes) / 2 ** 20).toFixed(0)} MiB of journal: start ${startMs} ms`,
    );
  });
}

/** Large values beside small ones: both go on, and memory stays bounded. */
async function ofLargeValues(megabytes: number): Promise<void> {
  await onCluster([], async (cluster, leader) => {
    const large = JSON.stringify('x'.repeat(megabytes * 2 ** 20 - 2));
    const ports = [portOf(leader)];
    const small = (n: number) => putRequest(keyOf(n % 1000), VALUE);
    const alone = await runLoad({ ports, clients: 16, request: small, seconds: SECONDS });
    await takeStall(leader);
    const [beside, huge] = await Promise.all([
      runLoad({ ports, clients: 16, request: small, seconds: 2 * SECONDS }),
      runLoad({
        ...{ ports, clients: 4, seconds: 2 * SECONDS },
        request: (n) => putRequest(`large${n % 8}`, large),
      }),
    ]);
    const memory = await Promise.all(cluster.nodes.map((node) => statusOf(node)));
    const most = Math.max(...memory.map((status) => Number(status.rss_bytes)));
    say(
      `values of ${megabytes} MiB: ${huge.perSecond.toFixed(0)} a second by 4 clients ` +
        `(${huge.errors} errors); small puts of 16 clients meanwhile: p50 ${beside.p50Ms.toFixed(2)} ms, ` +
        `p99 ${beside.p99Ms.toFixed(2)} ms, alone ${alone.p50Ms.toFixed(2)} and ` +
        `${alone.p99Ms.toFixed(2)} ms; longest stall ${(await takeStall(leader)).toFixed(1)} ms; ` +
        `at most ${(most / 2 ** 20).toFixed(0)} MiB a node`,
    );
  });
}

async function onCluster(
  flags: readonly string[],
  body: (cluster: Cluster, leader: ClusterNode) => Promise<void>,
): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'quorum-kv-curves-'));
  const cluster = await startCluster({ nodes: 3, dataDir, flags });
  try {
    await body(cluster, await cluster.waitForLeader());
  } finally {
    await cluster.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Sends so many requests; returns how many a second. */
async function write(
  leader: ClusterNode,
  requests: number,
  request: (n: number) => Buffer,
): Promise<number> {
  const ports = [portOf(leader)];
  const result = await runLoad({ ports, clients: CLIENTS, request, requests });
  if (result.errors > 0) throw new Error(`${result.errors} writes failed: ${result.firstError}`);
  return result.perSecond;
}

/** Kills a node and starts it; returns how long it takes until it has all its keys again. */
async function restart(cluster: Cluster, node: ClusterNode, keys: number): Promise<string> {
  await node.kill();
  await cluster.waitForLeader();
  const began = performance.now();
  await node.start();
  while (Number((await statusOf(node)).keys) < keys) await wait(10);
  return (performance.now() - began).toFixed(0);
}

main().catch((error) => {
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
});
