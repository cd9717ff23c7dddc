/** SIGTERM: what is under way is answered, the leadership is handed over, the exit code is 0. */

import { append, put, value } from '../support/e2e_http';
import {
  caughtUp,
  ELECTION,
  eventually,
  openWorld,
  othersOf,
  pick,
  settled,
  statusOf,
  type World,
} from '../support/e2e_world';

jest.setTimeout(180_000);

/** So long that nobody could take a hand-over for an election, even on a busy machine. */
const SLOW = { minMs: 5000, maxMs: 8000, heartbeatMs: ELECTION.heartbeatMs };

let world: World;
beforeAll(async () => {
  world = await openWorld({ election: SLOW });
});
afterAll(() => world?.close());

/** Writes one after the other through one node, noting every error and the longest time for one. */
class Writer {
  readonly errors: string[] = [];
  written = 0;
  longestMs = 0;
  private stopping = false;
  private readonly running: Promise<void>;

  constructor(
    private readonly url: string,
    private readonly key: string,
  ) {
    this.running = this.run();
  }

  abandon(): void {
    this.stopping = true;
  }

  stop(): Promise<void> {
    this.stopping = true;
    return this.running;
  }

  private async run(): Promise<void> {
    while (!this.stopping && this.errors.length === 0) {
      const began = performance.now();
      await append(this.url, this.key, this.written).then(
        (reply) => {
          if (reply.status === 204) this.written++;
          else this.errors.push(`${reply.status} ${reply.text}`);
        },
        (error: Error) => this.errors.push(error.message),
      );
      this.longestMs = Math.max(this.longestMs, performance.now() - began);
    }
  }
}

test('a leader that stops hands over: clients of the others see no error and hardly a delay', async () => {
  const { cluster } = world;
  await settled(cluster);
  for (let stop = 0; stop < 3; stop++) {
    const leader = await cluster.waitForLeader();
    const { raft_term: term } = await statusOf(leader);
    const others = othersOf(cluster, leader);
    const writers = [...others, ...others].map((node, i) =>
      world.during(new Writer(node.url, `stop-${stop}-${i}`)),
    );
    await eventually('writes go on', () => writers.every((writer) => writer.written > 10));
    expect(await leader.stop()).toEqual({ code: 0, signal: null });
    const goals = writers.map((writer) => writer.written + 10);
    await eventually('writes go on without the old leader', () =>
      writers.every((writer, i) => writer.errors.length > 0 || writer.written >= (goals[i] ?? 0)),
    );
    await Promise.all(writers.map((writer) => writer.stop()));
    for (const [i, writer] of writers.entries()) {
      expect(writer.errors).toEqual([]);
      expect(writer.longestMs).toBeLessThan(SLOW.minMs);
      // No key was needed: the nodes themselves send again what was under way, exactly once.
      const all = Array.from({ length: writer.written }, (_, n) => n);
      expect(await value(pick(others).url, `stop-${stop}-${i}`)).toEqual(all);
    }
    // One hand-over is one new term; a failed one would have cost an election or more.
    expect((await statusOf(pick(others))).raft_term).toBe(term + 1);
    await leader.start();
    await caughtUp(cluster, leader);
  }
});

test('a follower that stops disturbs nobody', async () => {
  const { cluster } = world;
  const leader = await cluster.waitForLeader();
  const [follower] = othersOf(cluster, leader);
  const { raft_term: term } = await statusOf(leader);
  expect(await follower?.stop()).toEqual({ code: 0, signal: null });
  expect((await put(leader.url, 'x', 1)).status).toBe(204);
  await follower?.start();
  await settled(cluster);
  expect((await statusOf(leader)).raft_term).toBe(term);
});

test('requests under way are answered before the node ends', async () => {
  const { cluster } = world;
  await settled(cluster);
  const leader = await cluster.waitForLeader();
  const others = othersOf(cluster, leader);
  // With both followers frozen nothing is committed, so these are under way for certain.
  for (const other of others) other.pause();
  const replies = Array.from({ length: 20 }, (_, n) => put(leader.url, `under-way-${n}`, n));
  await eventually('the requests are under way', async () => {
    return (await statusOf(leader)).pending_requests === replies.length;
  });
  const linesBefore = world.records.linesOf(leader).length;
  const stopped = leader.stop();
  await eventually('the node says that it is stopping', () => {
    const lines = world.records.linesOf(leader).slice(linesBefore);
    return lines.some((line) => line.includes('stopping'));
  });
  for (const other of others) other.resume();
  for (const reply of await Promise.all(replies)) expect(reply.status).toBe(204);
  expect(await stopped).toEqual({ code: 0, signal: null });
  await leader.start();
  await settled(cluster);
  for (let n = 0; n < replies.length; n++) {
    expect(await value(leader.url, `under-way-${n}`)).toBe(n);
  }
  expect(world.records.unexpectedEnds).toEqual([]);
});

test('a whole cluster that stops comes back with everything', async () => {
  const { cluster } = world;
  const exits = await Promise.all(cluster.nodes.map((node) => node.stop()));
  expect(exits).toEqual(cluster.nodes.map(() => ({ code: 0, signal: null })));
  await Promise.all(cluster.nodes.map((node) => node.start()));
  await settled(cluster);
  for (const node of cluster.nodes) expect(await value(node.url, 'under-way-0')).toBe(0);
});
