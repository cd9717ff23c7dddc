/** The rules of the replicated log, one by one. */

import { millis, NEVER } from '../../../kv/core/ids';
import { decodeRecord } from '../../../kv/core/log/journal';
import { RecoveryError } from '../../../kv/core/log/recovery';
import { decodeMeta } from '../../../kv/core/log/snapshots';
import { appendOf, bytesOf, Group, M, replicateOf, S1, S2, TestDisk } from './support';

const texts = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, i) => `m${from + i}`);

function filled(group: Group, count: number, from = 0): Group {
  for (const text of texts(count, from)) group.append(text, { w: 1, id: text });
  return group.settle();
}

describe('exactly once', () => {
  it('answers a repeated id with its order, also after a restart of the master', () => {
    const group = filled(new Group().start(M, S1, S2).settle(), 3);
    const again = () => group.answer(M, appendOf('m1', { id: 'm1', w: 2 }));
    expect(again()).toMatchObject({ kind: 'appended', order: 1, isNew: false, isSame: true });
    group.kill(M);
    group.start(M).pass(1000);
    expect(again()).toMatchObject({ order: 1, isNew: false });
    expect(group.answer(M, appendOf('x', { id: 'm1' }))).toMatchObject({ isSame: false });
    expect(group.shown(S1)).toEqual(texts(3));
  });

  it('lets a retry wait for as many copies as it wants', () => {
    const group = filled(new Group().start(M).settle(), 1);
    const retry = group.append('m0', { id: 'm0', w: 2 });
    group.pass(2000);
    expect(group.replies.has(retry)).toBe(false);
    group.start(S1).pass(2000);
    expect(group.replies.get(retry)).toMatchObject({ kind: 'appended', copies: 2, isNew: false });
  });

  it('remembers as many ids of dropped messages as it was told to, over a restart', () => {
    const common = { keepDroppedIds: 2, snapshotJournalBytes: 1 };
    const group = new Group({ common, master: { retainMessages: 2 } }).start(M, S1, S2).settle();
    filled(group, 10).pass(1000);
    expect(group.core(M).status()).toMatchObject({ first: 8, end: 10, droppedIds: 2 });
    group.kill(M);
    group.start(M).pass(1000);
    expect(group.answer(M, appendOf('m7', { id: 'm7', w: 1 }))).toMatchObject({ order: 7 });
    expect(group.answer(M, appendOf('m1', { id: 'm1', w: 1 }))).toMatchObject({ isNew: true });
    group.pass(1000);
    expect(group.shown(S1).at(-1)).toBe('m1');
  });
});

describe('durable before said', () => {
  it('sends and shows nothing that the disk of the master does not have', () => {
    const group = new Group().start(M, S1, S2).settle();
    group.slow.add(M);
    const asked = group.append('a', { w: 1 });
    group.settle();
    expect(group.sentOf('append', S1)).toEqual([]);
    expect(group.replies.has(asked)).toBe(false);
    expect(group.shown(M)).toEqual([]);
    group.slow.clear();
    group.settle();
    expect(group.replies.get(asked)).toMatchObject({ kind: 'appended', order: 0 });
    expect(group.shown(S2)).toEqual(['a']);
  });

  it('acknowledges nothing that the disk of the secondary does not have', () => {
    const group = new Group().start(M, S1, S2).settle();
    group.slow.add(S1).add(S2);
    const asked = group.append('a', { w: 2 });
    group.pass(1000);
    expect(group.replies.has(asked)).toBe(false);
    group.slow.delete(S1);
    group.settle();
    expect(group.replies.get(asked)).toMatchObject({ copies: 2 });
  });

  it('gives the order of a message that a crash took to another one, and nobody noticed the first', () => {
    const group = new Group().start(M, S1, S2).settle();
    group.slow.add(M);
    group.append('lost', { id: 'lost' });
    group.settle();
    group.kill(M);
    group.slow.clear();
    filled(group.start(M).settle(), 1);
    expect(group.shown(S1)).toEqual(['m0']);
  });
});

