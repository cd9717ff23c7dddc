import { setTimeout as wait } from 'node:timers/promises';
import { RawClient, type RawResponse, request } from '../http/raw_client';
import { append, put, value } from '../support/e2e_http';
import { AppendLoad } from '../support/e2e_load';
import {
  caughtUp,
  LeaderWatch,
  openWorld,
  otherLeader,
  othersOf,
  pick,
  settled,
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

  await settled(cluster);
  const readers = await openReaders(leader.url);

  leader.pause();
  // The first byte of each read gets there before anything that the others say, so that the old
  // leader finds the reads first when it wakes up. That is why there is no load before.
  for (const reader of readers) reader.send('G');
  const load = world.during(new AppendLoad({ urls: urlsOf(cluster) }));
  const pauseOver = wait(PAUSE_MS);
  await otherLeader(cluster, leader);
  expect((await put(pick(others).url, 'x', 'new')).status).toBe(204);
  // All of these wait in the sockets of a process that still believes that it leads.
  const reads = readers.map((reader, i) => ask(reader, pick(LEVELS, i % LEVELS.length), 1));
  const keyed = { idempotencyKey: 'while-frozen' };
  const frozenAppend = answered(append(leader.url, 'once', 1, keyed));
  expect((await append(pick(others, 1).url, 'once', 1, keyed)).status).toBe(204);
  await pauseOver;
  leader.resume();

  for (const reply of await Promise.all(reads)) {
    // Either the new value or an error that says so; 200 with the old one is the defect.
    if (reply?.status === 200) expect(JSON.parse(reply.body)).toBe('new');
    else expect([503, 504]).toContain(reply?.status ?? 503);
  }
  for (const reader of readers) reader.close();
  await frozenAppend;
  await caughtUp(cluster, leader);
  await load.progress(50);
  await load.stop();
  for (const node of cluster.nodes) {
    expect(await value(node.url, 'once')).toEqual([1]);
    await load.check(node.url);
  }
  await watch.stop();
  expect(watch.violations).toEqual([]);
  expect(world.records.unexpectedEnds).toEqual([]);
});

const LEVELS = ['linearizable', 'lease'];

/** Connections that the node has accepted already, so that nothing comes before a read on them. */
async function openReaders(url: string): Promise<RawClient[]> {
  const readers: RawClient[] = [];
  for (let i = 0; i < 20; i++) {
    const reader = await RawClient.open(Number(new URL(url).port));
    readers.push(reader);
    expect((await ask(reader, 'stale'))?.status).toBe(200);
  }
  return readers;
}

/** Reads; `sent` is how many bytes of the request have gone out before. */
function ask(reader: RawClient, level: string, sent = 0): Promise<RawResponse | undefined> {
  const bytes = request('GET', `/keys/x?level=${level}`).slice(sent);
  return answered(reader.send(bytes).next());
}

/** The reply, or undefined if the connection broke. */
const answered = <T>(reply: Promise<T>): Promise<T | undefined> => reply.catch(() => undefined);
