/** A master whose disk is empty, at its first start and because it was lost. */

import { millis, NEVER, type NodeId } from '../../../kv/core/ids';
import type { LogMessage } from '../../../kv/core/log/messages';
import { appendOf, Group, M, S1, S2, type Sent } from './support';

const unknown = { code: 'log_unknown', outcome: 'not_applied', retry: 'safe' };
const isExisting = { master: { beginAfterMs: NEVER } };

function filled(group: Group, count: number, from = 0): Group {
  for (let i = from; i < from + count; i++) group.append(`m${i}`, { w: 1, id: `m${i}` });
  return group.settle();
}
const texts = (count: number): string[] => Array.from({ length: count }, (_, i) => `m${i}`);

/** The master, and with it its disk, is gone. */
function bereaved(options: ConstructorParameters<typeof Group>[0] = isExisting): Group {
  const group = filled(new Group(options).start(M, S1, S2).settle(), 3);
  group.wipe(M);
  return group;
}

/** All that readers are shown, page by page. */
function shownAt(group: Group, id: NodeId): string[] {
  const all: string[] = [];
  for (let page = group.shown(id, 0); page.length > 0; page = group.shown(id, all.length)) {
    all.push(...page);
  }
  return all;
}

/** The last message of a kind that somebody has sent. */
function last(group: Group, from: NodeId, kind: LogMessage['kind']): Sent {
  const found = group.sent.findLast((sent) => sent.from === from && sent.message.kind === kind);
  if (found === undefined) throw new Error(`${from} has sent no ${kind}`);
  return found;
}

describe('the first start', () => {
  it('begins a log at once when all have said that they hold nothing', () => {
    const group = new Group({ isNew: true, ...isExisting }).start(S1, S2, M).settle();
    expect(group.answer(M, appendOf('a', { w: 3 }))).toMatchObject({ order: 0, copies: 3 });
  });

  it('waits a while for those who have not, and appends wait with it', () => {
    const group = new Group({ isNew: true }).start(M, S1).settle();
    const asked = group.append('a', { w: 2 });
    const gone = group.append('b', { w: 2 });
    const late = group.append('c', { w: 2, deadline: millis(group.now + 100) });
    group.ask(M, { kind: 'give_up', append: gone });
    group.pass(2900);
    expect(group.replies.has(asked)).toBe(false);
    for (const id of [gone, late]) expect(group.replies.get(id)).toMatchObject({ error: unknown });
    group.pass(200);
    expect(group.replies.get(asked)).toMatchObject({ order: 0, copies: 2 });
    expect(group.start(S2).settle().shown(S2)).toEqual(['a']);
  });

  it('never begins one without all of them where it was told that there is a log', () => {
    const group = new Group({ isNew: true, ...isExisting }).start(M, S1).settle();
    const asked = group.append('a', { w: 1 });
    group.pass(60_000);
    expect(group.replies.get(asked)).toMatchObject({
      error: { ...unknown, details: { missing: S2 } },
    });
    expect(group.answer(M, appendOf('b', { w: 1 }))).toMatchObject({ error: unknown });
    expect(group.core(M).status().role).toMatchObject({ isWritable: false });
    expect(group.start(S2).pass(1000).answer(M, appendOf('c'))).toMatchObject({ order: 0 });
  });

  it('asks again when a question was lost', () => {
    const group = new Group({ isNew: true, ...isExisting }).start(S1, S2);
    group.cut.add(M);
    group.start(M).pass(1000);
    group.cut.clear();
    expect(group.pass(1000).answer(M, appendOf('a', { w: 1 }))).toMatchObject({ order: 0 });
  });
});

