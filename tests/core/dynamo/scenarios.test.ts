/** The scenarios of the Dynamo system, message by message, in virtual time. */

import { millis, type NodeId } from '../../../kv/core/dynamo/library';
import { type ClientRequest, DynamoGroup } from '../../support/dynamo_group';

const KEY = 'some key';
const records = (group: DynamoGroup, id: NodeId): number => group.core(id).status().keys;
const hints = (group: DynamoGroup): number =>
  group.ids.reduce((sum, id) => sum + group.core(id).status().hints, 0);

test('basic read and write from any node', () => {
  const group = new DynamoGroup(6);
  group.ids.forEach((id, i) => {
    const key = `key ${i}`;
    expect(group.get(id, key, 2)).toEqual({ values: [], metadata: [] });
    const first = group.put(id, key, 'one', 2);
    const second = group.put(id, key, 'two', 3, first);
    for (const other of group.ids) {
      expect(group.get(other, key, 2)).toEqual({ values: ['two'], metadata: [second] });
    }
  });
});

test('a write at quorum 3, then each replica cut off in turn and read at quorum 1, at once', () => {
  const group = new DynamoGroup(6);
  const metadata = group.put(group.ids[0] as NodeId, KEY, 'kept', 3);
  for (const home of group.homes(KEY)) {
    group.isolate(home);
    const { reply, tookMs } = group.ask(home, { kind: 'get', key: KEY, quorum: 1 });
    expect(reply).toMatchObject({ kind: 'values', metadata: [metadata] });
    expect(tookMs).toBeLessThanOrEqual(1);
    group.heal();
  }
});

test('a stale replica is repaired by a read', () => {
  const group = new DynamoGroup(3, { antiEntropyMs: millis(1e9), maxHints: 0 });
  const [one, two, three] = group.homes(KEY) as [NodeId, NodeId, NodeId];
  group.isolate(three);
  const metadata = group.put(one, KEY, 'new', 2);
  group.run(2000);
  group.heal();
  group.run(10_000);
  expect(records(group, three)).toBe(0);
  expect(group.get(two, KEY, 3).metadata).toEqual([metadata]);
  group.run(500);
  expect(records(group, three)).toBe(1);
  group.isolate(three);
  expect(group.get(three, KEY, 1)).toEqual({ values: ['new'], metadata: [metadata] });
});

test('three replicas diverge under partition and heal: all three versions are returned', () => {
  const group = new DynamoGroup(3);
  const base = group.put(group.ids[0] as NodeId, KEY, 'base', 3);
  for (const id of group.ids) group.isolate(id);
  const written = group.ids.map((id, i) => group.put(id, KEY, `side ${i}`, 1, base));
  group.heal();
  group.run(20_000);
  const answers = group.ids.map((id) => group.get(id, KEY, 1));
  expect(answers[0]?.values.toSorted()).toEqual(['side 0', 'side 1', 'side 2']);
  expect(answers[0]?.metadata.toSorted()).toEqual(written.toSorted());
  expect(answers[1]).toEqual(answers[0]);
  expect(answers[2]).toEqual(answers[0]);
  const resolved = group.put(group.ids[1] as NodeId, KEY, 'all', 3, written.join(','));
  expect(group.get(group.ids[2] as NodeId, KEY, 3)).toEqual({
    values: ['all'],
    metadata: [resolved],
  });
});

