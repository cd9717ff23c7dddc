/** Joining and leaving when things go wrong: what the simulator has found, message by message. */

import { millis, type NodeId } from '../../../kv/core/dynamo/library';
import { DynamoGroup } from '../../support/dynamo_group';

const standings = (group: DynamoGroup): string[] =>
  group.ids.map((id) => group.core(id).status().standing);

test('everybody is told to leave at once, and nobody has heard of the others: all stay, with all data', () => {
  const group = new DynamoGroup(3);
  const keys = Array.from({ length: 20 }, (_, i) => `key ${i}`);
  for (const key of keys) group.put(group.ids[0] as NodeId, key, key, 1);
  for (const id of group.ids) group.isolate(id);
  for (const id of group.ids) {
    expect(group.admin(id, { kind: 'leave' })).toEqual({ kind: 'accepted' });
  }
  group.heal();
  group.run(20_000);
  expect(standings(group)).toContain('member');
  const [stays] = group.ids.filter((id) => group.core(id).status().standing === 'member');
  for (const key of keys) expect(group.get(stays as NodeId, key, 1).values).toEqual([key]);
});

test('the last two are told to leave at once: one of them at least stays, with all data', () => {
  for (const gapMs of [0, 1, 2, 3, 5, 8, 20]) {
    const group = new DynamoGroup(2);
    const keys = Array.from({ length: 20 }, (_, i) => `key ${i}`);
    for (const key of keys) group.put(group.ids[0] as NodeId, key, key, 2);
    const [one, two] = group.ids as [NodeId, NodeId];
    group.admin(one, { kind: 'leave' });
    group.run(gapMs);
    group.admin(two, { kind: 'leave' });
    group.run(20_000);
    const stays = group.ids.filter((id) => group.core(id).status().standing === 'member');
    expect(stays).not.toEqual([]);
    for (const key of keys) expect(group.get(stays[0] as NodeId, key, 1).values).toEqual([key]);
  }
});

test('who has asked a node that has left meanwhile is let in all the same', () => {
  const group = new DynamoGroup(4);
  const [, seed] = group.ids as [NodeId, NodeId];
  group.admin(seed, { kind: 'leave' });
  group.run(20_000);
  const id = group.add(5, seed);
  group.run(20_000);
  expect(standings(group)).toEqual(['member', 'left', 'member', 'member', 'member']);
  expect(group.core(id).aliveMembers()).toEqual(['node01', 'node03', 'node04', 'node05']);
});

test('who waits for a seed that is down may be told of another one', () => {
  const group = new DynamoGroup(3);
  const [one, two] = group.ids as [NodeId, NodeId];
  group.crash(one);
  const id = group.add(4, one);
  group.run(5000);
  expect(group.core(id).status().standing).toBe('waiting');
  expect(group.admin(id, { kind: 'join', seed: two })).toEqual({ kind: 'accepted' });
  group.restart(one);
  group.run(20_000);
  expect(standings(group)).toEqual(['member', 'member', 'member', 'member']);
  expect(group.admin(id, { kind: 'join', seed: one })).toMatchObject({
    error: { code: 'membership_not_possible' },
  });
});

test('a newcomer believes nobody who goes by another table that its share is complete', () => {
  const group = new DynamoGroup(4);
  const [one] = group.ids as [NodeId];
  const keys = Array.from({ length: 50 }, (_, i) => `key ${i}`);
  for (const key of keys) group.put(one, key, key, 3);
  const id = group.add(5, one);
  const answers = () =>
    group.sent.filter(({ to, message }) => to === id && message.kind === 'surveyed');
  group.run(20_000);
  expect(answers().length).toBeGreaterThan(0);
  for (const { from, message } of answers()) {
    const question = group.sent.find(
      ({ to, message: asked }) =>
        to === from &&
        asked.kind === 'survey' &&
        message.kind === 'surveyed' &&
        asked.exchange === message.exchange,
    );
    expect(question?.message.table).toBe(message.table);
  }
});

test.each([0, 50])(
  'who joins while everybody else leaves is a member in the end, with all of %i keys',
  (count) => {
    const group = new DynamoGroup(1);
    const [first] = group.ids as [NodeId];
    const keys = Array.from({ length: count }, (_, i) => `key ${i}`);
    for (const key of keys) group.put(first, key, key, 1);
    const joins = group.add(2, first);
    group.run(4);
    group.isolate(joins);
    expect(group.core(joins).status().standing).toBe('joining');
    expect(group.admin(first, { kind: 'leave' })).toEqual({ kind: 'accepted' });
    group.run(5000);
    expect(group.core(first).status().standing).toBe(count === 0 ? 'left' : 'leaving');
    group.heal();
    group.run(60_000);
    expect(group.core(first).status().standing).toBe('left');
    expect(group.core(joins).status().standing).toBe('member');
    for (const key of keys) expect(group.get(joins, key, 1).values).toEqual([key]);
  },
);

