/**
 * The ten steps of the original system's evaluation, in its order, on one cluster of three and one
 * of five. Steps 9 and 10 cut real links.
 */

import type { ClusterNode, NodeStatus } from '../../bin/cluster';
import { append, expectUnavailable, get, put, value } from '../support/e2e_http';
import { AppendLoad } from '../support/e2e_load';
import { TestNetwork } from '../support/e2e_network';
import { openPartitionableWorld, type PartitionableWorld } from '../support/e2e_partitions';
import { testIf } from '../support/e2e_root';
import {
  caughtUp,
  ELECTION,
  eventually,
  LeaderWatch,
  openWorld,
  otherLeader,
  othersOf,
  pick,
  settled,
  statusOf,
  urlsOf,
  type World,
} from '../support/e2e_world';

jest.setTimeout(240_000);

const INDICES = ['commit_idx', 'last_applied', 'leader_commit_idx', 'last_log_idx', 'log_len'];
const FOLLOWER = 0;
const LEADER = 2;

describe('three nodes', () => {
  let world: World;
  let leader: ClusterNode;
  let firstLeader: ClusterNode;
  let list: string[] = [];

  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(() => world?.close());

  /** What every index of every node grows by while something is done. */
  async function growth(what: () => Promise<void>): Promise<number[]> {
    const before = await settled(world.cluster);
    await what();
    const after = await settled(world.cluster);
    expect(after.map((status) => status.raft_term)).toEqual(before.map((one) => one.raft_term));
    const grown = after.map((status, i) =>
      INDICES.map((name) => Number(status[name]) - Number(before[i]?.[name])),
    );
    return [...new Set(grown.flat())];
  }

  test('1. statuses agree on one leader', async () => {
    const statuses = await settled(world.cluster);
    leader = await world.cluster.waitForLeader();
    const { nodes } = world.cluster;
    expect(statuses.map((status) => status.self)).toEqual(nodes.map((node) => node.id));
    for (const status of statuses) {
      const isLeader = status.self === leader.id;
      expect(status).toMatchObject({ leader: leader.id, has_quorum: true, partner_nodes_count: 2 });
      expect(status.state).toBe(isLeader ? LEADER : FOLLOWER);
      expect(status.match_idx_count).toBe(isLeader ? 2 : 0);
      for (const other of nodes.filter((node) => node.id !== status.self)) {
        expect(status[`partner_node_status_server_${other.id}`]).toBe(2);
      }
    }
    await eventually('the leader knows how far the others are', async () => {
      const { commit_idx: end, ...status } = await statusOf(leader);
      return othersOf(world.cluster, leader).every(
        ({ id }) =>
          status[`match_idx_server_${id}`] === end &&
          status[`next_node_idx_server_${id}`] === end + 1,
      );
    });
  });

  test('2. PUT moves every index by exactly one', async () => {
    const grown = await growth(async () => {
      expect((await put(leader.url, 'list', ['a'])).status).toBe(204);
    });
    expect(grown).toEqual([1]);
  });

  test('3. APPEND moves every index by exactly one', async () => {
    const grown = await growth(async () => {
      const reply = await append(leader.url, 'list', 'b');
      expect(reply.status).toBe(204);
      expect(reply.headers['x-quorum-index']).toBe(String((await statusOf(leader)).commit_idx));
    });
    expect(grown).toEqual([1]);
    list = ['a', 'b'];
  });

  test('4. GET gives the same on every node and moves nothing', async () => {
    const grown = await growth(async () => {
      for (const node of world.cluster.nodes) expect(await value(node.url, 'list')).toEqual(list);
    });
    expect(grown).toEqual([0]);
  });

  test('5. the leader stopped: another one is elected and writes go on', async () => {
    firstLeader = leader;
    const { raft_term: term } = await statusOf(leader);
    await firstLeader.kill();
    leader = await otherLeader(world.cluster, firstLeader);
    expect((await statusOf(leader)).raft_term).toBeGreaterThan(term);
    for (const node of othersOf(world.cluster, firstLeader)) {
      expect((await append(node.url, 'list', `via ${node.index}`)).status).toBe(204);
      list.push(`via ${node.index}`);
    }
    const status = await statusOf(leader);
    expect(status[`partner_node_status_server_${firstLeader.id}`]).toBe(0);
    expect(status.has_quorum).toBe(true);
  });

  test('6. the old leader restarted: it catches up and answers the same', async () => {
    const { raft_term: term } = await statusOf(leader);
    await firstLeader.start();
    await settled(world.cluster);
    expect(await statusOf(firstLeader)).toMatchObject({ state: FOLLOWER, leader: leader.id });
    // Coming back is no reason for an election.
    expect((await statusOf(leader)).raft_term).toBe(term);
    expect(await value(firstLeader.url, 'list')).toEqual(list);
    expect(await value(firstLeader.url, 'list', 'level=stale')).toEqual(list);
  });

  test('7. a follower stopped, then the leader: the survivor refuses, but for stale reads', async () => {
    const [stopped, survivor] = othersOf(world.cluster, leader) as [ClusterNode, ClusterNode];
    await stopped.stop();
    expect((await append(leader.url, 'list', 'two left')).status).toBe(204);
    list.push('two left');
    await caughtUp(world.cluster, survivor);
    await leader.kill();
    const alone = await eventually('the survivor notices', async () => {
      const status = await survivor.status();
      return status?.has_quorum === false && status;
    });
    expect(alone).toMatchObject({ leader: null, has_quorum: false });
    expect(alone.state).not.toBe(LEADER);
    await expectUnavailable(
      append(survivor.url, 'list', 'refused'),
      put(survivor.url, 'other', 'refused'),
      get(survivor.url, 'list'),
      get(survivor.url, 'list', 'level=lease'),
    );
    expect(await value(survivor.url, 'list', 'level=stale')).toEqual(list);
  });

  test('8. both restarted: all is as it was', async () => {
    const down = world.cluster.nodes.filter((node) => !node.isRunning);
    expect(down).toHaveLength(2);
    await Promise.all(down.map((node) => node.start()));
    await settled(world.cluster);
    for (const node of world.cluster.nodes) {
      expect(await value(node.url, 'list')).toEqual(list);
      expect((await get(node.url, 'other')).status).toBe(404);
    }
    expect((await append(pick(down).url, 'list', 'again')).status).toBe(204);
    expect(await value(pick(down, 1).url, 'list')).toEqual([...list, 'again']);
    expect(world.records.unexpectedEnds).toEqual([]);
  });
});

