/** The scenarios of the leaderless system with real processes that are killed and frozen. */

import type { ClusterNode } from '../../bin/cluster_node';
import {
  DynamoWorld,
  read,
  recordsOf,
  statusOf,
  type Versions,
  write,
} from '../support/e2e_dynamo';
import { send } from '../support/e2e_http';
import { eventually } from '../support/e2e_world';

jest.setTimeout(300_000);

const NODES = 6;
const TRIES = 20;

let world: DynamoWorld;
beforeAll(async () => {
  world = await new DynamoWorld().open(NODES);
});
afterAll(async () => {
  await world?.close();
  expect(world?.unexpectedEnds).toEqual([]);
});

const everywhere = (key: string, quorum: number): Promise<Versions[]> =>
  Promise.all(world.nodes.map((node) => read(node, key, quorum)));

test('written at any node, read at every node', async () => {
  for (const node of world.nodes) {
    const key = `of ${node.index}`;
    expect(await read(node, key)).toEqual({ values: [], metadata: [] });
    const first = await write(node, key, 'one', 2);
    const second = await write(node, key, { two: [2] }, 3, first);
    for (const answer of await everywhere(key, 2)) {
      expect(answer).toEqual({ values: [{ two: [2] }], metadata: [second] });
    }
  }
});

test('the lookup names three nodes with addresses; members and records are counted', async () => {
  const [first] = world.nodes as [ClusterNode];
  const lookup = JSON.parse((await send(first.url, '/lookup/a%2Fb')).text) as string[][];
  expect(lookup).toHaveLength(3);
  for (const [name, address] of lookup) {
    expect(
      world.nodes.some(({ id, index }) => id === address && name === `node0${index + 1}`),
    ).toBe(true);
  }
  expect(JSON.parse((await send(first.url, '/admin/members')).text)).toEqual(
    world.nodes.map(({ index }) => `node0${index + 1}`),
  );
  expect(await recordsOf(first)).toBeGreaterThan(0);
  const metrics = (await send(first.url, '/metrics')).text;
  expect(metrics).toMatch(/^quorum_kv_hints 0$/m);
  expect(metrics).toMatch(/^quorum_kv_ring_share 0\.1\d+$/m);
});

test.each([
  ['SIGKILL', (node: ClusterNode) => void node.kill()],
  ['SIGSTOP', (node: ClusterNode) => node.pause()],
])('a replica ends by %s: quorums of 3 go on, and it gets what it missed', async (how, end) => {
  const key = `without one, ${how}`;
  const { homes, others } = await world.homes(key);
  const [coordinator, , victim] = homes as [ClusterNode, ClusterNode, ClusterNode];
  let metadata = await write(coordinator, key, 'before', 3);
  end(victim);
  // How soon is for `npm run bench:dynamo` to say.
  for (let i = 0; i < TRIES; i++) {
    metadata = await write(coordinator, key, i, 3, metadata);
    expect((await read(coordinator, key, 3)).values).toEqual([i]);
  }
  const hints = await Promise.all(
    others.map(async (node) => (await statusOf(node))?.hints_waiting),
  );
  expect(hints).toContain(1);
  if (how === 'SIGKILL') await victim.start();
  else victim.resume();
  await world.calm(NODES);
  expect(await read(victim, key, 1)).toEqual({ values: [TRIES - 1], metadata: [metadata] });
  for (const node of others) {
    const lookup = await send(node.url, `/lookup/${encodeURIComponent(key)}`);
    expect(lookup.text).not.toContain(node.id);
  }
});

