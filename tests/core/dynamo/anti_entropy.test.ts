/** Comparing two nodes that hold the same partitions. */

import { millis, type NodeId } from '../../../kv/core/dynamo/library';
import { branchesOf } from '../../../kv/core/dynamo/merkle';
import { DynamoGroup } from '../../support/dynamo_group';

const NEVER = millis(1e9);

test('all branches that differ are looked into in their turn, also where the first ones never end equal', () => {
  const group = new DynamoGroup(2, { replicas: 2, antiEntropyMs: millis(500), maxHints: 0 });
  const [one, slow] = group.ids as [NodeId, NodeId];
  group.isolate(slow);
  for (let i = 0; i < 300; i++) group.put(one, `key ${i}`, 'text', 1);
  // It takes in nothing, so they go on differing.
  group.slowDisk(slow, NEVER);
  group.submit(slow, {
    kind: 'put',
    key: 'key 0',
    value: Buffer.from('1'),
    quorum: 1,
    metadata: '',
  });
  group.run(5000);
  group.heal();
  group.run(20_000);
  const { store, table } = group.core(one).inspect;
  const lacked = group.core(slow).inspect.store;
  const its = branchesOf(lacked, table.current, one, slow);
  const differ = branchesOf(store, table.current, one, slow).flatMap((digest, i) =>
    digest === its[i] ? [] : [i],
  );
  expect(differ.length).toBeGreaterThan(50);
  const asked = new Set(
    group.sent.flatMap(({ message }) => (message.kind === 'leaves' ? [message.branch] : [])),
  );
  expect([...asked].sort((x, y) => x - y)).toEqual(differ);
});