test('sloppy quorum: a stand-in within a moment, remembered, and the key handed over and dropped', () => {
  const group = new DynamoGroup(6);
  const [one, , down] = group.homes(KEY) as [NodeId, NodeId, NodeId];
  group.crash(down);
  const value = Buffer.from('"v"');
  const put = { kind: 'put', key: KEY, value, quorum: 3, metadata: '' } as const;
  const first = group.ask(one, put);
  expect(first.reply.kind).toBe('written');
  expect(first.tookMs).toBeLessThan(300);
  for (let i = 0; i < 20; i++) {
    const { reply, tookMs } = group.ask(one, { ...put, key: KEY, value: Buffer.from(`"${i}"`) });
    expect(reply.kind).toBe('written');
    expect(tookMs).toBeLessThan(10);
    expect(group.ask(one, { kind: 'get', key: KEY, quorum: 3 }).tookMs).toBeLessThan(10);
  }
  const up = group.ids.filter((id) => id !== down);
  expect(up.reduce((sum, id) => sum + group.core(id).status().hints, 0)).toBe(1);
  group.restart(down);
  group.run(20_000);
  expect(hints(group)).toBe(0);
  expect(group.core(down).status().keys).toBe(1);
  for (const id of group.others(KEY)) expect(records(group, id)).toBe(0);
});

test('a node that is stopped, not dead: the same, by silence alone', () => {
  const group = new DynamoGroup(6);
  const [one, , frozen] = group.homes(KEY) as [NodeId, NodeId, NodeId];
  group.pause(frozen);
  const value = Buffer.from('"v"');
  const put = { kind: 'put', key: KEY, value, quorum: 3, metadata: '' } as const;
  expect(group.ask(one, put).tookMs).toBeLessThan(300);
  for (let i = 0; i < 20; i++) expect(group.ask(one, put).tookMs).toBeLessThan(10);
  expect(group.core(one).aliveMembers()).toHaveLength(5);
  group.resume(frozen);
  group.run(20_000);
  expect(hints(group)).toBe(0);
  expect(group.core(one).aliveMembers()).toHaveLength(6);
  expect(group.get(frozen, KEY, 1).values).toHaveLength(21);
});

test('a client cut off with nodes that hold no replica still writes and reads', () => {
  const group = new DynamoGroup(6);
  const others = group.others(KEY);
  group.partition(others, group.homes(KEY));
  const [first, second, third] = others as [NodeId, NodeId, NodeId];
  const metadata = group.put(first, KEY, 'away from home', 3);
  expect(group.get(second, KEY, 2)).toEqual({ values: ['away from home'], metadata: [metadata] });
  expect(group.get(third, KEY, 3).metadata).toEqual([metadata]);
  group.heal();
  group.run(20_000);
  for (const id of others) expect(records(group, id)).toBe(0);
  for (const id of group.homes(KEY)) expect(group.get(id, KEY, 1).metadata).toEqual([metadata]);
});

test('two sides write the same key: after healing every node returns both, with equal metadata', () => {
  const group = new DynamoGroup(6);
  const homes = group.homes(KEY);
  const others = group.others(KEY);
  const sides = [
    [homes[0], others[0], others[1]],
    [homes[1], homes[2], others[2]],
  ] as [NodeId[], NodeId[]];
  group.partition(...sides);
  const written = sides.map(([id], i) => group.put(id as NodeId, KEY, `side ${i}`, 3));
  group.heal();
  group.run(20_000);
  for (const id of group.ids) {
    const { values, metadata } = group.get(id, KEY, 2);
    expect(values.toSorted()).toEqual(['side 0', 'side 1']);
    expect(metadata.toSorted()).toEqual(written.toSorted());
    expect(metadata).toEqual(group.get(group.ids[0] as NodeId, KEY, 2).metadata);
  }
  expect(hints(group)).toBe(0);
});

test('the shopping cart merges to the union everywhere, with identical strings and metadata', () => {
  const group = new DynamoGroup(4);
  const cart = 'cart of alice';
  const [one, two, three] = group.homes(cart) as [NodeId, NodeId, NodeId];
  const base = group.put(one, cart, 'pear,apple', 3);
  expect(group.get(two, cart, 2)).toEqual({ values: ['pear,apple'], metadata: [base] });
  group.partition([one], [two, three, ...group.others(cart)]);
  group.put(one, cart, 'pear,apple,milk', 1, base);
  group.put(three, cart, 'apple,bread', 2, base);
  group.heal();
  group.run(20_000);
  const answers = group.ids.map((id) => group.get(id, cart, 2));
  expect(answers[0]?.values).toEqual(['apple,bread,milk,pear']);
  for (const answer of answers) expect(answer).toEqual(answers[0]);
  const resolved = group.put(two, cart, 'rice', 3, answers[0]?.metadata[0] ?? '');
  expect(group.get(one, cart, 3)).toEqual({ values: ['rice'], metadata: [resolved] });
});

