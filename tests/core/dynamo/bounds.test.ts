/** What is bounded, and what becomes of a node that is started with other bounds than it had. */

import type { NodeId } from '../../../kv/core/dynamo/library';
import { millis } from '../../../kv/core/dynamo/library';
import { DynamoGroup } from '../../support/dynamo_group';

const KEY = 'some key';

test('a node that is started with a lower bound on hints keeps those that it has, and takes no more', () => {
  const group = new DynamoGroup(4, { antiEntropyMs: millis(1e9) });
  const [one, , down] = group.homes(KEY) as [NodeId, NodeId, NodeId];
  const [standIn] = group.others(KEY) as [NodeId];
  group.crash(down);
  group.put(one, KEY, 'v', 3);
  expect(group.core(standIn).status().hints).toBe(1);
  group.crash(standIn);
  group.restart(standIn, { maxHints: 0 });
  group.run(2000);
  expect(group.core(standIn).status().hints).toBe(1);
  group.restart(down);
  group.run(20_000);
  expect(group.core(standIn).status().hints).toBe(0);
  expect(group.get(down, KEY, 1).values).toEqual(['v']);
});

test('nodes with different numbers of replicas take nothing from each other, so nothing is dropped', () => {
  const group = new DynamoGroup(4);
  const [one] = group.ids as [NodeId];
  const keys = Array.from({ length: 50 }, (_, i) => `key ${i}`);
  for (const key of keys) group.put(one, key, key, 3);
  const odd = group.add(5, one, { replicas: 1 });
  group.run(30_000);
  expect(group.core(odd).status()).toMatchObject({ standing: 'joining', replicas: 1 });
  const acknowledged = group.sent.filter(
    ({ to, from, message }) =>
      (to === odd || from === odd) &&
      ['compared', 'pushed', 'surveyed', 'branches'].includes(message.kind),
  );
  expect(acknowledged).toEqual([]);
  for (const key of keys) expect(group.get(one, key, 3).values).toEqual([key]);
});

test('versions of a key are bounded in bytes too: what is too much is refused, and none is lost', () => {
  const group = new DynamoGroup(3, { maxSiblingBytes: 1000 });
  const [id] = group.ids as [NodeId];
  const large = 'x'.repeat(450);
  const metadata = [group.put(id, KEY, large, 3), group.put(id, KEY, 'small', 3)];
  const value = Buffer.from(JSON.stringify(large));
  const put = { kind: 'put', key: KEY, value, quorum: 1, metadata: '' } as const;
  expect(group.ask(id, put).reply).toMatchObject({ error: { code: 'too_many_siblings' } });
  expect(group.get(id, KEY, 3).values.toSorted()).toEqual(['small', large]);
  // One version alone may be as large as it likes.
  group.put(id, KEY, 'y'.repeat(5000), 3, metadata.join());
  expect(group.get(id, KEY, 3).values).toHaveLength(1);
});
