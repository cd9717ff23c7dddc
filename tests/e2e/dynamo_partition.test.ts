/** The scenarios of the leaderless system with real processes whose links are really cut. */

import type { ClusterNode } from '../../bin/cluster_node';
import {
  DynamoWorld,
  isolate,
  placesOf,
  read,
  recordsOf,
  statusOf,
  type Versions,
  write,
} from '../support/e2e_dynamo';
import { send } from '../support/e2e_http';
import { TestNetwork, tryNetwork } from '../support/e2e_network';
import { testIf } from '../support/e2e_root';

jest.setTimeout(300_000);

const NODES = 6;

const testWithNetwork = testIf('ip netns', tryNetwork);

type Three = [ClusterNode, ClusterNode, ClusterNode];

/** Six nodes, each in a network of its own, shared by the tests: each leaves the links whole. */
let shared: { readonly network: TestNetwork; readonly world: DynamoWorld } | undefined;

async function six(): Promise<{ readonly network: TestNetwork; readonly world: DynamoWorld }> {
  if (shared !== undefined) return shared;
  const network = new TestNetwork(NODES);
  network.open();
  const world = new DynamoWorld(network);
  shared = { network, world };
  await world.open(NODES);
  return shared;
}

afterAll(async () => {
  await shared?.world.close();
  expect(shared?.world.unexpectedEnds ?? []).toEqual([]);
});

/** What every node says of a key; the same, from all of them. */
async function agreed(world: DynamoWorld, key: string, quorum = 3): Promise<Versions> {
  const answers: Versions[] = [];
  for (const node of world.nodes) answers.push(await read(node, key, quorum));
  for (const answer of answers) expect(answer).toEqual(answers[0]);
  return answers[0] as Versions;
}

testWithNetwork('written at quorum 3, then each replica cut off in turn and read', async () => {
  const { network, world } = await six();
  const key = 'on three disks';
  const { homes } = await world.homes(key);
  const metadata = await write(world.nodes[0] as ClusterNode, key, 'kept', 3);
  for (const home of homes) {
    isolate(network, world.nodes, home);
    expect(await read(home, key, 1)).toEqual({ values: ['kept'], metadata: [metadata] });
    network.heal();
  }
  await world.calm(NODES);
});

testWithNetwork('three replicas diverge: after healing all return the three versions', async () => {
  const { network, world } = await six();
  const key = 'three ways';
  const { homes } = await world.homes(key);
  const base = await write(homes[0] as ClusterNode, key, 'base', 3);
  // One cut for each pair: the three hear nobody, and nobody hears them.
  for (const home of homes) {
    const others = world.nodes.filter((node) => !homes.includes(node) || node.index > home.index);
    network.partition([home.index], placesOf(others.filter((node) => node !== home)));
  }
  const written: string[] = [];
  for (const [i, home] of homes.entries()) {
    written.push(await write(home, key, `side ${i}`, 1, base));
    expect(await read(home, key, 1)).toEqual({ values: [`side ${i}`], metadata: [written[i]] });
  }
  network.heal();
  await world.calm(NODES);
  const { values, metadata } = await agreed(world, key);
  expect(values.toSorted()).toEqual(['side 0', 'side 1', 'side 2']);
  expect(metadata.toSorted()).toEqual(written.toSorted());
  const resolved = await write(homes[1] as ClusterNode, key, 'all', 3, metadata.join(','));
  expect(await agreed(world, key)).toEqual({ values: ['all'], metadata: [resolved] });
});

testWithNetwork(
  'sloppy quorum: who stands in for a replica that is cut off hands over and keeps nothing',
  async () => {
    const { network, world } = await six();
    const key = 'sloppy';
    const { homes, others } = await world.homes(key);
    const [first, , cutOff] = homes as Three;
    isolate(network, world.nodes, cutOff);
    const metadata = await write(first, key, 'by a stand-in', 3);
    const hints = await Promise.all(others.map(statusOf));
    expect(hints.map((status) => status?.hints_waiting).toSorted()).toEqual([0, 0, 1]);
    expect(await read(first, key, 3)).toEqual({ values: ['by a stand-in'], metadata: [metadata] });
    expect(await read(cutOff, key, 1)).toEqual({ values: [], metadata: [] });
    const before = await Promise.all(others.map(recordsOf));
    network.heal();
    await world.calm(NODES);
    expect(await read(cutOff, key, 1)).toEqual({ values: ['by a stand-in'], metadata: [metadata] });
    const after = await Promise.all(others.map(recordsOf));
    const sum = (counts: readonly number[]) => counts.reduce((all, one) => all + one);
    expect(sum(before) - sum(after)).toBe(1);
  },
);