describe('a disk that was lost', () => {
  it('is filled from the secondaries, and orders go on where those end', () => {
    const group = bereaved();
    const { log } = group.core(S1).status();
    const from = group.sent.length;
    group.start(M).settle();
    expect(group.shown(M)).toEqual(texts(3));
    expect(group.answer(M, appendOf('m1', { id: 'm1' }))).toMatchObject({ order: 1, isNew: false });
    // Their copies stay: nothing is sent to them again.
    expect(group.sentOf('append', S1, from)).toEqual([]);
    expect(group.answer(M, appendOf('m3'))).toMatchObject({ order: 3, copies: 3 });
    for (const id of [M, S1, S2]) expect(group.shown(id)).toEqual(texts(4));
    expect(group.core(S1).status().log).not.toBe(log);
    expect(group.core(S1).status().log).toBe(group.core(M).status().log);
  });

  it('keeps what was acknowledged with w=2 on the one secondary that has it, which all are asked for', () => {
    const group = filled(new Group(isExisting).start(M, S1, S2).settle(), 2);
    group.kill(S1);
    const asked = group.append('m2', { w: 2, id: 'm2' });
    group.settle();
    expect(group.replies.get(asked)).toMatchObject({ copies: 2 });
    group.kill(S2);
    group.wipe(M);
    group.start(M, S1).pass(10_000);
    const missing = { ...unknown, details: { missing: S2 } };
    expect(group.answer(M, appendOf('x', { w: 1 }))).toMatchObject({ error: missing });
    expect(group.shown(M)).toEqual([]);
    group.start(S2).pass(1000);
    for (const id of [M, S1, S2]) expect(group.shown(id)).toEqual(texts(3));
  });

  it('knows who is in reach while it waits for another', () => {
    const group = filled(new Group(isExisting).start(M, S1, S2).settle(), 2);
    group.wipe(M);
    group.kill(S2);
    group.start(M).pass(10_000);
    expect(group.core(M).status().role).toMatchObject({
      secondaries: [
        { id: S1, health: 'healthy' },
        { id: S2, health: 'unhealthy' },
      ],
    });
    group.start(S2).pass(1000);
    for (const id of [M, S1, S2]) expect(group.shown(id)).toEqual(texts(2));
  });

  it('takes with it what was only there, and readers are told', () => {
    const group = filled(new Group(isExisting).start(M, S1, S2).settle(), 2);
    group.cut.add(M);
    group.append('lost', { w: 1, id: 'lost' });
    group.settle();
    group.cut.clear();
    const { log } = group.core(S1).status();
    const follow = { kind: 'follow', from: 2, limit: 1, log, deadline: NEVER } as const;
    const reader = group.ask(S1, follow);
    group.wipe(M);
    group.start(M).settle();
    expect(group.answer(M, appendOf('m2', { id: 'm2' }))).toMatchObject({ order: 2, isNew: true });
    expect(group.replies.get(reader)).toMatchObject({ error: { code: 'log_cleared' } });
    expect(group.shown(S1)).toEqual(texts(3));
  });

  it('hears nothing of what a secondary has said before', () => {
    const group = filled(new Group(isExisting).start(M, S1, S2).settle(), 1);
    group.link(S1, M, true);
    const early = last(group, S1, 'hello');
    filled(group, 2, 1);
    group.wipe(M);
    group.cut.add(S1).add(S2);
    group.start(M).settle();
    group.cut.clear();
    group.deliver(early);
    group.deliver({ ...last(group, S2, 'hello'), from: S2, to: M });
    expect(group.core(M).inspect.log.base).toBeUndefined();
    expect(group.pass(1000).shown(M)).toEqual(texts(3));
  });

  it('is not told more than what a secondary keeps: late messages of before are not taken in', () => {
    const group = filled(new Group(isExisting).start(M, S1, S2).settle(), 2);
    group.append('late', { w: 1 });
    group.flushSome();
    const late = group.wire.filter(({ message }) => message.kind === 'append');
    expect(late).toHaveLength(2);
    group.wipe(M);
    group.wire = [];
    group.start(M);
    // Both are asked and answer; then the past comes.
    for (let i = 0; i < 4; i++) group.deliverNext();
    for (const sent of late) group.deliver(sent);
    group.settle();
    for (const id of [M, S1, S2]) expect(group.shown(id)).toEqual(texts(2));
    expect(group.answer(M, appendOf('m2'))).toMatchObject({ order: 2, copies: 3 });
  });

  it('is waited for by a secondary whose own disk is slow: what it has taken in counts', () => {
    const group = filled(new Group(isExisting).start(M, S1, S2).settle(), 2);
    group.slow.add(S1);
    group.append('m2', { w: 1, id: 'm2' });
    group.cut.add(S2);
    group.settle();
    group.wipe(M);
    group.cut.clear();
    group.start(M).pass(500);
    expect(group.shown(M)).toEqual([]);
    group.slow.clear();
    expect(group.pass(500).shown(M)).toEqual(texts(3));
  });
});

describe('while the log is fetched', () => {
  const slowly = { ...isExisting, common: { maxReadMessages: 1 } };

  it('nothing is shown or taken in, and a crash begins it again', () => {
    const group = bereaved(slowly);
    group.slow.add(M);
    group.start(M).settle();
    const asked = group.append('m3');
    group.settle();
    expect(group.core(M).inspect.log.end).toBe(3);
    expect(shownAt(group, M)).toEqual([]);
    expect(group.replies.has(asked)).toBe(false);
    group.kill(M, 2);
    expect(shownAt(group.start(M).settle(), M)).toEqual([]);
    group.slow.clear();
    expect(shownAt(group.settle(), M)).toEqual(texts(3));
    expect(group.answer(M, appendOf('m3'))).toMatchObject({ order: 3, copies: 3 });
  });

  it('another secondary is asked when the one that had it lost its disk', () => {
    const group = bereaved(slowly);
    group.slow.add(M);
    group.start(M);
    while (group.core(M).inspect.log.base === undefined) group.deliverNext();
    const { to } = last(group, M, 'fetch');
    group.wipe(to);
    group.start(to).pass(1000);
    group.slow.clear();
    expect(shownAt(group.pass(1000), M)).toEqual(texts(3));
    expect(shownAt(group, to)).toEqual(texts(3));
  });

  it('what was lost on the way is asked for again', () => {
    const group = bereaved(slowly);
    group.start(M);
    for (let i = 0; i < 1000 && group.core(M).inspect.log.end < 3; i++) {
      group.flushSome();
      const next = group.wire.shift();
      if (next !== undefined && (next.message.kind !== 'fetched' || i % 2 === 0))
        group.deliver(next);
      if (group.wire.length === 0) group.pass(300);
    }
    expect(shownAt(group.pass(1000), M)).toEqual(texts(3));
  });
});

