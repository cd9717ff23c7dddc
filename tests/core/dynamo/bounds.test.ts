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

test('a node whose disk is behind takes in nothing further: others stand in, and it catches up', () => {
  const group = new DynamoGroup(4, { maxDiskLagMs: millis(300) });
  const [fast, slow] = group.homes(KEY) as [NodeId, NodeId];
  const waiting = (): number => {
    const { journal } = group.core(slow).inspect;
    return journal.sequence - journal.durable;
  };
  group.slowDisk(slow, 100);
  const waited: number[] = [];
  for (let i = 0; i < 400; i++) {
    group.put(fast, `key ${i % 50}`, `text ${i}`, 2, '');
    group.run(10);
    waited.push(waiting());
  }
  // 400 writes in 4 seconds, of which its disk could have done 40.
  expect(Math.max(...waited)).toBeLessThan(120);
  expect(group.core(slow).status().diskLagMs).toBeGreaterThan(0);
  group.slowDisk(slow, 1);
  group.run(60_000);
  expect(group.core(slow).status()).toMatchObject({ diskLagMs: 0 });
  for (let i = 0; i < 50; i++) {
    const key = `key ${i}`;
    const [one, ...rest] = group.homes(key).map((home) => group.get(home, key, 1));
    expect(one?.values).toContain(`text ${350 + i}`);
    for (const other of rest) expect(other).toEqual(one);
  }
});

test('where all disks are behind a write is refused as not applied, and is nowhere', () => {
  const group = new DynamoGroup(3, { maxDiskLagMs: millis(100) });
  for (const id of group.ids) group.slowDisk(id, 5000);
  const [id] = group.ids as [NodeId];
  const put = (text: string, patienceMs: number) => {
    const value = Buffer.from(JSON.stringify(text));
    return group.ask(id, { kind: 'put', key: KEY, value, quorum: 2, metadata: '' }, patienceMs);
  };
  expect(put('taken in', 200).reply).toMatchObject({
    error: { code: 'write_quorum_not_met', outcome: 'unknown' },
  });
  expect(put('refused', 200).reply).toMatchObject({
    error: { code: 'overloaded', outcome: 'not_applied' },
  });
  for (const each of group.ids) group.slowDisk(each, 1);
  group.run(60_000);
  expect(group.get(id, KEY, 3).values).toEqual(['taken in']);
  group.put(id, KEY, 'written', 3);
});

test.each(['busy', 'siblings'] as const)(
  'a refusal (%s) that arrives twice is one: who has not answered may have the write',
  (why) => {
    const options = { replicas: 2, maxDiskLagMs: millis(100), maxSiblings: 1 };
    const group = new DynamoGroup(2, options);
    const [id, other] = group.ids as [NodeId, NodeId];
    const first = { kind: 'put', value: Buffer.from('1'), quorum: 1, metadata: '' } as const;
    group.isolate(other);
    if (why === 'busy') group.slowDisk(other, 60_000);
    group.ask(other, { ...first, key: why === 'busy' ? 'another key' : KEY }, 200);
    group.heal();
    group.repeats = true;
    group.slowDisk(id, 60_000);
    const value = Buffer.from(JSON.stringify('new'));
    const put = { kind: 'put', key: KEY, value, quorum: 2, metadata: '' } as const;
    expect(group.ask(id, put, 300).reply).toMatchObject({
      error: { code: 'write_quorum_not_met', outcome: 'unknown' },
    });
  },
);
