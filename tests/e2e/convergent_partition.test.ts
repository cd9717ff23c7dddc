/** Convergent replicas whose packets are really dropped: by the wire, or at a listening port. */

import type { ClusterNode } from '../../bin/cluster_node';
import { TestNetwork } from '../support/e2e_network';
import {
  REPLICA_PORT,
  ReplicaWorld,
  remove,
  stateOf,
  statusOf,
  update,
} from '../support/e2e_replicas';
import { testIf } from '../support/e2e_root';
import { eventually } from '../support/e2e_world';

jest.setTimeout(300_000);

const testWithNetwork = testIf('ip netns', () => {
  const network = new TestNetwork(2);
  try {
    network.open();
    network.dropToPort(0, 1, REPLICA_PORT);
    network.heal();
  } finally {
    network.close();
  }
});

/** Starts so many replicas, of which the first `linked` know each other. */
async function within(
  count: number,
  linked: number,
  body: (world: ReplicaWorld, network: TestNetwork) => Promise<void>,
): Promise<void> {
  const network = new TestNetwork(count);
  network.open();
  const world = new ReplicaWorld(network);
  try {
    await world.open(count);
    for (let i = 1; i < linked; i++) {
      await world.register(0, i);
      await world.linked(0, i);
    }
    await body(world, network);
    expect(world.unexpectedEnds).toEqual([]);
  } finally {
    await world.close();
  }
}

type Two = [ClusterNode, ClusterNode];

/** The ways in which two nodes can be cut off from each other. */
const CUTS: readonly [what: string, cut: (network: TestNetwork) => void][] = [
  ['both directions of the wire', (network) => network.partition([0], [1])],
  ['one direction of the wire', (network) => network.cutOneWay(0, 1)],
  ['the other direction', (network) => network.cutOneWay(1, 0)],
  ['packets to the port of the second', (network) => network.dropToPort(0, 1, REPLICA_PORT)],
  ['packets to the port of the first', (network) => network.dropToPort(1, 0, REPLICA_PORT)],
  [
    'packets to both ports',
    (network) => {
      network.dropToPort(0, 1, REPLICA_PORT);
      network.dropToPort(1, 0, REPLICA_PORT);
    },
  ],
];

for (const [what, cut] of CUTS) {
  testWithNetwork(`cut: ${what}; different keys and the same key, equal after healing`, () =>
    within(2, 2, async (world, network) => {
      const [a, b] = world.nodes as Two;
      await update(a, { base: 1, gone: 1 });
      await world.all({ base: 1, gone: 1 });
      cut(network);
      await update(a, { ofA: 'a', same: 'first' });
      await remove(a, 'gone');
      await update(b, { ofB: 'b', same: 'second' });
      expect(await stateOf(b)).toMatchObject({ ofB: 'b', same: 'second' });
      network.heal();
      // No further write: what was missed is found by the replicas themselves.
      await world.all({ base: 1, ofA: 'a', ofB: 'b', same: 'second' });
    }),
  );
}

testWithNetwork('a concurrent update and delete end equal, whichever was later', () =>
  within(2, 2, async (world, network) => {
    const [a, b] = world.nodes as Two;
    await update(a, { one: 1, two: 1 });
    await world.all({ one: 1, two: 1 });
    network.partition([0], [1]);
    await remove(a, 'one');
    await update(b, { one: 2 });
    await update(b, { two: 2 });
    await remove(a, 'two');
    network.heal();
    await world.all({ one: 2 });
  }),
);

testWithNetwork('of three, the one in the middle carries what the two others cannot say', () =>
  within(3, 3, async (world, network) => {
    const [a, , c] = world.nodes as [ClusterNode, ClusterNode, ClusterNode];
    network.partition([0], [2]);
    await update(a, { ofA: 1 });
    await update(c, { ofC: 1 });
    await world.all({ ofA: 1, ofC: 1 });
    network.partition([0], [1]);
    network.partition([1], [2]);
    await Promise.all(world.nodes.map((node, i) => update(node, { [`k${i}`]: i })));
    network.heal();
    await world.all({ ofA: 1, ofC: 1, k0: 0, k1: 1, k2: 2 });
  }),
);

testWithNetwork('a restart within the partition, and healing after it', () =>
  within(2, 2, async (world, network) => {
    const [a, b] = world.nodes as Two;
    network.dropToPort(0, 1, REPLICA_PORT);
    network.dropToPort(1, 0, REPLICA_PORT);
    await update(a, { x: 'a' });
    await b.kill();
    await b.start();
    await update(b, { y: 'b' });
    network.heal();
    await world.all({ x: 'a', y: 'b' });
  }),
);

testWithNetwork('a cut that outlives the connections is healed too, whoever dials first', () =>
  within(2, 2, async (world, network) => {
    const [a, b] = world.nodes as Two;
    network.dropToPort(0, 1, REPLICA_PORT);
    network.dropToPort(1, 0, REPLICA_PORT);
    for (const [i, node] of world.nodes.entries()) {
      await eventually(`node ${i} has given the link up`, async () => {
        await update(node, { [`k${i}`]: i });
        return (await statusOf(node)).links_up === 0;
      });
    }
    await update(a, { same: 'a' });
    await update(b, { same: 'b' });
    network.heal();
    await world.all({ k0: 0, k1: 1, same: 'b' });
  }),
);

const PATCHES = 50;
/** How much slower the median may be: a peer that is waited for costs a time-out, hundreds of times. */
const MOST_TIMES_SLOWER = 5;

testWithNetwork('a PATCH is answered as fast when a peer swallows packets as with no peer', () =>
  within(3, 2, async (world, network) => {
    const [withPeer, , alone] = world.nodes as [ClusterNode, ClusterNode, ClusterNode];
    network.dropToPort(0, 1, REPLICA_PORT);
    network.cutOneWay(1, 0);
    await medians(withPeer, alone);
    const [slow = 0, usual = 0] = await medians(withPeer, alone);
    const figures = [slow, usual].map((ms) => `${ms.toFixed(2)} ms`);
    process.stdout.write(`${figures.join(' with a peer that swallows packets, ')} with no peer\n`);
    expect(slow).toBeLessThan(usual * MOST_TIMES_SLOWER);
  }),
);

/** In turns, so that whatever else the machine does slows both down. */
async function medians(...nodes: readonly ClusterNode[]): Promise<number[]> {
  const times = nodes.map((): number[] => []);
  for (let i = 0; i < PATCHES; i++) {
    for (const [n, node] of nodes.entries()) {
      const begun = performance.now();
      await update(node, { k: i });
      times[n]?.push(performance.now() - begun);
    }
  }
  return times.map((each) => each.sort((one, other) => one - other)[PATCHES / 2] as number);
}