describe('a choice that nobody can make but an operator', () => {
  it('is refused: two logs that have nothing to do with each other', () => {
    const group = bereaved();
    const other = filled(new Group().start(S1, S2, M).settle(), 1);
    const disk = other.disks.get(S2);
    group.kill(S2);
    if (disk !== undefined) group.disks.set(S2, Object.assign(disk, { storage: 99 }));
    group.start(M, S2).pass(10_000);
    const error = { ...unknown, message: expect.stringContaining('wipe the one that shall not') };
    expect(group.answer(M, appendOf('x', { w: 1 }))).toMatchObject({ error });
  });

  it('a disk that comes back after its log has gone on without it is refused', () => {
    const group = filled(new Group(isExisting).start(M, S1, S2).settle(), 3);
    const old = group.disks.get(M);
    group.wipe(M);
    group.start(M).settle();
    group.kill(M);
    if (old !== undefined) group.disks.set(M, old);
    group.start(M).pass(1000);
    const error = { code: 'log_conflict', outcome: 'not_applied' };
    expect(group.answer(M, appendOf('x', { w: 1 }))).toMatchObject({ error });
    expect(group.shown(S1)).toEqual(texts(3));
  });

  it('nothing is to be chosen where the log that was begun alone is still empty', () => {
    const group = bereaved({});
    group.cut.add(S1).add(S2);
    group.start(M).pass(4000);
    expect(group.core(M).status().role).toMatchObject({ isWritable: true });
    group.cut.delete(S1);
    group.pass(1000);
    expect(group.core(M).status().role).toMatchObject({ isWritable: false });
    group.cut.clear();
    expect(group.pass(1000).shown(M)).toEqual(texts(3));
    expect(group.answer(M, appendOf('m3'))).toMatchObject({ order: 3, copies: 3 });
  });

  it('a log that was begun because nobody could be asked is no other log', () => {
    const group = bereaved({});
    group.cut.add(S1).add(S2);
    group.start(M).pass(4000);
    expect(group.answer(M, appendOf('x', { w: 1 }))).toMatchObject({ order: 0 });
    group.cut.clear();
    group.pass(1000);
    const error = { code: 'log_conflict', outcome: 'not_applied' };
    expect(group.answer(M, appendOf('y', { w: 1 }))).toMatchObject({ error });
    expect(group.shown(S1)).toEqual(texts(3));
    for (const id of [S1, S2]) {
      group.wipe(id);
      group.start(id);
    }
    expect(group.pass(1000).shown(S1)).toEqual(['x']);
  });
});

test('a clear does not choose between two logs: who holds another one has it still', () => {
  const group = bereaved({ common: { allowClear: true } });
  group.cut.add(S1).add(S2);
  group.start(M).pass(4000);
  group.answer(M, appendOf('x', { w: 1 }));
  group.cut.clear();
  group.pass(1000);
  const error = { code: 'log_conflict', outcome: 'not_applied' };
  const refused = () => group.answer(M, appendOf('y', { w: 1 }));
  expect(refused()).toMatchObject({ error });
  expect(group.answer(M, { kind: 'clear', deadline: NEVER })).toEqual({
    kind: 'cleared',
    copies: 1,
  });
  for (let round = 0; round < 5; round++) {
    expect(refused()).toMatchObject({ error });
    group.pass(150);
  }
  group.cut.add(S1);
  group.answer(M, { kind: 'clear', deadline: NEVER });
  expect(group.pass(10_000).shown(M)).toEqual([]);
  expect(refused()).toMatchObject({ error });
  expect(group.shown(S2)).toEqual(texts(3));
  for (const id of [S1, S2]) group.wipe(id);
  group.cut.clear();
  group.start(S1, S2).pass(1000);
  expect(group.answer(M, appendOf('z', { w: 3 }))).toMatchObject({ order: 0 });
});

test('what retention has dropped is not fetched, and a second loss is survived as the first was', () => {
  const options = { ...isExisting, master: { beginAfterMs: NEVER, retainMessages: 4 } };
  const group = filled(new Group(options).start(M, S1, S2).settle(), 10).pass(1000);
  for (let round = 0; round < 3; round++) {
    group.wipe(M);
    group.start(M).pass(1000);
    expect(group.core(M).status()).toMatchObject({ first: 6 + round, end: 10 + round });
    expect(group.answer(M, appendOf(`n${round}`))).toMatchObject({ order: 10 + round, copies: 3 });
    group.pass(1000);
    for (const id of [S1, S2]) expect(group.shown(id)).toEqual(group.shown(M));
  }
});
