/** Read repair with real processes: nothing else could have brought the replica what it missed. */

import type { ClusterNode } from '../../bin/cluster_node';
import { DynamoWorld, isolate, read, recordsOf, type Versions, write } from '../support/e2e_dynamo';
import { TestNetwork, tryNetwork } from '../support/e2e_network';
import { testIf } from '../support/e2e_root';
import { eventually } from '../support/e2e_world';

jest.setTimeout(300_000);

const testWithNetwork = testIf('ip netns', tryNetwork);

testWithNetwork('a stale replica is repaired by a read', async () => {
  const network = new TestNetwork(3);
  network.open();
  const flags = ['--anti-entropy-ms', '3600000', '--max-hints', '0'];
  const world = new DynamoWorld(network, flags);
  try {
    await world.open(3);
    const [one, two, stale] = world.nodes as [ClusterNode, ClusterNode, ClusterNode];
    // Killed rather than cut off: a network that heals soon delivers what was sent meanwhile.
    await stale.kill();
    const metadata = await write(one, 'key', 'new', 2);
    await stale.start();
    await world.calm(3);
    expect(await recordsOf(stale)).toBe(0);
    expect(await readOfAll(two, 'key')).toEqual({ values: ['new'], metadata: [metadata] });
    await eventually('the read has repaired it', async () => (await recordsOf(stale)) === 1);
    isolate(network, world.nodes, stale);
    expect(await read(stale, 'key', 1)).toEqual({ values: ['new'], metadata: [metadata] });
    expect(world.unexpectedEnds).toEqual([]);
  } finally {
    await world.close();
  }
});

/** Reads from all three. While the link to one is not up again, such a read says: safe to repeat. */
async function readOfAll(node: ClusterNode, key: string): Promise<Versions | undefined> {
  let answer: Versions | undefined;
  await eventually('all three have answered', async () => {
    answer = await read(node, key, 3).catch((error: Error) => {
      if (!error.message.includes('"read_quorum_not_met"')) throw error;
      return undefined;
    });
    return answer !== undefined;
  });
  return answer;
}
