/** What becomes of the leadership when a leader is closed while one of its requests waits for ever. */

import { freePorts } from '../../bin/free_ports';
import { KVStorage } from '../../kv/kvstorage';

const RAFT = { electionTimeoutMinMs: 150, electionTimeoutMaxMs: 300, heartbeatMs: 30 };
const nodes: KVStorage[] = [];
afterEach(() => Promise.all(nodes.splice(0).map((node) => node.close())));

test('a request that nothing can answer does not keep a leader from handing over', async () => {
  const ids = (await freePorts('127.0.0.1', 3)).map((port) => `127.0.0.1:${port}`);
  const lines: string[] = [];
  const onTrace = (line: string) => void lines.push(line);
  for (const nodeId of ids) {
    const partners = ids.filter((id) => id !== nodeId);
    nodes.push(
      await KVStorage.open({ nodeId, partners, raft: RAFT, shutdownTimeoutMs: 1000, onTrace }),
    );
  }
  await nodes[0]?.put('a', 1);
  const leader = nodes.find((node) => node.status().role === 'leader') as KVStorage;
  const stuck = leader.get('a', { level: 'stale', minIndex: 1e9, timeoutMs: 600_000 });
  const answered = expect(stuck).rejects.toMatchObject({ code: 'stopped' });
  await leader.close();
  await answered;
  const told = lines.filter((line) => / → \S+ TimeoutNow/.test(line));
  expect(told.map((line) => line.split('@')[0])).toEqual([leader.config.nodeId]);
});
