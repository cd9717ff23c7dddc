/** Disks that fill up or fail: the node stops at once and says why, and its cluster goes on. */

import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterNode } from '../../bin/cluster';
import { get, put, value } from '../support/e2e_http';
import { AppendLoad } from '../support/e2e_load';
import { failFlushes, run, testIf } from '../support/e2e_root';
import {
  caughtUp,
  eventually,
  openWorld,
  othersOf,
  pick,
  settled,
  temporaryFolder,
  urlsOf,
  type World,
} from '../support/e2e_world';

jest.setTimeout(180_000);

const testWithMounts = testIf('mount -t tmpfs', () => {
  const folder = temporaryFolder();
  try {
    mountAt(folder);
    run('umount', folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
const testWithStrace = testIf('strace', () => run('strace', '-o', '/dev/null', 'true'));

/** What is left on a disk that is nearly full; far less than the journal takes at a time. */
const ROOM_BYTES = 64 * 1024;
/** The journal has room of its own for a while, so it takes some of these to notice. */
const LARGE_BYTES = 500_000;
/** The exit code of a node that cannot go on. */
const EXIT_INTERNAL_ERROR = 70;

let world: World;
afterEach(() => world?.close());

const mounts: string[] = [];

function mountAt(folder: string): void {
  run('mount', '-t', 'tmpfs', '-o', 'size=64m', 'quorum-kv-test', folder);
}

function mountAll(dataDir: string): void {
  for (const node of ['node0', 'node1', 'node2']) {
    const folder = join(dataDir, node);
    mkdirSync(folder);
    mountAt(folder);
    mounts.push(folder);
  }
}

function unmountAll(): void {
  for (const folder of mounts.splice(0)) run('umount', folder);
}

/** Leaves hardly any room on the disk of a node. */
function fillDisk(folder: string, filler: string): void {
  const { bavail, bsize } = statfsSync(folder);
  writeFileSync(join(folder, filler), Buffer.alloc(bavail * bsize - ROOM_BYTES));
}

/** Writes through other nodes until this one has ended by itself. */
async function writeUntilEnded(node: ClusterNode): Promise<void> {
  const through = pick(othersOf(world.cluster, node));
  let n = 0;
  await eventually(`node ${node.index} notices that its disk is full`, async () => {
    await put(through.url, `large-${n++ % 10}`, 'x'.repeat(LARGE_BYTES));
    return !node.isRunning;
  });
}

function expectClearEnd(node: ClusterNode, reason: RegExp): void {
  expect(world.records.unexpectedEnds.splice(0)).toEqual([
    `${node.index} code ${EXIT_INTERNAL_ERROR}`,
  ]);
  const complaints = world.records.linesOf(node).filter((line) => reason.test(line));
  expect(complaints).not.toEqual([]);
  expect(complaints[0]).toContain(world.folderOf(node));
  expect(complaints[0]).toContain('is it full?');
}

testWithMounts('a full disk stops a follower, then a leader, and nothing is lost', async () => {
  world = await openWorld({ prepare: mountAll, release: unmountAll });
  const { cluster } = world;
  await settled(cluster);
  const load = world.during(new AppendLoad({ urls: urlsOf(cluster), clients: 4 }));
  for (const role of ['follower', 'leader']) {
    await load.progress(50);
    const leader = await cluster.waitForLeader();
    const victim = role === 'leader' ? leader : pick(othersOf(cluster, leader));
    fillDisk(world.folderOf(victim), `filler-${role}`);
    await writeUntilEnded(victim);
    expectClearEnd(victim, /ENOSPC/);
    await cluster.waitForLeader();
    await load.progress(50);
    run('mount', '-o', 'remount,size=128m', world.folderOf(victim));
    await victim.start();
    await caughtUp(cluster, victim);
  }
  await load.progress(20);
  await load.stop();
  await settled(cluster);
  for (const node of cluster.nodes) await load.check(node.url, 'level=stale');
  expect(world.records.unexpectedEnds).toEqual([]);
});

testWithStrace('a follower and a leader whose flush fails end without acknowledging', async () => {
  world = await openWorld();
  const { cluster } = world;
  await settled(cluster);
  const load = world.during(new AppendLoad({ urls: urlsOf(cluster), clients: 4 }));
  for (const role of ['follower', 'leader']) {
    await load.progress(50);
    const leader = await cluster.waitForLeader();
    const victim = role === 'leader' ? leader : pick(othersOf(cluster, leader));
    await failFlushes(victim);
    await eventually(`the ${role} has ended`, () => !victim.isRunning);
    expectClearEnd(victim, /EIO/);
    await load.progress(50);
    await victim.start();
    await caughtUp(cluster, victim);
  }
  await load.stop();
  for (const node of cluster.nodes) await load.check(node.url);
});

testWithStrace('a node on its own whose flush fails acknowledges nothing more', async () => {
  world = await openWorld({ nodes: 1 });
  const { cluster } = world;
  const node = cluster.node(0);
  await settled(cluster);
  expect((await put(node.url, 'x', 'before')).status).toBe(204);
  await failFlushes(node);
  // Nobody else could have made these durable, so none of them may be said to be.
  const replies = Array.from({ length: 20 }, (_, n) =>
    put(node.url, 'x', n).then(
      (reply) => reply.status,
      () => 'no answer',
    ),
  );
  expect(await Promise.all(replies)).not.toContain(204);
  await eventually('the node has ended', () => !node.isRunning);
  expectClearEnd(node, /EIO/);
  await node.start();
  await settled(cluster);
  expect((await get(node.url, 'x')).status).toBe(200);
  // It may have taken effect or not, but it is one of the things that were asked for.
  expect(['before', ...replies.keys()]).toContain(await value(node.url, 'x'));
});
