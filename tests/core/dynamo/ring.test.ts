/** The figures of the ring: how evenly keys lie, and how many move when somebody comes or goes. */

import { PARTITIONS, partitionOf, Ring } from '../../../kv/core/dynamo/ring';
import { type NodeId, nodeId } from '../../../kv/core/ids';

const REPLICAS = 3;
const keys = Array.from({ length: 1000 }, (_, i) => `key${i}`);
const named = (count: number): NodeId[] =>
  Array.from({ length: count }, (_, i) => nodeId(`127.0.0.1:${9701 + i}`));
const homesOf = (ring: Ring, key: string): readonly NodeId[] => ring.homesOf(partitionOf(key));

function counts(ring: Ring): number[] {
  return ring.members.map((id) => keys.filter((key) => homesOf(ring, key).includes(id)).length);
}

test('1,000 keys on 6 nodes with 3 replicas: each node holds its share within 10 %', () => {
  const found = counts(new Ring(named(6), REPLICAS));
  console.info(`keys on each of 6 nodes, 500 expected: ${found.join(' ')}`);
  for (const count of found) expect(Math.abs(count - 500)).toBeLessThanOrEqual(50);
  expect(found.reduce((sum, count) => sum + count)).toBe(3000);
});

test.each([1, 2, 3, 4, 6, 9, 12])('%i nodes: partitions are shared out within 10 %%', (count) => {
  const ring = new Ring(named(count), REPLICAS);
  const expected = 1 / count;
  for (const id of ring.members) {
    expect(Math.abs(ring.shareOf(id) - expected)).toBeLessThanOrEqual(expected / 10);
  }
});

test('JOIN: what moves is the share of the newcomer, all of it to the newcomer', () => {
  const [before, after] = [new Ring(named(5), REPLICAS), new Ring(named(6), REPLICAS)];
  const newcomer = named(6).at(-1) as NodeId;
  let moved = 0;
  for (const key of keys) {
    const gained = homesOf(after, key).filter((id) => !homesOf(before, key).includes(id));
    expect(gained.every((id) => id === newcomer)).toBe(true);
    moved += gained.length;
  }
  const expected = (keys.length * REPLICAS) / 6;
  console.info(`the sixth node joins: ${moved} of ${keys.length * REPLICAS} copies move`);
  expect(Math.abs(moved - expected)).toBeLessThanOrEqual(expected / 10);
});

test('LEAVE: what moves is what the leaver held, and each key of it to one node', () => {
  const leaver = named(6)[2] as NodeId;
  const before = new Ring(named(6), REPLICAS);
  const after = new Ring(
    named(6).filter((id) => id !== leaver),
    REPLICAS,
  );
  let moved = 0;
  for (const key of keys) {
    const gained = homesOf(after, key).filter((id) => !homesOf(before, key).includes(id));
    expect(gained).toHaveLength(homesOf(before, key).includes(leaver) ? 1 : 0);
    moved += gained.length;
  }
  const held = keys.filter((key) => homesOf(before, key).includes(leaver)).length;
  console.info(`the third of six leaves: ${moved} of ${keys.length * REPLICAS} copies move`);
  expect(moved).toBe(held);
});

test('a preference list names every node once, and does not depend on the order of the members', () => {
  const ring = new Ring(named(7), REPLICAS);
  const other = new Ring(named(7).reverse(), REPLICAS);
  for (let partition = 0; partition < PARTITIONS; partition += 97) {
    const order = ring.orderOf(partition);
    expect(new Set(order)).toEqual(new Set(named(7)));
    expect(order).toHaveLength(7);
    expect(other.orderOf(partition)).toEqual(order);
    expect(ring.homesOf(partition)).toEqual(order.slice(0, REPLICAS));
  }
});

test('where keys lie is part of the format', () => {
  const ring = new Ring(named(6), REPLICAS);
  const lists = ['a', 'cart', 'key1', 'päth/ü'].map((key) => {
    const homes = homesOf(ring, key).map((id) => id.slice(-1));
    return `${partitionOf(key)}:${homes.join('')}`;
  });
  expect(lists).toMatchInlineSnapshot(`
[
  "678:425",
  "2341:463",
  "705:261",
  "1066:364",
]
`);
});