describe('replication', () => {
  it('sends what was lost again, less and less often, and at once when somebody is back', () => {
    const group = new Group().start(M, S1, S2).settle();
    group.cut.add(S1);
    filled(group, 1);
    const before = group.sent.length;
    group.pass(20_000);
    const tries = group.sentOf('append', S1, before).length;
    expect(tries).toBeGreaterThan(3);
    expect(tries).toBeLessThan(15);
    group.cut.clear();
    group.link(M, S1, true);
    group.settle();
    expect(group.shown(S1)).toEqual(['m0']);
  });

  it('keeps to its caps', () => {
    const master = { maxBatchMessages: 2, maxInFlightMessages: 5 };
    const group = filled(new Group({ master }).start(M).settle(), 20);
    group.start(S1);
    for (let i = 0; i < 1000 && group.wire.length > 0; i++) {
      group.deliverNext();
      const onTheWay = group.wire.filter(({ message }) => message.kind === 'append');
      const messages = onTheWay.flatMap(({ message }) =>
        message.kind === 'append' ? message.entries : [],
      );
      expect(messages.length).toBeLessThanOrEqual(5);
      if (group.wire.length === 0) group.flushSome();
    }
    expect(group.settle().shown(S1)).toHaveLength(20);
  });

  it('is silent but for heartbeats when all is done', () => {
    const group = filled(new Group().start(M, S1, S2).settle(), 5).pass(1000);
    const before = group.sent.length;
    group.pass(3000);
    const kinds = new Set(group.sent.slice(before).map(({ message }) => message.kind));
    expect(kinds).toEqual(new Set(['heartbeat', 'held']));
  });

  it('is not harmed by repeated and reordered messages', () => {
    const group = new Group({ master: { maxBatchMessages: 1 } }).start(M, S1, S2).settle();
    for (const text of texts(6)) group.append(text, { w: 1 });
    group.flushSome();
    const sent = [...group.wire];
    group.wire = [];
    for (const one of [...sent].reverse()) group.deliver(one);
    for (const one of sent) group.deliver(one);
    expect(group.settle().shown(S1)).toEqual(texts(6));
    expect(group.shown(S2)).toEqual(texts(6));
  });

  it('refills a wiped secondary, and does not count what it had before', () => {
    const group = filled(new Group().start(M, S1, S2).settle(), 4);
    group.wipe(S1);
    group.start(S1);
    const asked = group.append('m4', { w: 3 });
    expect(group.pass(1000).shown(S1)).toEqual(texts(5));
    expect(group.replies.get(asked)).toMatchObject({ copies: 3 });
  });

  it('counts one disk once', () => {
    const group = new Group().start(M, S1).settle();
    group.disks.set(S2, group.disks.get(S1) as TestDisk);
    group.start(S2).settle();
    const asked = group.append('a', { w: 3, deadline: millis(group.now + 100) });
    group.pass(200);
    expect(group.replies.get(asked)).toMatchObject({ kind: 'late' });
  });
});

describe('emulated trouble', () => {
  it.each(['before', 'after'] as const)(
    'errors %s the append change nothing but time',
    (errorWhen) => {
      const trouble = { delayMs: millis(0), errorsPerThousand: 400, errorWhen };
      const group = new Group({ secondary: { trouble }, master: { maxBatchMessages: 1 } });
      filled(group.start(M, S1, S2).settle(), 10).pass(60_000);
      expect(group.shown(S1)).toEqual(texts(10));
      expect(group.sent.some(({ message }) => message.kind === 'failed')).toBe(true);
    },
  );

  it('a slow secondary is behind for a while', () => {
    const trouble = { delayMs: millis(500), errorsPerThousand: 0, errorWhen: 'before' as const };
    const group = filled(new Group({ secondary: { trouble } }).start(M, S1).settle(), 2);
    expect(group.shown(M)).toEqual(texts(2));
    expect(group.shown(S1)).toEqual([]);
    expect(group.pass(500).shown(S1)).toEqual(texts(2));
  });
});

describe('quorum append', () => {
  it('makes the master read-only while no majority is in reach', () => {
    const group = new Group({ master: { quorumAppend: true } }).start(M, S1).settle();
    expect(group.answer(M, appendOf('a', { w: 1 }))).toMatchObject({ kind: 'appended' });
    group.kill(S1);
    group.pass(5000);
    const refused = group.answer(M, appendOf('b', { w: 1, id: 'b' }));
    expect(refused).toMatchObject({ error: { code: 'no_quorum', outcome: 'not_applied' } });
    expect(group.shown(M)).toEqual(['a']);
    group.start(S1).settle();
    expect(group.answer(M, appendOf('c', { w: 1 }))).toMatchObject({ order: 1 });
  });
});

