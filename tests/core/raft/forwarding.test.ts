/** Writes that a follower forwards under its session, and what they do where there is none to be had. */

import type { RequestId } from '../../../kv/core/ids';
import {
  DEFAULT_SESSION_SETTINGS,
  decodeEnvelope,
  type Envelope,
  encodeSettings,
} from '../../../kv/core/machine/envelope';
import { SESSION_WINDOW } from '../../../kv/core/machine/session_table';
import { type InFlight, put, RaftCluster } from '../../support/raft_cluster';
import { NODE_OPTIONS } from '../../support/raft_defaults';

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

describe('the window of the session of a follower', () => {
  const clusterWithSession = (): RaftCluster => {
    const cluster = new RaftCluster({ nodes: 3 });
    cluster.elect('n1');
    cluster.stabilize();
    cluster.propose('n2', put('k', '0'));
    cluster.stabilize();
    return cluster;
  };
  const keyed = (cluster: RaftCluster, n: number) =>
    cluster.write('n2', put('keyed', String(n)), { idempotencyKey: `key ${n}` });
  const numbered = (cluster: RaftCluster, n: number) => cluster.write('n2', put('k', String(n)));
  const isForward = ({ message }: InFlight) => message.kind === 'forward';
  /** What was forwarded, in the order of sending. */
  const forwarded = (cluster: RaftCluster): Envelope[] =>
    cluster.inflight
      .map(({ message }) => message)
      .filter((message) => message.kind === 'forward')
      .map(({ envelope }) => decodeEnvelope(envelope));
  const isWritten = (cluster: RaftCluster, id: RequestId) => cluster.reply(id)?.kind === 'written';

  test('is not filled by writes with a key, even if these are lost', () => {
    const cluster = clusterWithSession();
    const others = Array.from({ length: SESSION_WINDOW }, (_, n) => keyed(cluster, n));
    const keys = cluster.requests('n2', others);
    cluster.drop(isForward);
    const write = cluster.propose('n2', put('k', '1'));
    cluster.stabilize();
    expect(isWritten(cluster, write)).toBe(true);
    expect(keys.some((id) => isWritten(cluster, id))).toBe(false);
  });

  test('has room for as many writes as it has numbers, whatever has a key between them', () => {
    const cluster = clusterWithSession();
    const pairs = Array.from({ length: SESSION_WINDOW + 10 }, (_, n) => [
      numbered(cluster, n),
      keyed(cluster, n),
    ]);
    const writes = cluster.requests('n2', pairs.flat());
    const inSession = forwarded(cluster).filter((envelope) => envelope.kind === 'session');
    expect(inSession).toHaveLength(SESSION_WINDOW);
    const [first] = inSession;
    expect(inSession).toMatchObject(
      inSession.map((_, n) => ({ seq: (first?.seq ?? 0) + n, lowestPending: first?.seq })),
    );
    cluster.stabilize();
    expect(writes.filter((id) => !isWritten(cluster, id))).toEqual([]);
  });

  test('moves on behind a write that was lost only when that has been sent again', () => {
    const cluster = clusterWithSession();
    const lost = cluster.propose('n2', put('k', '"lost"'));
    cluster.drop(isForward);
    const many = Array.from({ length: SESSION_WINDOW }, (_, n) => numbered(cluster, n));
    const writes = cluster.requests('n2', many);
    cluster.stabilize();
    expect(writes.filter((id) => !isWritten(cluster, id))).toEqual([writes.at(-1)]);
    cluster.run(NODE_OPTIONS.electionTimeoutMaxMs);
    cluster.stabilize();
    expect([lost, writes.at(-1) as RequestId].map((id) => isWritten(cluster, id))).toEqual([
      true,
      true,
    ]);
  });
});