describe('five nodes and cut links', () => {
  const testWithNetwork = testIf('ip netns', () => {
    const network = new TestNetwork(1);
    try {
      network.open();
    } finally {
      network.close();
    }
  });
  let world: PartitionableWorld;
  let load: AppendLoad;
  let watch: LeaderWatch;

  async function open(name: string): Promise<void> {
    world ??= await openPartitionableWorld(5);
    await settled(world.cluster);
    watch = world.during(new LeaderWatch(world.cluster));
    load = world.during(new AppendLoad({ name, urls: urlsOf(world.cluster), clients: 6 }));
    await load.progress(50);
  }
  afterAll(() => world?.close());

  /** Heals, and then: one leader, nothing lost, nothing twice, hardly a new term. */
  async function healAndCheck(termBefore: number, mostTerms: number): Promise<void> {
    world.network.heal();
    const { cluster } = world;
    await eventually('all nodes follow one leader', async () => {
      const statuses = await Promise.all(cluster.nodes.map((node) => node.status()));
      const leaders = new Set(statuses.map((status) => status?.leader ?? null));
      return leaders.size === 1 && !leaders.has(null);
    });
    await load.progress(50);
    await load.stop();
    await settled(cluster);
    for (const node of cluster.nodes) await load.check(node.url, 'level=stale');
    const { raft_term: term } = await statusOf(pick(cluster.nodes));
    expect(term - termBefore).toBeLessThanOrEqual(mostTerms);
    await watch.stop();
    expect(watch.violations).toEqual([]);
    expect(world.records.unexpectedEnds).toEqual([]);
  }

  const indices = (nodes: readonly ClusterNode[]) => nodes.map((node) => node.index);

  function cutOff(nodes: readonly ClusterNode[]): Promise<NodeStatus[]> {
    return eventually('the minority notices that it is one', async () => {
      const statuses = await Promise.all(nodes.map(statusOf));
      return statuses.every((one) => !one.has_quorum && one.leader === null) && statuses;
    });
  }

  async function expectMinority(nodes: readonly ClusterNode[], known: unknown): Promise<void> {
    for (const status of await cutOff(nodes)) expect(status.state).not.toBe(LEADER);
    for (const node of nodes) {
      await expectUnavailable(put(node.url, 'x', 'of the minority'), get(node.url, 'x'));
      expect(await value(node.url, 'x', 'level=stale')).toEqual(known);
    }
  }

  async function expectMajority(nodes: readonly ClusterNode[], next: string): Promise<void> {
    for (const node of nodes) {
      expect((await put(node.url, 'x', `${next} ${node.index}`)).status).toBe(204);
      for (const other of nodes) expect(await value(other.url, 'x')).toBe(`${next} ${node.index}`);
      expect(await statusOf(node)).toMatchObject({ has_quorum: true });
    }
  }

  describe('9. a partition', () => {
    testWithNetwork('with the leader in the minority', async () => {
      await open('9a');
      const { cluster, network } = world;
      const leader = await cluster.waitForLeader();
      const { raft_term: term } = await statusOf(leader);
      expect((await put(leader.url, 'x', 'before')).status).toBe(204);
      await Promise.all(cluster.nodes.map((node) => caughtUp(cluster, node)));
      const minority = [leader, pick(othersOf(cluster, leader))];
      const majority = othersOf(cluster, ...minority);
      network.partition(indices(minority), indices(majority));

      expect(majority).toContain(await otherLeader(cluster, leader));
      await expectMajority(majority, 'of the majority');
      await expectMinority(minority, 'before');
      await load.progress(50);
      await healAndCheck(term, 4);
      for (const node of minority) expect(await value(node.url, 'x')).toMatch('of the majority');
    });

    testWithNetwork('with the leader in the majority', async () => {
      await open('9b');
      const { cluster, network } = world;
      const leader = await cluster.waitForLeader();
      const { raft_term: term } = await statusOf(leader);
      expect((await put(leader.url, 'x', 'before')).status).toBe(204);
      await Promise.all(cluster.nodes.map((node) => caughtUp(cluster, node)));
      const majority = [leader, ...othersOf(cluster, leader).slice(0, 2)];
      const minority = othersOf(cluster, ...majority);
      network.partition(indices(minority), indices(majority));

      await expectMinority(minority, 'before');
      await expectMajority(majority, 'of the majority');
      expect((await cluster.waitForLeader()).id).toBe(leader.id);
      await load.progress(50);
      // The two have asked for votes all the time, but nobody's term has moved for it.
      await healAndCheck(term, 1);
      for (const node of minority) expect(await value(node.url, 'x')).toMatch('of the majority');
    });
  });

  describe('10. a leader that is cut off notices soon', () => {
    const WAYS: [string, boolean, boolean][] = [
      ['both ways', true, true],
      ['from it only', true, false],
      ['to it only', false, true],
    ];

    for (const [name, from, to] of WAYS) {
      testWithNetwork(`when cut off ${name}`, async () => {
        await open(`10-${from}-${to}`);
        const { cluster, network } = world;
        const leader = await cluster.waitForLeader();
        const { raft_term: term } = await statusOf(leader);
        const began = performance.now();
        for (const other of indices(othersOf(cluster, leader))) {
          if (from) network.cutOneWay(leader.index, other);
          if (to) network.cutOneWay(other, leader.index);
        }
        await eventually('the leader notices that it is cut off', async () => {
          const status = await leader.status();
          return status && (!status.has_quorum || status.state !== LEADER);
        });
        // An election timeout or two, and as much again for a busy machine.
        expect(performance.now() - began).toBeLessThan(5 * ELECTION.maxMs);
        await otherLeader(cluster, leader);
        await load.progress(50);
        await healAndCheck(term, 4);
      });
    }
  });
});