testWithNetwork(
  'a client cut off with nodes that hold no replica still writes and reads',
  async () => {
    const { network, world } = await six();
    const key = 'away from home';
    const { homes, others } = await world.homes(key);
    const [first, second, third] = others as Three;
    network.partition(placesOf(others), placesOf(homes));
    const metadata = await write(first, key, 'written there', 3);
    const expected = { values: ['written there'], metadata: [metadata] };
    expect(await read(second, key, 2)).toEqual(expected);
    expect(await read(third, key, 3)).toEqual(expected);
    expect(await read(homes[0] as ClusterNode, key, 3)).toEqual({ values: [], metadata: [] });
    network.heal();
    await world.calm(NODES);
    for (const home of homes) expect(await read(home, key, 1)).toEqual(expected);
    expect(await agreed(world, key)).toEqual(expected);
  },
);

testWithNetwork(
  'both sides of a partition write; afterwards all return both, and carts are merged',
  async () => {
    const { network, world } = await six();
    const [key, cart] = ['two sides', 'cart of two sides'];
    const { homes, others } = await world.homes(key);
    const base = await write(homes[0] as ClusterNode, cart, 'pear', 3);
    const minority = [homes[0], others[0]] as [ClusterNode, ClusterNode];
    const majority = world.nodes.filter((node) => !minority.includes(node)) as [ClusterNode];
    network.partition(placesOf(minority), placesOf(majority));

    // A node that is cut off answers a quorum of one from its own copy, and a stand-in takes writes.
    const here = await write(minority[0], key, 'here', 2);
    const there = await write(majority[0], key, 'there', 3);
    expect(await read(minority[1], key, 2)).toEqual({ values: ['here'], metadata: [here] });
    expect(await read(majority[0], key, 1)).toEqual({ values: ['there'], metadata: [there] });
    await write(minority[1], cart, 'pear,milk', 1, base);
    await write(majority[0], cart, 'apple', 2, base);
    const impossible = await send(minority[0].url, `/keys/x?quorum=3`);
    expect([impossible.status, JSON.parse(impossible.text).error.details.quorum]).toEqual([503, 3]);

    network.heal();
    await world.calm(NODES);
    const both = await agreed(world, key);
    expect(both.values.toSorted()).toEqual(['here', 'there']);
    expect(both.metadata.toSorted()).toEqual([here, there].toSorted());
    expect((await agreed(world, cart)).values).toEqual(['apple,milk,pear']);
  },
);

testWithNetwork('links that come and go change nothing but time', async () => {
  const { network, world } = await six();
  let isOver = false;
  const flapping = (async () => {
    for (let i = 0; !isOver; i++) {
      const side = world.nodes.filter(({ index }) => (index * 7 + i) % 3 === 0);
      network.partition(placesOf(side), placesOf(world.nodes.filter((one) => !side.includes(one))));
      await new Promise((resolve) => setTimeout(resolve, 150));
      network.heal();
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  })();
  /** The number of the last write of each client that was acknowledged. */
  const told = new Map<string, number>();
  const client = async (name: string, node: ClusterNode): Promise<void> => {
    let metadata: string | undefined;
    for (let i = 0; i < 30; i++) {
      const next = await write(node, name, i, 2, metadata).catch(() => undefined);
      if (next === undefined) continue;
      metadata = next;
      told.set(name, i);
    }
  };
  await Promise.all(world.nodes.map((node, i) => client(`client ${i}`, node)));
  isOver = true;
  await flapping;
  await world.calm(NODES);
  expect(told.size).toBe(NODES);
  for (const [name, last] of told) {
    const { values } = await agreed(world, name);
    // It is there, or a later one that had seen it and of which nobody knows whether it was written.
    expect(Math.max(...values.map(Number))).toBeGreaterThanOrEqual(last);
  }
  // Every key is on its three homes, and nowhere else.
  const keys = ['on three disks', 'three ways', 'sloppy', 'away from home', 'two sides'];
  const count = keys.length + 1 + told.size;
  const held = await Promise.all(world.nodes.map(recordsOf));
  expect(held.reduce((sum, one) => sum + one)).toBe(3 * count);
});
