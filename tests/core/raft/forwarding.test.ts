/** Writes that a follower forwards, where the replicated state machine has no room for a session. */

import { DEFAULT_SESSION_SETTINGS, encodeSettings } from '../../../kv/core/machine/envelope';
import { put, RaftCluster } from '../../support/raft_cluster';

test('where no session can be opened each write is refused, and asks only once', () => {
  const machineSettings = encodeSettings({ ...DEFAULT_SESSION_SETTINGS, maxSessions: 0 });
  const cluster = new RaftCluster({ nodes: 3, options: { machineSettings } });
  cluster.elect('n1');
  cluster.stabilize();
  for (let i = 1; i <= 3; i++) {
    const before = cluster.node('n1').inspect.log.lastIndex;
    const write = cluster.propose('n2', put('k', String(i)));
    cluster.stabilize();
    expect(cluster.reply(write)).toMatchObject({
      kind: 'failed',
      error: { code: 'overloaded', outcome: 'not_applied', retry: 'safe' },
    });
    expect(cluster.node('n1').inspect.log.lastIndex).toBe(before + 1);
  }
  const keyed = cluster.propose('n2', put('k', '4'), { idempotencyKey: 'a key needs none' });
  cluster.stabilize();
  expect(cluster.reply(keyed)).toMatchObject({ kind: 'written' });
});
