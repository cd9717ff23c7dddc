/**
 * What a client is told at its deadline if its request was not handed over. That nobody leads, or that
 * the leader has no majority, is said only where it is so: else the request was merely too late.
 */

import type { RequestId } from '../../../kv/core/ids';
import { put, RaftCluster } from '../../support/raft_cluster';

const BRIEF = { timeoutMs: 10 };

function clusterOfThree(): RaftCluster {
  const cluster = new RaftCluster({ nodes: 3 });
  cluster.elect('n1');
  cluster.stabilize();
  return cluster;
}

/** The code and outcome of a request that has failed. */
function failure(cluster: RaftCluster, id: RequestId): string {
  const reply = cluster.reply(id);
  return reply?.kind === 'failed' ? `${reply.error.code} (${reply.error.outcome})` : 'no failure';
}

describe('where all is well, a request that has no time is late', () => {
  test.each(['n1', 'n2'])('a read on %s', (node) => {
    const cluster = clusterOfThree();
    const read = cluster.read(node, 'k', BRIEF);
    cluster.advance(45);
    expect(failure(cluster, read)).toBe('timeout_not_applied (not_applied)');
  });

  test('a write that waits for the session of its node', () => {
    const cluster = clusterOfThree();
    const write = cluster.propose('n2', put('k', '1'), BRIEF);
    cluster.advance(45);
    expect(failure(cluster, write)).toBe('timeout_not_applied (not_applied)');
    cluster.stabilize();
    expect(cluster.peek('n1', 'k')).toBeUndefined();
  });

  test('a write while the leadership is handed over', () => {
    const cluster = clusterOfThree();
    cluster.transfer('n1');
    const write = cluster.propose('n1', put('k', '1'), BRIEF);
    cluster.advance(45);
    expect(failure(cluster, write)).toBe('timeout_not_applied (not_applied)');
  });

  test('but of a write that was handed over nothing is known', () => {
    const cluster = clusterOfThree();
    const write = cluster.propose('n1', put('k', '1'), BRIEF);
    cluster.advance(45);
    expect(failure(cluster, write)).toBe('timeout (unknown)');
  });
});

describe('where nobody can serve it, a request says so', () => {
  test('a leader has heard no majority for an election timeout', () => {
    const cluster = clusterOfThree();
    cluster.partition(['n1'], ['n2', 'n3']);
    const read = cluster.read('n1', 'k', { timeoutMs: 200 });
    cluster.advance(250);
    expect(failure(cluster, read)).toBe('no_quorum (not_applied)');
  });

  test('a leader has lost its links to all others', () => {
    const cluster = clusterOfThree();
    for (const other of ['n2', 'n3']) cluster.link('n1', other, false);
    const read = cluster.read('n1', 'k', BRIEF);
    const write = cluster.propose('n1', put('k', '1'), BRIEF);
    cluster.advance(45);
    expect(failure(cluster, read)).toBe('no_quorum (not_applied)');
    expect(failure(cluster, write)).toBe('no_quorum (not_applied)');
  });

  test('a follower is the only one left', () => {
    const cluster = clusterOfThree();
    cluster.crash('n3');
    cluster.crash('n1');
    cluster.run(1000);
    const read = cluster.read('n2', 'k');
    const write = cluster.propose('n2', put('k', '1'));
    cluster.run(1000);
    expect(failure(cluster, read)).toBe('no_leader (not_applied)');
    expect(failure(cluster, write)).toBe('no_leader (not_applied)');
  });
});