describe('retention', () => {
  it('drops nothing that a secondary lacks, also one that was never seen', () => {
    const group = filled(new Group({ master: { retainMessages: 2 } }).start(M, S1).settle(), 6);
    expect(group.pass(1000).core(M).status()).toMatchObject({ first: 0 });
    group.start(S2).pass(1000);
    expect(group.core(M).status()).toMatchObject({ first: 4, end: 6 });
    expect(group.core(S2).status()).toMatchObject({ first: 4, end: 6 });
    const below = group.answer(S2, { kind: 'read', from: 1, limit: 5 });
    expect(below).toMatchObject({ error: { code: 'below_retention', details: { first: 4 } } });
    group.wipe(S1);
    expect(group.start(S1).pass(1000).shown(S1)).toEqual(texts(2, 4));
  });

  it('refuses appends when the log is full', () => {
    const group = filled(new Group({ master: { maxLogBytes: 2000 } }).start(M, S1).settle(), 20);
    const error = { code: 'log_full', outcome: 'not_applied' };
    expect(group.answer(M, appendOf('x', { w: 1 }))).toMatchObject({ error });
    expect(group.shown(S1)).toEqual(group.shown(M));
  });

  describe('of a full log it is said what helps', () => {
    const fullOf = (group: Group) =>
      (group.answer(M, appendOf('x', { w: 1 })) as { error: { message: string; details: object } })
        .error;
    const maxLogBytes = 2000;

    it('a larger one or retention, where nothing is too old, whoever is behind', () => {
      for (const running of [[S1, S2], [S1]]) {
        const group = filled(new Group({ master: { maxLogBytes } }).start(M, ...running), 20);
        const { message, details } = fullOf(group.pass(1000));
        expect(message).toMatch(/--max-log-bytes.*--retain-messages/);
        expect(details).toEqual({ limit: maxLogBytes, first: 0 });
      }
    });

    it('the secondary that lacks what would be dropped', () => {
      const master = { maxLogBytes, retainMessages: 2 };
      const group = filled(new Group({ master }).start(M, S1), 20).pass(1000);
      const { message, details } = fullOf(group);
      expect(message).toContain(S2);
      expect(details).toEqual({ limit: maxLogBytes, first: 0, secondary: S2, lacks: 0 });
      group.start(S2).pass(1000);
      expect(group.answer(M, appendOf('y', { w: 3 }))).toMatchObject({ kind: 'appended' });
    });

    it('and a master that has no room for any message is not writable', () => {
      const group = filled(new Group({ master: { maxLogBytes } }).start(M, S1).settle(), 3);
      const status = () => group.core(M).status().role;
      expect(status()).toMatchObject({ isWritable: true });
      const { message } = fullOf(filled(group, 20));
      expect(status()).toMatchObject({ isWritable: false, notWritable: message });
    });
  });
});

describe('clear', () => {
  const common = { allowClear: true };
  const clear = { kind: 'clear', deadline: millis(1e9) } as const;

  it('empties all logs, and nothing of the old one comes back', () => {
    const group = filled(new Group({ common }).start(M, S1, S2).settle(), 3);
    group.append('late', { w: 1 });
    group.flushSome();
    const old = group.wire.filter(({ message }) => message.kind === 'append');
    expect(old.length).toBeGreaterThan(0);
    expect(group.answer(M, clear)).toEqual({ kind: 'cleared', copies: 3 });
    for (const sent of old) group.deliver(sent);
    expect(group.settle().shown(S1)).toEqual([]);
    expect(filled(group, 1, 9).shown(S2)).toEqual(['m9']);
  });

  it('reaches a secondary that was away', () => {
    const group = filled(new Group({ common }).start(M, S1, S2).settle(), 3);
    group.kill(S2);
    group.pass(5000);
    expect(group.answer(M, clear)).toMatchObject({ copies: 2 });
    expect(group.start(S2).pass(1000).shown(S2)).toEqual([]);
  });

  it('tells those who wait, and shows the old log until the disk knows', () => {
    const group = filled(new Group({ common }).start(M, S1).settle(), 1);
    const writer = group.append('a', { w: 3 });
    const log = group.core(M).status().log;
    const reader = group.ask(M, {
      kind: 'follow',
      from: 2,
      limit: 1,
      log,
      deadline: clear.deadline,
    });
    group.settle().slow.add(M);
    group.ask(M, clear);
    expect(group.shown(M)).toEqual(['m0', 'a']);
    const told = { error: { code: 'log_cleared' } };
    expect(group.replies.get(writer)).toMatchObject(told);
    // A reader that was told now would begin again, with the old log.
    expect(group.replies.has(reader)).toBe(false);
    group.flush(M);
    expect(group.shown(M)).toEqual([]);
    expect(group.replies.get(reader)).toMatchObject(told);
  });

  it('is nothing to a reader when a crash takes it back', () => {
    const group = filled(new Group({ common }).start(M, S1).settle(), 1);
    group.slow.add(M);
    group.ask(M, clear);
    group.kill(M);
    group.slow.clear();
    expect(group.start(M).shown(M)).toEqual(['m0']);
  });

  it('resolves it that a secondary held another message of the same log', () => {
    const group = new Group({ common, secondaries: [S1] }).start(M, S1).settle();
    group.answer(S1, replicateOf(0, 'x', 'X'));
    filled(group, 1);
    const states = () => group.core(M).status().role;
    expect(states()).toMatchObject({ secondaries: [{ state: 'conflict' }] });
    group.answer(M, clear);
    expect(group.pass(1000).shown(S1)).toEqual([]);
    expect(group.answer(M, appendOf('m1', { w: 2 }))).toMatchObject({ copies: 2 });
  });

  it('makes no two copies of one disk', () => {
    const group = new Group({ common }).start(M, S1).settle();
    group.disks.set(S2, group.disks.get(S1) as TestDisk);
    group.start(S2).settle();
    const states = () => group.core(M).status().role;
    const secondaries = [{ state: 'following' }, { state: 'conflict' }];
    expect(states()).toMatchObject({ secondaries });
    group.answer(M, clear);
    const asked = group.append('a', { w: 3, deadline: millis(group.now + 1000) });
    group.pass(1100);
    expect(states()).toMatchObject({ secondaries });
    expect(group.replies.get(asked)).toMatchObject({ kind: 'late', copies: 2 });
  });

  it('is refused unless allowed', () => {
    const group = new Group().start(M).settle();
    expect(group.answer(M, clear)).toMatchObject({ error: { code: 'clear_not_allowed' } });
  });
});

