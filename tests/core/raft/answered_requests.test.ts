/**
 * A request that was answered is forgotten wherever it waited: what waits in a node never is more than
 * the requests that are open there, however long a disturbance lasts and however many give up meanwhile.
 */

import { logIndex, type RequestId } from '../../../kv/core/ids';
import { put, RaftCluster } from '../../support/raft_cluster';

/** More than could be open at any time. */
const REQUESTS = 300;
/** So short that each is answered before the next few hundred come. */
const IMPATIENT = { timeoutMs: 10 };

function clusterOfThree(): RaftCluster {
  const cluster = new RaftCluster({ nodes: 3 });
  cluster.elect('n1');
  cluster.stabilize();
  return cluster;
}

/** What waits on a node: writes for a leader, reads for one or for an index, writes for a session. */
function waiting(cluster: RaftCluster, id: string): number {
  const { writes, reads, forwarding } = cluster.node(id).inspect.clients;
  return writes.size + reads.size + forwarding.size;
}

/** Hands in one request after the other; all must have been answered at the end. */
function giveUp(cluster: RaftCluster, ask: () => RequestId): void {
  for (let i = 0; i < REQUESTS; i++) ask();
  cluster.advance(1000);
  expect(cluster.replies.length).toBeGreaterThanOrEqual(REQUESTS);
}

test.each([
  ['writes', (cluster: RaftCluster) => cluster.propose('n3', put('k', '1'), IMPATIENT)],
  ['reads', (cluster: RaftCluster) => cluster.read('n3', 'k', IMPATIENT)],
] as const)('%s that came while there was no leader', (_, ask) => {
  const cluster = clusterOfThree();
  cluster.crash('n1');
  cluster.crash('n2');
  cluster.run(1000);
  giveUp(cluster, () => ask(cluster));
  expect(waiting(cluster, 'n3')).toBe(0);
});

test('writes that wait for a session', () => {
  const cluster = clusterOfThree();
  giveUp(cluster, () => {
    const id = cluster.propose('n2', put('k', '1'), IMPATIENT);
    cluster.drop(({ message }) => message.kind === 'forward');
    return id;
  });
  // The question for a session itself is sent until it is answered.
  expect(waiting(cluster, 'n2')).toBe(1);
});

test('reads that wait for an index that nobody has yet', () => {
  const cluster = clusterOfThree();
  let far = 1_000_000;
  giveUp(cluster, () =>
    cluster.read('n1', 'k', { level: 'stale', minIndex: logIndex(far++ >> 1), ...IMPATIENT }),
  );
  expect(waiting(cluster, 'n1')).toBe(0);
});

test('reads on a leader that does not know yet what is committed', () => {
  const cluster = clusterOfThree();
  cluster.slowDisk('n1');
  cluster.slowDisk('n3');
  cluster.elect('n2');
  for (let i = 0; i < REQUESTS; i++) cluster.read('n2', 'k', IMPATIENT);
  expect(waiting(cluster, 'n2')).toBe(REQUESTS);
  cluster.run(100);
  expect(cluster.leaders[0]).toBe('n2');
  expect(waiting(cluster, 'n2')).toBe(0);
});

test('reads of a question that the leader has not answered', () => {
  const cluster = clusterOfThree();
  cluster.requests(
    'n2',
    Array.from({ length: REQUESTS }, () => cluster.readRequest('n2', 'k', IMPATIENT)),
  );
  cluster.crash('n1');
  cluster.crash('n3');
  cluster.run(1000);
  expect(cluster.replies).toHaveLength(REQUESTS);
  expect(waiting(cluster, 'n2')).toBe(0);
});

test('reads that wait for many different indices are answered as these are applied', () => {
  const cluster = clusterOfThree();
  const first = cluster.node('n1').inspect.applied;
  const reads = Array.from({ length: 40 }, (_, i) =>
    cluster.read('n1', 'k', { level: 'stale', minIndex: logIndex(first + 1 + i) }),
  );
  const answered = () => reads.filter((id) => cluster.reply(id) !== undefined).length;
  // One entry at a time, then many at once: more than there are indices that are waited for.
  for (let n = 1; n <= 30; n++) {
    cluster.propose('n1', put('k', String(n)));
    cluster.stabilize();
    expect(answered()).toBe(n);
  }
  cluster.requests(
    'n1',
    Array.from({ length: 60 }, () => cluster.write('n1', put('k', '"last"'))),
  );
  cluster.stabilize();
  expect(answered()).toBe(reads.length);
  expect(waiting(cluster, 'n1')).toBe(0);
});
