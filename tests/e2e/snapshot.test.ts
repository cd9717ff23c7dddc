/**
 * A follower that was away for longer than the log reaches back is sent a snapshot. It must bring
 * everything: the data, and the memory of what was done already.
 */

import type { ClusterNode } from '../../bin/cluster';
import { append, put, value } from '../support/e2e_http';
import { caughtUp, openWorld, othersOf, settled, statusOf, type World } from '../support/e2e_world';

jest.setTimeout(180_000);

const FLAGS = [
  '--snapshot-log-bytes=64KiB',
  '--keep-log-bytes=4KiB',
  '--snapshot-slice-bytes=4KiB',
];
const KEYS = 60;
const VALUE = 'v'.repeat(4000);

let world: World;
beforeAll(async () => {
  world = await openWorld({ flags: FLAGS });
});
afterAll(() => world?.close());

const appendKeyed = (node: ClusterNode, n: number) =>
  append(node.url, 'list', n, { idempotencyKey: `snapshot-${n}` });

/** Together several times what makes a snapshot. */
async function fill(node: ClusterNode, mark: string): Promise<void> {
  for (let n = 0; n < KEYS; n++) {
    expect((await put(node.url, `key-${n}`, `${mark} ${n} ${VALUE}`)).status).toBe(204);
  }
}

async function expectFilled(node: ClusterNode, mark: string): Promise<void> {
  for (let n = 0; n < KEYS; n++) {
    expect(await value(node.url, `key-${n}`, 'level=stale')).toBe(`${mark} ${n} ${VALUE}`);
  }
}

const installed = (node: ClusterNode): string[] =>
  world.records.linesOf(node).filter((line) => line.includes('installed a snapshot'));

test('a follower that missed too much is sent a snapshot, with the memory of what was done', async () => {
  const { cluster } = world;
  const leader = await cluster.waitForLeader();
  const [away] = othersOf(cluster, leader) as [ClusterNode, ClusterNode];
  await settled(cluster);
  const { last_applied: left } = await statusOf(away);
  await away.kill();
  for (let n = 0; n < 10; n++) expect((await appendKeyed(leader, n)).status).toBe(204);
  await fill(leader, 'first');
  // There is no way back for the other one but a snapshot.
  expect((await statusOf(leader)).first_log_idx).toBeGreaterThan(left + 1);

  await away.start();
  await caughtUp(cluster, away);
  await settled(cluster);
  expect(installed(away)).not.toEqual([]);
  expect((await statusOf(away)).snapshot_idx).toBeGreaterThan(left);
  await expectFilled(away, 'first');

  // Each node decides for itself what was done before, from what the snapshot told it.
  for (let n = 0; n < 10; n++) expect((await appendKeyed(leader, n)).status).toBe(204);
  await caughtUp(cluster, away);
  const list = Array.from({ length: 10 }, (_, n) => n);
  expect(await value(away.url, 'list', 'level=stale')).toEqual(list);
});

test('nodes restarted from their snapshots have all data and remember what was done', async () => {
  const { cluster } = world;
  await fill(await cluster.waitForLeader(), 'second');
  await settled(cluster);
  await Promise.all(cluster.nodes.map((node) => node.kill()));
  await Promise.all(cluster.nodes.map((node) => node.start()));
  for (const node of cluster.nodes) {
    expect((await statusOf(node)).snapshot_idx).toBeGreaterThan(0);
  }
  const leader = await cluster.waitForLeader();
  for (let n = 0; n < 10; n++) expect((await appendKeyed(leader, n)).status).toBe(204);
  await settled(cluster);
  const list = Array.from({ length: 10 }, (_, n) => n);
  for (const node of cluster.nodes) {
    await expectFilled(node, 'second');
    expect(await value(node.url, 'list', 'level=stale')).toEqual(list);
  }
  expect(world.records.unexpectedEnds).toEqual([]);
});

test('a follower that is away again and again is brought back each time, under traffic', async () => {
  const { cluster } = world;
  for (const mark of ['third', 'fourth']) {
    const leader = await cluster.waitForLeader();
    const [away] = othersOf(cluster, leader) as [ClusterNode, ClusterNode];
    const before = installed(away).length;
    await away.kill();
    await fill(leader, `${mark} while away`);
    // The state goes on changing while the snapshot travels.
    await Promise.all([away.start(), fill(leader, mark)]);
    await settled(cluster);
    expect(installed(away).length).toBeGreaterThan(before);
    await expectFilled(away, mark);
  }
});
