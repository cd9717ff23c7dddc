/**
 * Writes whose leader lost its leadership before they were committed, and that twice at the same
 * places of the log: each of them is heard of, as soon as the places are taken by something else.
 */

import { append, RaftCluster } from '../../support/raft_cluster';

function lastTerm(cluster: RaftCluster): number {
  const { log } = cluster.node('n1').inspect;
  return log.termAt(log.lastIndex) ?? 0;
}

test('a write whose place a later leadership of the same node used too is handed over again', () => {
  const cluster = new RaftCluster({ nodes: 3 });
  cluster.elect('n1');
  cluster.stabilize();
  const write = (node: string, value: string) => cluster.propose(node, append('list', value));

  // In term 1 they reach nobody.
  cluster.partition(['n1'], ['n2', 'n3']);
  const writes = ['1', '2', '3', '4', '5'].map((value) => write('n1', value));
  const place = cluster.node('n1').status().lastIndex;
  cluster.elect('n2');
  cluster.stabilize();
  // Term 2 takes the place of the first one; then its leader is gone.
  cluster.heal();
  for (let ms = 0; lastTerm(cluster) < 2 && ms < 1000; ms++) {
    cluster.deliver();
    cluster.advance(1);
  }
  cluster.drop(({ to }) => to === 'n2');
  cluster.crash('n2');
  // In term 3 n1 leads again, and what it takes reaches nobody either.
  cluster.elect('n1');
  cluster.partition(['n1'], ['n2', 'n3']);
  cluster.drop();
  for (const value of ['6', '7', '8', '9']) writes.push(write('n1', value));
  expect(cluster.node('n1').status().lastIndex).toBeGreaterThanOrEqual(place);

  cluster.restart('n2');
  cluster.elect('n3');
  for (const value of ['10', '11', '12', '13', '14', '15', '16']) writes.push(write('n3', value));
  cluster.heal();
  cluster.run(1000);
  cluster.stabilize();

  expect(writes.map((id) => cluster.reply(id)?.kind)).toEqual(writes.map(() => 'written'));
  const list = JSON.parse(String(cluster.peek('n1', 'list'))) as number[];
  expect(list.sort((one, other) => one - other)).toEqual(writes.map((_, i) => i + 1));
  cluster.checkCluster();
});