describe('a message from outside', () => {
  it('is refused when it contradicts, a repeated one is not', () => {
    const group = filled(new Group().start(M, S1).settle(), 2);
    expect(group.answer(S1, replicateOf(1, 'm1', 'm1'))).toMatchObject({ as: 'duplicate' });
    const error = { code: 'message_conflict' };
    expect(group.answer(S1, replicateOf(1, 'm1', 'other'))).toMatchObject({ error });
    expect(group.answer(S1, replicateOf(5, 'm1', 'm1'))).toMatchObject({ error });
    expect(group.answer(S1, replicateOf(1.5, 'z', 'z'))).toMatchObject({
      error: { code: 'order_not_valid' },
    });
  });

  it('is durable before it is acknowledged, beyond a gap too', () => {
    const group = new Group().start(S1).settle();
    group.answer(S1, replicateOf(1, 'b', 'B'));
    group.kill(S1);
    group.start(S1);
    group.answer(S1, replicateOf(0, 'a', 'A'));
    expect(group.shown(S1)).toEqual(['A', 'B']);
  });

  it('is confirmed by the same message of the master, and counts only then', () => {
    const group = new Group().start(S1).settle();
    group.answer(S1, replicateOf(0, 'm0', 'm0'));
    group.start(M).pass(1000);
    expect(group.core(S1).status().role).toMatchObject({ confirmedEnd: 0 });
    expect(group.answer(M, appendOf('m0', { id: 'm0', w: 2 }))).toMatchObject({ copies: 2 });
    expect(group.core(S1).status().role).toMatchObject({ confirmedEnd: 1 });
  });

  it('is refused where the log has no room, in its place and beyond a gap; what the master sends is taken', () => {
    const group = new Group({ secondary: { maxLogBytes: 2000 } }).start(S1).settle();
    const take = (order: number) =>
      group.answer(S1, replicateOf(order, `m${order}`, `m${order}`)) as { error?: object };
    let order = 0;
    while (take(order).error === undefined && order < 100) order++;
    expect(order).toBe(7);
    const error = { code: 'log_full', outcome: 'not_applied', details: { limit: 2000, first: 0 } };
    for (const one of [order, order + 1]) expect(take(one)).toMatchObject({ error });
    expect(take(0)).toMatchObject({ as: 'duplicate' });
    expect(group.core(S1).status()).toMatchObject({ bytes: expect.any(Number), messages: order });
    expect(group.core(S1).status().bytes).toBeLessThanOrEqual(2000);
    filled(group.start(M).pass(1000), 10).pass(1000);
    expect(group.shown(S1)).toEqual(texts(10));
  });

  it('that waits for one before it takes room too', () => {
    const group = new Group({ secondary: { maxLogBytes: 2000 } }).start(S1).settle();
    const take = (order: number) => group.answer(S1, replicateOf(order, `m${order}`, `m${order}`));
    for (let order = 7; order > 0; order--) take(order);
    expect(take(0)).toMatchObject({ error: { code: 'log_full' } });
    expect(take(3)).toMatchObject({ as: 'buffered' });
  });

  it('that is another than that of the master is found, and does not count', () => {
    const group = new Group({ secondaries: [S1] }).start(M, S1).settle();
    group.answer(S1, replicateOf(0, 'x', 'X'));
    const asked = group.append('m0', { w: 2, deadline: millis(group.now + 500) });
    group.pass(600);
    expect(group.replies.get(asked)).toMatchObject({ kind: 'late', copies: 1 });
    expect(group.core(M).status().role).toMatchObject({ secondaries: [{ state: 'conflict' }] });
    expect(group.answer(M, appendOf('m1', { w: 1 }))).toMatchObject({ kind: 'appended' });
  });
});

