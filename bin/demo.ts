/**
 * `npm run demo`: the life of a cluster as a short story. Three nodes start on free ports, the
 * leader is killed in the middle of writes, the others go on, and the killed one comes back and
 * knows everything. Each step is checked; the exit code is 0 only if all of them held.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type Cluster, type ClusterNode, startCluster } from './cluster';
import { RetryingClient, send } from './retrying_client';

const KEY = 'pets';
const WRITES = 20;
/** The leader is killed when this many of the writes are done. */
const KILL_AFTER = 5;

async function main(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'quorum-kv-demo-'));
  let cluster: Cluster | undefined;
  const cleanUp = async () => {
    await cluster?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  };
  process.once('SIGINT', () => void cleanUp().finally(() => process.exit(1)));
  try {
    tell('Three nodes start, each with a log of its own on disk.');
    cluster = await startCluster({ nodes: 3, dataDir });
    await story(cluster);
    tell('All of it held.');
  } finally {
    await cleanUp();
  }
}

async function story(cluster: Cluster): Promise<void> {
  const leader = await cluster.waitForLeader();
  const [follower, other] = cluster.nodes.filter((node) => node !== leader);
  if (!follower || !other) throw new Error('a cluster of three has two followers');
  report(`${nameOf(leader)} was elected leader`);

  await writeAndRead(leader, follower, other);
  const pets = await loseTheLeader(cluster, leader, [follower, other]);
  await comeBack(leader, pets);
}

async function writeAndRead(leader: ClusterNode, follower: ClusterNode, other: ClusterNode) {
  tell('Any node takes any request.');
  const put = await send(leader, 'POST', KEY, { type: 'PUT', value: ['cat'] });
  check(`PUT ["cat"] on the leader: ${put.status}`, put.status === 204);
  const append = await send(follower, 'POST', KEY, { type: 'APPEND', value: 'dog' });
  check(`APPEND "dog" on a follower: ${append.status}`, append.status === 204);
  const read = await send(other, 'GET', KEY);
  const isBoth = isDeepStrictEqual(read.body, ['cat', 'dog']);
  check(`GET on the other follower: ${JSON.stringify(read.body)}`, isBoth);
}

/** Kills the leader between writes; answers with the list as it must be afterwards. */
async function loseTheLeader(
  cluster: Cluster,
  leader: ClusterNode,
  survivors: readonly ClusterNode[],
): Promise<string[]> {
  tell(`A client appends ${WRITES} times; meanwhile the leader is killed (SIGKILL).`);
  const client = new RetryingClient(cluster.nodes);
  const pets = ['cat', 'dog'];
  for (let i = 1; i <= WRITES; i++) {
    if (i === KILL_AFTER + 1) {
      await leader.kill();
      report(`${nameOf(leader)} is dead after ${KILL_AFTER} writes; the client goes on`);
    }
    const { status } = await client.post(KEY, { type: 'APPEND', value: `pet ${i}` });
    if (status === 204) pets.push(`pet ${i}`);
  }
  const succeeded = pets.length - 2;
  const summary = `${succeeded} of ${WRITES} writes succeeded, ${client.retries} tries were repeated`;
  check(summary, succeeded === WRITES);
  const next = await cluster.waitForLeader();
  check(`${nameOf(next)} leads now`, next !== leader);
  for (const node of survivors) {
    const { body } = await send(node, 'GET', KEY);
    const isWhole = isDeepStrictEqual(body, pets);
    check(`${nameOf(node)} has each write exactly once, in order`, isWhole);
  }
  return pets;
}

async function comeBack(killed: ClusterNode, pets: readonly string[]): Promise<void> {
  tell('The killed node starts again, from its own disk.');
  await killed.start();
  const { body } = await new RetryingClient([killed]).get(KEY);
  const isWhole = isDeepStrictEqual(body, pets);
  check(`${nameOf(killed)} answers with all ${pets.length} pets`, isWhole);
  const status = await killed.status();
  check(`it follows ${status?.leader} in term ${status?.raft_term}`, status?.leader != null);
}

const nameOf = (node: ClusterNode): string => `node ${node.index} (${node.url})`;

function tell(line: string): void {
  process.stdout.write(`\n${line}\n`);
}

function report(line: string): void {
  process.stdout.write(`  · ${line}\n`);
}

/** A step of the story that must hold. */
function check(line: string, held: boolean): void {
  process.stdout.write(`  ${held ? '✓' : '✗'} ${line}\n`);
  if (!held) throw new Error(`this did not hold: ${line}`);
}

main().catch((error: unknown) => {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
});
