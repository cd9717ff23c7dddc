/** Convergent replicas as real processes that are killed, frozen, wiped, and told of each other. */

import { rmSync } from 'node:fs';
import type { ClusterNode } from '../../bin/cluster_node';
import { send } from '../support/e2e_http';
import {
  change,
  digestOf,
  healthOf,
  peersOf,
  ReplicaWorld,
  remove,
  stateOf,
  statusOf,
  unregister,
  update,
} from '../support/e2e_replicas';
import { eventually } from '../support/e2e_world';

jest.setTimeout(300_000);

let world: ReplicaWorld;
afterEach(async () => {
  await world?.close();
  expect(world?.unexpectedEnds).toEqual([]);
});

async function replicas(count: number, ...flags: string[]): Promise<ClusterNode[]> {
  world = await new ReplicaWorld(undefined, flags).open(count);
  return world.nodes;
}

const pair = async (...flags: string[]): Promise<[ClusterNode, ClusterNode]> =>
  (await replicas(2, ...flags)) as [ClusterNode, ClusterNode];

test('one registration is enough; both ways is as good, and again is fine', async () => {
  const [a, b] = await pair();
  await update(a, { of: 'a' });
  await update(b, { too: 'b' });
  await world.register(0, 1);
  await world.all({ of: 'a', too: 'b' });
  for (const [at, whom] of [
    [1, 0],
    [0, 1],
    [1, 0],
  ] as const) {
    await world.register(at, whom);
  }
  await update(b, { of: 'b' });
  await world.all({ of: 'b', too: 'b' });
  expect((await peersOf(a)).map(({ url }) => url)).toEqual([world.urlOf(1)]);
});

test('three replicas, registered in a chain, each do something and end in the same state', async () => {
  const [a, b, c] = (await replicas(3)) as [ClusterNode, ClusterNode, ClusterNode];
  await world.register(0, 1);
  await world.register(1, 2);
  await update(a, { x: 1, y: 1 });
  await world.all({ x: 1, y: 1 });
  await Promise.all([update(a, { x: 2 }), remove(b, 'y'), update(c, { z: [3] })]);
  await world.all({ x: 2, z: [3] });
  // Whoever is registered somewhere is known everywhere.
  await world.linked(0, 2);
  await b.kill();
  await update(a, { x: 4 });
  await world.all({ x: 4, z: [3] }, [a, c]);
});

test('every type of value converges, whatever was done at the same time', async () => {
  const nodes = await replicas(3);
  await world.register(0, 1);
  await world.register(0, 2);
  await Promise.all([world.linked(0, 1), world.linked(0, 2), world.linked(1, 2)]);
  for (const [i, node] of nodes.entries()) {
    await Promise.all([
      change(node, 'counter', 'INCREMENT', 10 ** i),
      change(node, 'set', 'ADD', `of ${i}`),
      change(node, 'register', 'ASSIGN', i),
    ]);
  }
  const set = ['of 0', 'of 1', 'of 2'];
  await eventually('all replicas agree', async () => {
    const states = await Promise.all(nodes.map(stateOf));
    const digests = new Set(await Promise.all(nodes.map(digestOf)));
    return (
      digests.size === 1 &&
      states.every(({ counter, set: elements }) => {
        return counter === 111 && JSON.stringify(elements) === JSON.stringify(set);
      })
    );
  });
  const [values] = (await Promise.all(nodes.map(stateOf))).map(({ register }) => register);
  expect(values).toEqual(expect.arrayContaining([expect.any(Number)]) as unknown);
  await change(nodes[1] as ClusterNode, 'set', 'REMOVE', 'of 0');
  await change(nodes[2] as ClusterNode, 'register', 'ASSIGN', 'all');
  await world.all({ counter: 111, set: ['of 1', 'of 2'], register: ['all'] });
  const mistake = await send(nodes[0]?.url ?? '', '/keys/set', {
    method: 'POST',
    body: '{"type":"INCREMENT","value":1}',
  });
  expect([mistake.status, JSON.parse(mistake.text).error.code]).toEqual([409, 'wrong_type']);
  await world.all({ counter: 111, set: ['of 1', 'of 2'], register: ['all'] });
});

test('an acknowledged write survives SIGKILL, and so do peers and deletes', async () => {
  const [a, b] = await pair();
  await world.register(0, 1);
  await update(a, { stays: 1, goes: 1 });
  await world.all({ stays: 1, goes: 1 });
  await b.kill();
  const acknowledged: Record<string, unknown> = { stays: 1 };
  await remove(a, 'goes');
  for (let i = 0; i < 50; i++) {
    await update(a, { [`k${i}`]: i });
    acknowledged[`k${i}`] = i;
  }
  await a.kill();
  await a.start();
  expect(await stateOf(a)).toEqual(acknowledged);
  // Nobody is registered again: each remembers the other.
  await b.start();
  await world.all(acknowledged);
});