describe('a folder of another role', () => {
  it('is refused, either way', () => {
    const group = filled(new Group().start(M, S1).settle(), 1);
    const [ofMaster, ofSecondary] = [group.disks.get(M), group.disks.get(S1)];
    group.kill(M);
    group.kill(S1);
    group.disks.set(M, ofSecondary as TestDisk);
    group.disks.set(S1, ofMaster as TestDisk);
    expect(() => group.start(M)).toThrow(RecoveryError);
    expect(() => group.start(S1)).toThrow(RecoveryError);
  });
});

describe('recovery', () => {
  it('starts from a journal that was cut anywhere, with all that is left', () => {
    const common = { snapshotJournalBytes: 600, snapshotSliceBytes: 30 };
    const group = new Group({ common, master: { retainMessages: 3 } }).start(M, S1, S2).settle();
    filled(group, 12).pass(1000);
    const disk = group.disks.get(M) as TestDisk;
    expect(disk.snapshot).toBeDefined();
    expect(disk.first).toBeGreaterThan(1);
    const orders = disk.records
      .map(decodeRecord)
      .map((record) => (record.kind === 'entry' ? record.entry.order : -1));
    // What a snapshot was taken after was durable by then: to lose that is damage.
    const { from } = decodeMeta(disk.snapshot?.meta as Uint8Array);
    for (let left = disk.records.length; disk.first + left > from; left--) {
      const cut = new Group({ common, master: { retainMessages: 3 } });
      const copy = Object.assign(new TestDisk(disk.storage), disk);
      copy.records = disk.records.slice(0, left);
      copy.durable = copy.last;
      cut.disks.set(M, copy);
      expect(cut.start(M).core(M).status().end).toBe((orders[left - 1] as number) + 1);
    }
  });

  it('counts logs that are over towards the next snapshot, whichever life saw their end', () => {
    const common = { allowClear: true, snapshotJournalBytes: 1000 };
    const group = new Group({ common, secondaries: [] }).start(M).settle();
    const disk = group.disks.get(M) as TestDisk;
    const live = (): void => {
      group.append('x'.repeat(300), { w: 1 });
      group.settle().ask(M, { kind: 'clear', deadline: NEVER });
      group.settle().kill(M);
      group.start(M).settle();
    };
    live();
    expect(disk.snapshot).toBeUndefined();
    for (let life = 0; life < 4; life++) live();
    expect(disk.snapshot).toBeDefined();
    expect(disk.records.length).toBeLessThan(5);
  });

  it('refuses records that cannot be read', () => {
    const group = filled(new Group().start(M).settle(), 2);
    group.kill(M);
    (group.disks.get(M) as TestDisk).records[1] = { type: 9, payload: bytesOf('x') };
    expect(() => group.start(M)).toThrow(/a record cannot be read .* move the data folder away/);
  });
});

test('requests that make no sense are refused, and change nothing', () => {
  const group = new Group({ common: { maxIdBytes: 3, maxMessageBytes: 3 } }).start(M, S1).settle();
  const codeOf = (more: object, text = 'a') =>
    group.answer(M, appendOf(text, more)) as { error?: { code: string } };
  expect(codeOf({ w: 0 }).error?.code).toBe('write_concern_not_valid');
  expect(codeOf({ w: 4 }).error?.code).toBe('write_concern_not_valid');
  expect(codeOf({ w: 1.5 }).error?.code).toBe('write_concern_not_valid');
  expect(codeOf({ id: '' }).error?.code).toBe('message_id_not_valid');
  expect(codeOf({ id: 'äää' }).error?.code).toBe('message_id_not_valid');
  expect(codeOf({}, 'long').error?.code).toBe('too_large');
  const astray = group.answer(S1, appendOf('a')) as { error?: { code: string } };
  expect(astray.error?.code).toBe('not_the_master');
  const lost = group.answer(M, replicateOf(0, 'a', 'a')) as { error?: { code: string } };
  expect(lost.error?.code).toBe('not_a_secondary');
  expect(group.shown(M)).toEqual([]);
  expect(group.core(M).status().role).toMatchObject({ copies: 3 });
});
