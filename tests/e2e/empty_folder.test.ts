/**
 * A voter whose disk was wiped has forgotten its votes and what it acknowledged. It must not count
 * until the cluster has made its new disk known, which takes a majority without it.
 */

import { rmSync } from 'node:fs';
import type { ClusterNode, NodeStatus } from '../../bin/cluster';
import { append, expectUnavailable, get, put, value } from '../support/e2e_http';
import { AppendLoad } from '../support/e2e_load';
import {
  eventually,
  LeaderWatch,
  openWorld,
  otherLeader,
  othersOf,
  pick,
  settled,
  statusOf,
  urlsOf,
  type World,
} from '../support/e2e_world';

jest.setTimeout(180_000);

let world: World;
beforeEach(async () => {
  world = await openWorld();
});
afterEach(() => world?.close());

async function killAndWipe(node: ClusterNode): Promise<void> {
  await node.kill();
  rmSync(world.folderOf(node), { recursive: true });
}

/** Waits until the cluster knows this node by the disk that it has now. */
function bound(node: ClusterNode, formerDisk: number): Promise<NodeStatus> {
  return eventually(`node ${node.index} is known by its new disk`, async () => {
    const status = await node.status();
    // An empty log knows no disks at all, so it must have been caught up as well.
    if (!status || status.leader === null || status.last_applied === 0) return undefined;
    expect(status.storage_id).not.toBe(formerDisk);
    const leader = await world.cluster.leader();
    const goal = (await leader?.status())?.commit_idx ?? Number.POSITIVE_INFINITY;
    return !status.disk_unknown && status.last_applied >= goal && status;
  });
}

test('a node with an empty folder is filled up, and then counts again', async () => {
  const { cluster } = world;
  const watch = world.during(new LeaderWatch(cluster));
  const leader = await cluster.waitForLeader();
  const [wiped, other] = othersOf(cluster, leader) as [ClusterNode, ClusterNode];
  const { storage_id: formerDisk } = await statusOf(wiped);
  const load = world.during(new AppendLoad({ urls: urlsOf(cluster) }));
  await load.progress(100);
  await killAndWipe(wiped);
  await load.progress(50);
  await wiped.start();
  await load.progress(50);
  await load.stop();
  await bound(wiped, formerDisk);
  await settled(cluster);
  await load.check(wiped.url, 'level=stale');

  // Without it there would be no majority now.
  await other.kill();
  expect((await append(leader.url, 'after', 1)).status).toBe(204);
  await other.start();
  await settled(cluster);
  // Nor would anybody be elected without its vote.
  await leader.kill();
  await otherLeader(cluster, leader);
  expect((await append(wiped.url, 'after', 2)).status).toBe(204);
  expect(await value(wiped.url, 'after')).toEqual([1, 2]);
  await load.check(wiped.url);
  await watch.stop();
  expect(watch.violations).toEqual([]);
});

test('a wiped node makes no majority with one that missed what it had acknowledged', async () => {
  const { cluster } = world;
  const watch = world.during(new LeaderWatch(cluster));
  const leader = await cluster.waitForLeader();
  const [wiped, behind] = othersOf(cluster, leader) as [ClusterNode, ClusterNode];
  await settled(cluster);
  const { storage_id: formerDisk } = await statusOf(wiped);
  await behind.kill();
  // Acknowledged by the leader and the node that is about to forget it.
  expect((await put(leader.url, 'x', 'kept')).status).toBe(204);
  await leader.kill();
  await killAndWipe(wiped);
  await Promise.all([wiped.start(), behind.start()]);

  // These two are a majority by number. Were the empty one to vote, 'x' would be gone.
  for (const node of [wiped, behind]) {
    await expectUnavailable(get(node.url, 'x'), put(node.url, 'y', 1));
    expect(await statusOf(node)).toMatchObject({ leader: null, has_quorum: false });
  }

  await leader.start();
  await bound(wiped, formerDisk);
  await settled(cluster);
  for (const node of cluster.nodes) {
    expect(await value(node.url, 'x')).toBe('kept');
    expect((await get(node.url, 'y')).status).toBe(404);
  }
  await watch.stop();
  expect(watch.violations).toEqual([]);
  expect(pick(world.records.unexpectedEnds.concat('none'))).toBe('none');
});