test('JOIN: the new node takes its share and serves it', () => {
  const group = new DynamoGroup(5);
  const keys = Array.from({ length: 200 }, (_, i) => `key ${i}`);
  for (const key of keys) group.put(group.ids[0] as NodeId, key, key, 3);
  const id = group.add(6, group.ids[2] as NodeId);
  group.run(20_000);
  expect(group.core(id).status().standing).toBe('member');
  const own = keys.filter((key) => group.homes(key).includes(id));
  expect(own.length).toBeGreaterThan(60);
  expect(records(group, id)).toBe(own.length);
  group.isolate(id);
  for (const key of own) expect(group.get(id, key, 1).values).toEqual([key]);
  group.heal();
  const held = group.ids.reduce((sum, each) => sum + records(group, each), 0);
  expect(held).toBe(3 * keys.length);
});

test('JOIN goes on after a crash of the newcomer in the middle', () => {
  const group = new DynamoGroup(4, { maxKeysPerMessage: 2 });
  const keys = Array.from({ length: 100 }, (_, i) => `key ${i}`);
  for (const key of keys) group.put(group.ids[0] as NodeId, key, key, 3);
  const id = group.add(5, group.ids[0] as NodeId);
  group.run(60);
  expect(group.core(id).status().standing).toBe('joining');
  group.crash(id);
  group.run(3000);
  group.restart(id);
  group.run(40_000);
  expect(group.core(id).status().standing).toBe('member');
  const own = keys.filter((key) => group.homes(key).includes(id));
  expect(records(group, id)).toBe(own.length);
});

test('LEAVE: the data of the leaver is on the others, and it is never listed again', () => {
  const group = new DynamoGroup(5);
  const keys = Array.from({ length: 200 }, (_, i) => `key ${i}`);
  for (const key of keys) group.put(group.ids[0] as NodeId, key, key, 3);
  const leaver = group.ids[1] as NodeId;
  expect(group.admin(leaver, { kind: 'leave' })).toEqual({ kind: 'accepted' });
  group.run(20_000);
  expect(group.core(leaver).status()).toMatchObject({ standing: 'left', keys: 0, hints: 0 });
  const others = group.ids.filter((id) => id !== leaver);
  for (const key of keys) {
    expect(group.homes(key)).not.toContain(leaver);
    for (const home of group.homes(key))
      expect(group.core(home).inspect.store.versionsOf(key)).toHaveLength(1);
  }
  for (const id of others) expect(group.core(id).aliveMembers()).not.toContain('node02');
  expect(group.ask(leaver, { kind: 'get', key: 'key 1', quorum: 1 }).reply).toMatchObject({
    kind: 'failed',
    error: { code: 'not_a_member' },
  });
  expect(group.admin(leaver, { kind: 'join', seed: others[0] as NodeId }).kind).toBe('accepted');
  group.run(20_000);
  expect(group.core(leaver).status().standing).toBe('member');
});

test('a crash and a restart keep data and hints, and no dot is ever issued twice', () => {
  const group = new DynamoGroup(4);
  const [one, two, down] = group.homes(KEY) as [NodeId, NodeId, NodeId];
  const stranger = group.others(KEY)[0] as NodeId;
  group.crash(down);
  const metadata = group.put(one, KEY, 'v', 3);
  expect(group.core(stranger).status().hints).toBe(1);
  for (const id of [one, two, stranger]) {
    group.crash(id);
    group.restart(id);
  }
  group.run(2000);
  expect(group.core(stranger).status()).toMatchObject({ hints: 1, keys: 1 });
  expect(group.get(one, KEY, 1).metadata).toEqual([metadata]);
  const again = group.put(one, KEY, 'again', 3);
  expect(group.get(two, KEY, 2).metadata.toSorted()).toEqual([again, metadata].toSorted());
  group.restart(down);
  group.run(20_000);
  expect(hints(group)).toBe(0);
  expect(group.get(down, KEY, 1).values).toHaveLength(2);
});

