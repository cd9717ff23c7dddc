/** Whether a node says that it is ready while it is started anew, catches up, leads or is cut off. */

import { MAX_APPLIED_PER_STEP } from '../../kv/core/raft/options';
import { readinessOf } from '../../kv/raft_service/readiness';
import { put, RaftCluster } from '../support/raft_cluster';

const MAX_AGE_MS = 300;
const BEHIND = { ready: false, reason: 'the node is behind what is committed' };

const readiness = (cluster: RaftCluster, id: string) =>
  readinessOf(cluster.node(id).status(), MAX_AGE_MS);
const allReady = (cluster: RaftCluster) =>
  cluster.ids.map((id) => readiness(cluster, id).ready).join(' ');

function led(): RaftCluster {
  const cluster = new RaftCluster({ nodes: 3, options: { maxEntriesPerMessage: 16 } });
  cluster.elect('n1');
  cluster.stabilize();
  cluster.run(200);
  return cluster;
}

function write(cluster: RaftCluster, count: number): void {
  const requests = Array.from({ length: count }, (_, i) =>
    cluster.write('n1', put(`k${i % 9}`, '1')),
  );
  cluster.requests('n1', requests);
  cluster.run(20);
}

test('all nodes of a cluster at work are ready', () => {
  const cluster = led();
  for (let i = 0; i < 20; i++) {
    write(cluster, 100);
    expect(allReady(cluster)).toBe('true true true');
  }
});

test('a node that is started anew is ready when it has caught up, not when it knows its leader', () => {
  const cluster = led();
  cluster.crash('n3');
  for (let i = 0; i < 5; i++) write(cluster, 500);
  cluster.restart('n3');
  cluster.link('n1', 'n3', true);
  let [behind, ms] = [0, 0];
  for (; !readiness(cluster, 'n3').ready; ms++) {
    expect(ms).toBeLessThan(5000);
    const { hasQuorum, appliedIndex } = cluster.node('n3').status();
    if (hasQuorum) {
      expect(readiness(cluster, 'n3')).toEqual(BEHIND);
      if (appliedIndex + 1000 < cluster.node('n1').status().commitIndex) behind++;
    }
    cluster.deliver();
    cluster.advance(1);
  }
  expect(behind).toBeGreaterThan(10);
  const { appliedIndex } = cluster.node('n3').status();
  expect(appliedIndex).toBe(cluster.node('n1').status().appliedIndex);
});

test('a node that hears its leader but gets no entries is not ready for long', () => {
  const cluster = led();
  for (let ms = 0; ms < 2 * MAX_AGE_MS; ms++) {
    if (ms % 20 === 0) cluster.propose('n1', put('a', '1'));
    cluster.drop({ to: 'n3', kind: 'append_entries' });
    cluster.deliver();
    cluster.advance(1);
  }
  expect(cluster.node('n3').status().hasQuorum).toBe(true);
  expect(readiness(cluster, 'n3')).toEqual(BEHIND);
  expect(readiness(cluster, 'n2').ready).toBe(true);
});

test('a leader is ready unless it has more to apply than one step takes', () => {
  const status = led().node('n1').status();
  const commitIndex = (status.appliedIndex + MAX_APPLIED_PER_STEP) as typeof status.commitIndex;
  expect(readinessOf({ ...status, commitIndex }, MAX_AGE_MS).ready).toBe(true);
  const more = (commitIndex + 1) as typeof commitIndex;
  expect(readinessOf({ ...status, commitIndex: more }, MAX_AGE_MS)).toEqual(BEHIND);
});

test('a node without a leader, or that receives a snapshot, is not ready and says why', () => {
  const status = led().node('n3').status();
  const reason = (part: Partial<typeof status>) =>
    readinessOf({ ...status, ...part }, MAX_AGE_MS).reason;
  expect(reason({})).toBe('ready');
  expect(reason({ hasQuorum: false })).toBe('no leader with a majority is known');
  expect(reason({ snapshotActivity: 'installing' })).toBe('the node receives a snapshot');
});