test('all nodes killed at once: data and hints are there again', async () => {
  const keys = Array.from({ length: 30 }, (_, i) => `kept ${i}`);
  const [first] = world.nodes as [ClusterNode];
  const metadata = await Promise.all(keys.map((key) => write(first, key, key, 2)));
  const { homes } = await world.homes('owed');
  const victim = homes.find((node) => node !== first) as ClusterNode;
  const up = world.nodes.filter((node) => node !== victim);
  await victim.kill();
  const owed = await write(first, 'owed', 'while it was down', 3);
  const hints = async (): Promise<number> => {
    const all = await Promise.all(up.map(statusOf));
    return all.reduce((sum, status) => sum + Number(status?.hints_waiting), 0);
  };
  expect(await hints()).toBe(1);

  await Promise.all(up.map((node) => node.kill()));
  await Promise.all(up.map((node) => node.start()));
  expect(await hints()).toBe(1);
  await victim.start();
  await world.calm(NODES);
  expect(await read(victim, 'owed', 1)).toEqual({
    values: ['while it was down'],
    metadata: [owed],
  });
  for (const [i, key] of keys.entries()) {
    expect(await read(first, key, 2)).toEqual({ values: [key], metadata: [metadata[i]] });
  }
});

test('bad input is a clear 4xx and changes nothing', async () => {
  const [node] = world.nodes as [ClusterNode];
  const put = (body: string) => send(node.url, '/keys/untouched', { method: 'POST', body });
  const bad: [string, number, string][] = [
    ['{', 400, 'request_not_valid'],
    ['[]', 400, 'request_not_valid'],
    ['{"type":"PUT"}', 400, 'value_not_valid'],
    ['{"type":"APPEND","value":1}', 400, 'type_not_correct'],
    ['{"type":"PUT","value":1,"quorum":0}', 400, 'quorum_not_valid'],
    ['{"type":"PUT","value":1,"quorum":4}', 400, 'quorum_not_valid'],
    ['{"type":"PUT","value":1,"quorum":"2"}', 400, 'request_not_valid'],
    ['{"type":"PUT","value":1,"metadata":"forged"}', 400, 'metadata_not_valid'],
    ['{"type":"PUT","value":1,"metadata":7}', 400, 'request_not_valid'],
    ['{"type":"PUT","value":1,"quorun":2}', 400, 'request_not_valid'],
  ];
  for (const [body, status, code] of bad) {
    const reply = await put(body);
    expect([body, reply.status, JSON.parse(reply.text).error.code]).toEqual([body, status, code]);
  }
  expect((await send(node.url, '/keys/untouched?quorum=9')).status).toBe(400);
  expect((await send(node.url, '/keys/untouched?quorum=x')).status).toBe(400);
  expect((await send(node.url, '/keys/untouched', { method: 'DELETE' })).status).toBe(405);
  expect((await send(node.url, '/nowhere')).status).toBe(404);
  const cart = await send(node.url, '/keys/cart', {
    method: 'POST',
    body: '{"type":"PUT","value":[1]}',
  });
  expect(cart.status).toBe(400);
  expect(await read(node, 'untouched', 3)).toEqual({ values: [], metadata: [] });
});

test('JOIN and LEAVE: shares move, everything is served, who left is never listed again', async () => {
  const keys = Array.from({ length: 100 }, (_, i) => `moving ${i}`);
  const [first] = world.nodes as [ClusterNode];
  await Promise.all(keys.map((key) => write(first, key, key, 3)));
  const newcomer = await world.add(['--seed', world.id(3)]);
  await world.calm(NODES + 1);
  expect(await recordsOf(newcomer)).toBeGreaterThan(25);
  for (const key of keys.slice(0, 20)) expect((await read(newcomer, key, 3)).values).toEqual([key]);

  expect((await send(newcomer.url, '/admin/leave', { method: 'POST' })).status).toBe(202);
  await eventually('it has left', async () => (await statusOf(newcomer))?.standing === 'left');
  expect(await recordsOf(newcomer)).toBe(0);
  expect((await send(newcomer.url, '/health/ready')).status).toBe(503);
  const rest = world.nodes.filter((node) => node !== newcomer);
  await eventually('all know', async () => {
    const lists = await Promise.all(rest.map(({ url }) => send(url, '/admin/members')));
    return lists.every(({ text }) => JSON.parse(text).length === NODES);
  });
  expect(await newcomer.stop()).toEqual({ code: 0, signal: null });
  world.nodes.splice(world.nodes.indexOf(newcomer), 1);
  await world.calm(NODES);
  for (const key of keys) expect((await read(first, key, 3)).values).toEqual([key]);
});