/** Exchanges that are soon begun anew, so that leaving is quicker than a client's patience. */
const SWIFT = { exchangeMs: millis(20) };

/**
 * Writes `some key` at its first home with a quorum of 3, while the word of one of the other two
 * takes long, and the second home leaves before that word arrives.
 */
function writeAndLeave(group: DynamoGroup, late: 'leaver' | 'third') {
  const key = 'some key';
  const [at, leaver, third] = group.homes(key) as [NodeId, NodeId, NodeId];
  const [other] = group.others(key);
  const slow = late === 'leaver' ? leaver : third;
  group.slowLink(slow, at, 400);
  const value = Buffer.from('"new"');
  const put = group.submit(at, { kind: 'put', key, value, quorum: 3, metadata: '' });
  group.run(5);
  group.slowLink(slow, at, 1);
  expect(group.admin(leaver, { kind: 'leave' })).toEqual({ kind: 'accepted' });
  const { table } = group.core(at).inspect;
  const isKnown = () => table.find(leaver)?.standing === 'left';
  for (let tries = 0; tries < 200 && !isKnown(); tries++) group.run(1);
  expect(isKnown()).toBe(true);
  const sent = group.sent.filter(({ from, to }) => from === at && to === other);
  return { reply: group.answer(put), leaver, sent };
}

test.each(['leaver', 'third'] as const)(
  'who acknowledges a write and has left before the quorum is met does not count for it (the %s is late)',
  (late) => {
    const { reply } = writeAndLeave(new DynamoGroup(3, SWIFT), late);
    expect(reply).toMatchObject({
      kind: 'failed',
      error: { code: 'write_quorum_not_met', details: { quorum: 3, answered: 2 } },
    });
  },
);

test('where somebody is left to take the write, that one is asked at once in the place of who has left', () => {
  const group = new DynamoGroup(4, SWIFT);
  const { reply, leaver, sent } = writeAndLeave(group, 'third');
  expect(reply).toMatchObject({ kind: 'written' });
  const places = sent.flatMap(({ message }) =>
    message.kind === 'store' && message.operation !== 0 ? [message.standsInFor] : [],
  );
  expect(places).toEqual([leaver]);
});

test('who joins anew owes the group that it was in no acknowledgement any more', () => {
  const group = new DynamoGroup(4, SWIFT);
  const [left, seed, leaves, other] = group.ids as [NodeId, NodeId, NodeId, NodeId];
  for (const id of [seed, leaves, other]) group.slowLink(left, id, 100);
  group.admin(left, { kind: 'leave' });
  group.run(10);
  expect(standings(group)).toEqual(['left', 'member', 'member', 'member']);
  // Nobody has heard of that yet, so it is told of the next change, and its disk is still at work on
  // that when it joins again.
  group.slowDisk(left, 500);
  group.admin(leaves, { kind: 'leave' });
  group.run(150);
  expect(standings(group)).toEqual(['left', 'member', 'left', 'member']);
  const { digest } = group.core(other).inspect.table;
  expect(group.core(left).inspect).toMatchObject({ table: { digest }, journal: { isBusy: true } });
  expect(group.admin(left, { kind: 'join', seed })).toEqual({ kind: 'accepted' });
  for (const id of [seed, leaves, other]) group.slowLink(left, id, 1);
  group.run(10_000);
  expect(standings(group)).toEqual(['member', 'member', 'left', 'member']);
});

test('the last member does not join another group while somebody still hands over to it', () => {
  const group = new DynamoGroup(2, { replicas: 2 });
  const [last, leaver] = group.ids as [NodeId, NodeId];
  const founders = [{ id: group.id(3), name: 'node03' }];
  const other = group.add(3, last, { founders, group: 7 });
  group.isolate(leaver);
  const keys = Array.from({ length: 300 }, (_, i) => `key ${i}`);
  for (const key of keys) group.put(leaver, key, key, 1);
  group.heal();
  group.slowLink(last, leaver, 50);
  group.slowLink(leaver, last, 50);
  group.admin(leaver, { kind: 'leave' });
  const knows = () => group.core(last).inspect.table.find(leaver)?.standing;
  for (let i = 0; knows() === 'member' && i < 1000; i++) group.run(1);
  expect(knows()).toBe('leaving');
  expect(group.admin(last, { kind: 'join', seed: other })).toMatchObject({
    error: { code: 'membership_not_possible' },
  });
  group.run(20_000);
  expect(group.core(leaver).status()).toMatchObject({ standing: 'left', keys: 0 });
  for (const key of keys) expect(group.get(last, key, 1).values).toEqual([key]);
  // Then it may.
  expect(group.admin(last, { kind: 'join', seed: other })).toEqual({ kind: 'accepted' });
  group.run(20_000);
  expect(group.core(last).status().standing).toBe('member');
});
