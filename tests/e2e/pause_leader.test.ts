import { setTimeout as wait } from 'node:timers/promises';
import { append, get, put, type Reply, value } from '../support/e2e_http';
import { AppendLoad } from '../support/e2e_load';
import {
  caughtUp,
  LeaderWatch,
  openWorld,
  otherLeader,
  othersOf,
  pick,
  urlsOf,
  type World,
} from '../support/e2e_world';

jest.setTimeout(180_000);

/** Several election timeouts: the others have long chosen a new leader. */
const PAUSE_MS = 5000;

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world?.close());

test('a frozen leader wakes up without telling anything old and without doing anything twice', async () => {
  const { cluster } = world;
  const leader = await cluster.waitForLeader();
  const others = othersOf(cluster, leader);
  const watch = world.during(new LeaderWatch(cluster));
  expect((await put(leader.url, 'x', 'old')).status).toBe(204);
  const load = world.during(new AppendLoad({ urls: urlsOf(cluster) }));
  await load.progress(50);

  leader.pause();
  const pauseOver = wait(PAUSE_MS);
  await otherLeader(cluster, leader);
  expect((await put(pick(others).url, 'x', 'new')).status).toBe(204);
  // All of these wait in the sockets of a process that still believes that it leads.
  const levels = ['', 'level=linearizable', 'level=lease'];
  const reads = [...levels, ...levels].map((query) => answered(get(leader.url, 'x', query)));
  const keyed = { idempotencyKey: 'while-frozen' };
  const frozenAppend = answered(append(leader.url, 'once', 1, keyed));
  expect((await append(pick(others, 1).url, 'once', 1, keyed)).status).toBe(204);
  await pauseOver;
  leader.resume();

  for (const reply of await Promise.all(reads)) {
    // Either the new value or an error that says so; 200 with the old one is the defect.
    if (reply?.status === 200) expect(JSON.parse(reply.text)).toBe('new');
    else expect([503, 504]).toContain(reply?.status ?? 503);
  }
  await frozenAppend;
  await caughtUp(cluster, leader);
  await load.stop();
  for (const node of cluster.nodes) {
    expect(await value(node.url, 'once')).toEqual([1]);
    await load.check(node.url);
  }
  await watch.stop();
  expect(watch.violations).toEqual([]);
  expect(world.records.unexpectedEnds).toEqual([]);
});

/** The reply, or undefined if the connection broke. */
const answered = (reply: Promise<Reply>): Promise<Reply | undefined> =>
  reply.catch(() => undefined);