test('a replica that was down has everything after it is back and registered both ways', async () => {
  const [a, b] = await pair();
  await world.register(0, 1);
  await update(a, { before: 1 });
  await world.all({ before: 1 });
  await b.stop();
  await update(a, { before: 2, meanwhile: 1 });
  await b.start();
  await world.register(0, 1);
  await world.register(1, 0);
  await world.all({ before: 2, meanwhile: 1 });
});

test('a replica may be registered while it is down, also across a restart of the other', async () => {
  const [a, b] = await pair();
  await update(b, { of: 'b' });
  await b.kill();
  await world.register(0, 1);
  await a.kill();
  await a.start();
  await update(a, { and: 'a' });
  await b.start();
  await world.all({ of: 'b', and: 'a' });
});

test('a frozen replica delays nobody, and catches up by itself', async () => {
  const [a, b] = await pair();
  await world.register(0, 1);
  await world.linked(0, 1);
  b.pause();
  const expected: Record<string, unknown> = {};
  for (let i = 0; i < 20; i++) {
    await update(a, { [`k${i}`]: i });
    expected[`k${i}`] = i;
  }
  b.resume();
  await world.all(expected);
});

test('a wiped replica is another one, and takes the place of the one before', async () => {
  const [a, b] = await pair();
  await world.register(0, 1);
  await update(b, { of: 'b' });
  await world.all({ of: 'b' });
  const { replica_id: before } = await healthOf(b);
  await b.kill();
  rmSync(world.folderOf(1), { recursive: true });
  await b.start();
  const { replica_id: now } = await healthOf(b);
  expect(now).not.toBe(before);
  await update(b, { again: 'b' });
  await world.all({ of: 'b', again: 'b' });
  await eventually('only the new one is a peer', async () => {
    const peers = await peersOf(a);
    return peers.length === 1 && peers[0]?.replica_id === now;
  });
});

test('a replica that moved to another port tells all that it knows', async () => {
  const [a, , c] = (await replicas(3)) as [ClusterNode, ClusterNode, ClusterNode];
  await world.register(0, 1);
  await world.register(1, 2);
  await update(a, { x: 1 });
  await world.all({ x: 1 });
  await world.move(1);
  await update(world.node(1), { x: 2 });
  await world.all({ x: 2 });
  for (const node of [a, c]) {
    await eventually('its new URL is known', async () => {
      return (await peersOf(node)).some(({ url }) => url === world.urlOf(1));
    });
    expect(await peersOf(node)).toHaveLength(2);
  }
});

test('after it was unregistered, a replica hears no more; registered again it gets all', async () => {
  const [a, b] = await pair();
  await world.register(0, 1);
  await update(a, { x: 1 });
  await world.all({ x: 1 });
  await unregister(a, { url: world.urlOf(1) });
  await eventually('there is no peer', async () => (await peersOf(a)).length === 0);
  await eventually('the link ends', async () => (await statusOf(b)).links_up === 0);
  await update(a, { x: 2 });
  expect(await stateOf(b)).toEqual({ x: 1 });
  await world.register(0, 1);
  await world.all({ x: 2 });
});

test('a node that is told its own URL, or two of another one, says so and goes on', async () => {
  const [a] = await pair();
  const own = await send(a.url, '/register', {
    method: 'POST',
    body: JSON.stringify({ url: world.urlOf(0) }),
  });
  expect([own.status, JSON.parse(own.text).error.code]).toEqual([409, 'peer_not_possible']);
  const hidden = JSON.stringify({ url: world.urlOf(0).replace('127.0.0.1', 'localhost') });
  expect((await send(a.url, '/register', { method: 'POST', body: hidden })).status).toBe(200);
  await eventually('it is said', () => {
    return world.lines.some((line) => /leads to this node itself/.test(line));
  });
  const names = [world.urlOf(1), world.urlOf(1).replace('127.0.0.1', 'localhost')];
  for (const url of names) {
    const body = JSON.stringify({ url });
    expect((await send(a.url, '/register', { method: 'POST', body })).status).toBe(200);
  }
  await update(a, { x: 1 });
  await world.all({ x: 1 });
  expect(await peersOf(a)).toHaveLength(1);
});

test('snapshots: what was written is there after many of them and a SIGKILL', async () => {
  const [a] = await pair('--snapshot-journal-bytes', '8KiB');
  const expected: Record<string, unknown> = {};
  for (let i = 0; i < 100; i++) {
    const value = `${i} ${'x'.repeat(300)}`;
    await update(a, { [`k${i % 10}`]: value });
    expected[`k${i % 10}`] = value;
  }
  await world.register(0, 1);
  await world.all(expected);
  await a.kill();
  await a.start();
  await world.all(expected);
  await world.linked(0, 1);
});
