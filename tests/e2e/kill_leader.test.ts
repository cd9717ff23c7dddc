import { AppendLoad } from '../support/e2e_load';
import {
  caughtUp,
  LeaderWatch,
  openWorld,
  otherLeader,
  urlsOf,
  type World,
} from '../support/e2e_world';

jest.setTimeout(180_000);

const KILLS = 4;

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world?.close());

test('leaders killed under load lose nothing that was acknowledged, and nothing comes twice', async () => {
  const { cluster } = world;
  await cluster.waitForLeader();
  const watch = world.during(new LeaderWatch(cluster));
  const load = world.during(new AppendLoad({ urls: urlsOf(cluster), clients: 10 }));
  for (let kill = 0; kill < KILLS; kill++) {
    await load.progress(100);
    const leader = await cluster.waitForLeader();
    expect(await leader.kill()).toEqual({ code: null, signal: 'SIGKILL' });
    await otherLeader(cluster, leader);
    await load.progress(100);
    await leader.start();
    await caughtUp(cluster, leader);
  }
  await load.stop();
  expect(load.retries).toBeGreaterThan(0);
  for (const node of cluster.nodes) await load.check(node.url);

  const leaders = await watch.stop();
  expect(watch.violations).toEqual([]);
  expect(leaders.size).toBeGreaterThan(KILLS / 2);
  expect(world.records.unexpectedEnds).toEqual([]);
});
