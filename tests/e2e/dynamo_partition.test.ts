/** The leaderless system with real processes whose links are really cut. */

import type { ClusterNode } from '../../bin/cluster_node';
import { DynamoWorld, read, recordsOf, type Versions, write } from '../support/e2e_dynamo';
import { send } from '../support/e2e_http';
import { TestNetwork } from '../support/e2e_network';
import { testIf } from '../support/e2e_root';

jest.setTimeout(300_000);

const NODES = 5;

const testWithNetwork = testIf('ip netns', () => {
  const network = new TestNetwork(1);
  try {
    network.open();
  } finally {
    network.close();
  }
});

const placesOf = (nodes: readonly ClusterNode[]): number[] => nodes.map(({ index }) => index);

testWithNetwork(
  'both sides of a partition write; afterwards all return both, and carts are merged',
  async () => {
    const network = new TestNetwork(NODES);
    network.open();
    const world = new DynamoWorld(network);
    try {
      await world.open(NODES);
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
      expect([impossible.status, JSON.parse(impossible.text).error.details.quorum]).toEqual([
        503, 3,
      ]);

      network.heal();
      await world.calm(NODES);
      const answers: Versions[] = [];
      const carts: Versions[] = [];
      for (const node of world.nodes) {
        answers.push(await read(node, key, 3));
        carts.push(await read(node, cart, 3));
      }
      expect(answers[0]?.values.toSorted()).toEqual(['here', 'there']);
      expect(answers[0]?.metadata.toSorted()).toEqual([here, there].toSorted());
      expect(carts[0]?.values).toEqual(['apple,milk,pear']);
      for (const answer of answers) expect(answer).toEqual(answers[0]);
      for (const one of carts) expect(one).toEqual(carts[0]);
      const held = await Promise.all(world.nodes.map(recordsOf));
      expect(held.reduce((sum, count) => sum + count)).toBe(6);
      expect(world.unexpectedEnds).toEqual([]);
    } finally {
      await world.close();
    }
  },
);
