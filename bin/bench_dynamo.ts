/**
 * `npm run bench:dynamo`: figures of the leaderless system that depend on the machine, so that no test
 * asserts them. Six real processes on this machine.
 *
 *     npm run bench:dynamo                    both of the following
 *     npm run bench:dynamo -- --tries 20      how soon a quorum of three is met with one replica down
 *     npm run bench:dynamo -- --idle 60       how many messages an idle group sends in so many seconds
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import axios from 'axios';
import yargs from 'yargs/yargs';
import type { ClusterNode } from './cluster_node';
import { DynamoProcesses, statusOf } from './dynamo_group';

const NODES = 6;
const PROMPT_MS = 300;
const ALL = 3;
const TIMEOUT_MS = 10_000;

async function main(): Promise<void> {
  const flags = yargs(process.argv.slice(2))
    .option('tries', {
      type: 'number',
      default: 20,
      describe: 'writes and reads without a replica',
    })
    .option('idle', { type: 'number', default: 60, describe: 'seconds without a request' })
    .strict()
    .parseSync();
  const dataDir = mkdtempSync(join(tmpdir(), 'quorum-kv-dynamo-'));
  const group = await DynamoProcesses.start(NODES, dataDir);
  try {
    if (flags.tries > 0) {
      await withoutReplica(group, 'SIGKILL', flags.tries);
      await withoutReplica(group, 'SIGSTOP', flags.tries);
    }
    if (flags.idle > 0) await idle(group, flags.idle);
  } finally {
    await group.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** One replica of a key ends; every write and read of the key asks for all three places. */
async function withoutReplica(
  group: DynamoProcesses,
  how: 'SIGKILL' | 'SIGSTOP',
  tries: number,
): Promise<void> {
  const key = `without one ${how}`;
  const { data } = await axios.get<[string, string][]>(urlOf(group.nodes[0], 'lookup', key));
  const homes = data.map(([, id]) => group.nodes.find((node) => node.id === id));
  const [coordinator, , victim] = homes;
  if (coordinator === undefined || victim === undefined) throw new Error('a key has three homes');
  let metadata = (await timed(() => put(coordinator, key, 'before', ''))).result;
  if (how === 'SIGKILL') await victim.kill();
  else victim.pause();
  const first = await timed(() => put(coordinator, key, 'first', metadata));
  metadata = first.result;
  const writes: number[] = [];
  const reads: number[] = [];
  for (let i = 0; i < tries; i++) {
    const written = await timed(() => put(coordinator, key, String(i), metadata));
    metadata = written.result;
    writes.push(written.ms);
    reads.push((await timed(() => axios.get(urlOf(coordinator, 'keys', key, ALL)))).ms);
  }
  console.log(
    `${how}: the first write took ${first.ms.toFixed(0)} ms; ${report('writes', writes)}, ${report('reads', reads)}`,
  );
  if (how === 'SIGKILL') await victim.start();
  else victim.resume();
  await group.calm();
}

function report(what: string, times: readonly number[]): string {
  const prompt = times.filter((ms) => ms <= PROMPT_MS).length;
  const worst = Math.max(...times).toFixed(1);
  return `${prompt} of ${times.length} ${what} at quorum ${ALL} within ${PROMPT_MS} ms (worst ${worst} ms)`;
}

/** Messages between nodes, by what the nodes count themselves. */
async function idle(group: DynamoProcesses, seconds: number): Promise<void> {
  for (let i = 0; i < 100; i++) {
    const node = group.nodes[i % NODES];
    if (node !== undefined) await put(node, `idle ${i}`, 'v', '');
  }
  await group.calm();
  await wait(2000);
  const before = await sent(group);
  await wait(seconds * 1000);
  const messages = (await sent(group)) - before;
  console.log(`${NODES} idle nodes have sent ${messages} messages to each other in ${seconds} s`);
}

async function sent(group: DynamoProcesses): Promise<number> {
  const all = await Promise.all(group.nodes.map(statusOf));
  return all.reduce((sum, status) => sum + (status?.peer_messages_sent ?? 0), 0);
}

async function put(node: ClusterNode, key: string, value: string, metadata: string) {
  const body = { type: 'PUT', value, quorum: ALL, metadata };
  const reply = await axios.post<{ metadata: string }>(urlOf(node, 'keys', key), body, {
    timeout: TIMEOUT_MS,
  });
  return reply.data.metadata;
}

function urlOf(node: ClusterNode | undefined, path: string, key: string, quorum?: number): string {
  const query = quorum === undefined ? '' : `?quorum=${quorum}`;
  return `${node?.url}/${path}/${encodeURIComponent(key)}${query}`;
}

async function timed<T>(
  act: () => Promise<T>,
): Promise<{ readonly result: T; readonly ms: number }> {
  const begun = performance.now();
  const result = await act();
  return { result, ms: performance.now() - begun };
}

main().catch((error: unknown) => {
  console.error(`bench_dynamo: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
});