test('bad requests are refused and change nothing', () => {
  const group = new DynamoGroup(3);
  const [id] = group.ids as [NodeId];
  const value = Buffer.from('"v"');
  const put = { kind: 'put', key: KEY, value, quorum: 2, metadata: '' } as const;
  const code = (request: ClientRequest): unknown => {
    const { reply } = group.ask(id, request);
    return reply.kind === 'failed' ? [reply.error.code, reply.error.outcome] : reply.kind;
  };
  for (const quorum of [0, 4, 1.5, -1]) {
    expect(code({ ...put, quorum })).toEqual(['quorum_not_valid', 'not_applied']);
    expect(code({ kind: 'get', key: KEY, quorum })).toEqual(['quorum_not_valid', 'not_applied']);
  }
  expect(code({ ...put, metadata: 'forged' })).toEqual(['metadata_not_valid', 'not_applied']);
  expect(code({ ...put, key: '' })).toEqual(['key_empty', 'not_applied']);
  expect(code({ ...put, key: 'cart', value: Buffer.from('[1]') })).toEqual([
    'value_not_mergeable',
    'not_applied',
  ]);
  expect(group.admin(id, { kind: 'join', seed: group.ids[1] as NodeId })).toMatchObject({
    error: { code: 'membership_not_possible' },
  });
  group.run(1000);
  for (const each of group.ids) expect(records(group, each)).toBe(0);
});

test('a quorum that cannot be met: 503 with the counts; a write says that it may be somewhere', () => {
  const group = new DynamoGroup(3);
  const [id] = group.ids as [NodeId];
  group.isolate(id);
  const value = Buffer.from('"v"');
  const written = group.ask(id, { kind: 'put', key: KEY, value, quorum: 2, metadata: '' });
  expect(written.reply).toMatchObject({
    error: {
      code: 'write_quorum_not_met',
      outcome: 'unknown',
      details: { quorum: 2, answered: 1 },
    },
  });
  expect(written.tookMs).toBeLessThan(1500);
  const read = group.ask(id, { kind: 'get', key: KEY, quorum: 3 });
  expect(read.reply).toMatchObject({
    error: { code: 'read_quorum_not_met', outcome: 'not_applied' },
  });
});

test('too many versions are refused, and none is lost', () => {
  const group = new DynamoGroup(3, { maxSiblings: 4 });
  const [id] = group.ids as [NodeId];
  const metadata = Array.from({ length: 4 }, (_, i) => group.put(id, KEY, `${i}`, 3));
  const value = Buffer.from('"one more"');
  const put = { kind: 'put', key: KEY, value, quorum: 1, metadata: '' } as const;
  expect(group.ask(id, put).reply).toMatchObject({ error: { code: 'too_many_siblings' } });
  expect(group.get(id, KEY, 3).values).toEqual(['0', '1', '2', '3']);
  group.put(id, KEY, 'resolved', 3, metadata.join());
  expect(group.get(id, KEY, 3).values).toEqual(['resolved']);
});

test('an idle, healthy group of six is nearly silent', () => {
  const group = new DynamoGroup(6);
  for (let i = 0; i < 50; i++) group.put(group.ids[i % 6] as NodeId, `key ${i}`, 'v', 3);
  group.run(5000);
  const before = group.sent.length;
  group.run(60_000);
  const sent = group.sent.length - before;
  console.info(`six idle nodes have sent ${sent} messages in 60 s`);
  expect(sent).toBeLessThanOrEqual(20);
});
