/** Nodes of the replicated log whose packets are really dropped: by the wire, or at a listening port. */

import type { ClusterNode } from '../../bin/cluster_node';
import { LOG_PORT } from '../../bin/log_group';
import { refusal } from '../support/e2e_http';
import {
  append,
  healthOf,
  LogWorld,
  type LogWorldOptions,
  messagesAt,
  post,
  refusedAppend,
  watched,
} from '../support/e2e_log';
import { LogLoad } from '../support/e2e_log_load';
import { TestNetwork } from '../support/e2e_network';
import { testIf } from '../support/e2e_root';
import { eventually } from '../support/e2e_world';

jest.setTimeout(300_000);

const testWithNetwork = testIf('ip netns', () => {
  const network = new TestNetwork(2);
  try {
    network.open();
    network.dropToPort(0, 1, LOG_PORT);
    network.heal();
  } finally {
    network.close();
  }
});

const NODES = 3;
const [MASTER, FIRST, SECOND] = [0, 1, 2] as const;

/** A master and two secondaries, each in a network of its own. */
async function within(
  options: LogWorldOptions,
  body: (world: LogWorld, network: TestNetwork) => Promise<void>,
): Promise<void> {
  const network = new TestNetwork(NODES);
  network.open();
  try {
    const world = await LogWorld.open({ ...options, places: network });
    try {
      await body(world, network);
    } finally {
      network.heal();
      await world.close();
    }
  } finally {
    network.close();
  }
}

/** The ways in which the second secondary can be cut off from its master. */
const CUTS: readonly [what: string, cut: (network: TestNetwork) => void][] = [
  ['both directions of the wire', (network) => network.partition([MASTER], [SECOND])],
  ['the wire from the master', (network) => network.cutOneWay(MASTER, SECOND)],
  ['the wire to the master', (network) => network.cutOneWay(SECOND, MASTER)],
  [
    'packets to both ports',
    (network) => {
      network.dropToPort(MASTER, SECOND, LOG_PORT);
      network.dropToPort(SECOND, MASTER, LOG_PORT);
    },
  ],
];

for (const [what, cut] of CUTS) {
  testWithNetwork(
    `cut: ${what}; w=3 waits, nobody waits with it, and it is answered after healing`,
    () =>
      within({}, async (world, network) => {
        const { master } = world;
        await append(master, 'Msg1', 3);
        cut(network);
        const third = watched(append(master, 'Msg2', 3));
        await eventually('Msg2 is in the log', async () => (await messagesAt(master)).length === 2);
        expect(await append(master, 'Msg3', 1)).toMatchObject({ order: 2 });
        expect(await append(master, 'Msg4', 2)).toMatchObject({ order: 3 });
        await eventually('it is unhealthy', async () => {
          return Object.values(await healthOf(master)).includes('Unhealthy');
        });
        expect(third.done).toBe(false);
        network.heal();
        expect(await third.promise).toMatchObject({ order: 1 });
        await world.healthy();
        expect((await world.agreed()).map(({ message }) => message)).toEqual([
          ...['Msg1', 'Msg2', 'Msg3', 'Msg4'],
        ]);
      }),
  );
}

/** With these one of two connections is left, so it is no matter who notices what. */
const HALF_CUTS: readonly [what: string, cut: (network: TestNetwork) => void][] = [
  ['of the secondary', (network) => network.dropToPort(MASTER, SECOND, LOG_PORT)],
  ['of the master', (network) => network.dropToPort(SECOND, MASTER, LOG_PORT)],
];

for (const [what, cut] of HALF_CUTS) {
  testWithNetwork(
    `packets to the port ${what} are dropped under load: all logs equal after healing`,
    () =>
      within({}, async (world, network) => {
        const load = world.during(new LogLoad(world.master, 2));
        await load.progress(50);
        cut(network);
        await load.progress(200);
        network.heal();
        await load.progress(50);
        await load.stop();
        await world.healthy();
        load.check(await world.agreed());
      }),
  );
}

testWithNetwork(
  'cut off in turn under load, one direction at a time, and the master killed meanwhile',
  () =>
    within({}, async (world, network) => {
      const { master } = world;
      const load = world.during(new LogLoad(master, 2));
      for (const [from, to] of [
        [MASTER, FIRST],
        [SECOND, MASTER],
        [FIRST, MASTER],
        [MASTER, SECOND],
      ] as const) {
        network.cutOneWay(from, to);
        await load.progress(60);
        if (from === SECOND) {
          await master.kill();
          await master.start();
          await load.progress(60);
        }
        network.heal();
        await world.healthy();
      }
      await load.stop();
      load.check(await world.agreed());
    }),
);

testWithNetwork('quorum append: cut off from both it is read-only, with one it is not', () =>
  within({ master: ['--quorum-append'] }, async (world, network) => {
    const { master } = world;
    await append(master, 'Msg1', 3);
    network.partition([MASTER], [FIRST, SECOND]);
    const refused = await eventually('it refuses', async () => {
      const answer = await post(master, '/messages', { message: 'no', w: 1, timeout_ms: 1000 });
      return answer.status === 503 && refusal(answer);
    });
    expect(refused).toMatchObject({ code: 'no_quorum', outcome: 'not_applied' });
    const before = await messagesAt(master);
    network.heal();
    await eventually('it takes appends again', async () => {
      return (await post(master, '/messages', { message: 'Msg2', w: 2, id: 'z' })).status === 200;
    });
    expect((await world.agreed()).map(({ message }) => message)).toEqual([...before, 'Msg2']);
  }),
);

testWithNetwork('a master without its disk waits for the secondary that it is cut off from', () =>
  within({ master: ['--existing-log'] }, async (world, network) => {
    const { master } = world;
    const [first] = world.secondaries as [ClusterNode, ClusterNode];
    await append(master, 'Msg1', 3);
    await first.kill();
    await append(master, 'Msg2', 2);
    network.partition([MASTER], [SECOND]);
    await master.kill();
    world.wipe(master);
    await Promise.all([first.start(), master.start()]);
    await eventually('it refuses', async () => {
      const answer = await refusedAppend(master, { message: 'x', w: 1, timeout_ms: 500 });
      return answer.code === 'log_unknown' && answer;
    });
    expect(await messagesAt(master)).toEqual([]);
    network.heal();
    await world.healthy();
    expect(await append(master, 'Msg3', 3)).toMatchObject({ order: 2 });
    expect((await world.agreed()).map(({ message }) => message)).toEqual(['Msg1', 'Msg2', 'Msg3']);
  }),
);
