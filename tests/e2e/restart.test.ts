import { append, value } from '../support/e2e_http';
import { AppendLoad } from '../support/e2e_load';
import { openWorld, pick, settled, urlsOf, type World } from '../support/e2e_world';

jest.setTimeout(180_000);

const ROUNDS = 3;

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world?.close());

test('all nodes killed at once under load come back with all that was acknowledged', async () => {
  const { cluster } = world;
  await cluster.waitForLeader();
  const load = world.during(new AppendLoad({ urls: urlsOf(cluster) }));
  const keyed = { idempotencyKey: 'before-the-crash' };
  expect((await append(pick(cluster.nodes).url, 'once', 'a', keyed)).status).toBe(204);
  for (let round = 0; round < ROUNDS; round++) {
    await load.progress(100);
    const { raft_term: term } = pick(
      await Promise.all(cluster.nodes.map((node) => node.status())),
    ) ?? {
      raft_term: Number.NaN,
    };
    await Promise.all(cluster.nodes.map((node) => node.kill()));
    await Promise.all(cluster.nodes.map((node) => node.start()));
    // A term that was forgotten could be voted in a second time.
    for (const node of cluster.nodes) {
      expect((await node.status())?.raft_term).toBeGreaterThanOrEqual(term);
    }
    await cluster.waitForLeader();
  }
  await load.progress(100);
  await load.stop();
  expect(load.retries).toBeGreaterThan(0);

  for (const node of cluster.nodes) {
    expect((await append(node.url, 'once', 'a', keyed)).status).toBe(204);
    expect(await value(node.url, 'once')).toEqual(['a']);
    await load.check(node.url);
  }
  await settled(cluster);
  for (const node of cluster.nodes) await load.check(node.url, 'level=stale');
  expect(world.records.unexpectedEnds).toEqual([]);
});
