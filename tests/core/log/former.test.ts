/** What is over, or not certain yet, counts for nothing: former disks and logs, messages that a crash takes. */

import { millis, NEVER, type NodeId, type RequestId } from '../../../kv/core/ids';
import type { LogReply } from '../../../kv/core/log/requests';
import { appendOf, Group, M, S1, S2, TestDisk, textOf } from './support';

const common = { allowClear: true };
const clear = { kind: 'clear', deadline: millis(1e9) } as const;
const read = { kind: 'read', from: undefined, limit: 1000 } as const;

function filled(group: Group, count: number): Group {
  for (let i = 0; i < count; i++) group.append(`m${i}`, { w: 1, id: `m${i}` });
  return group.settle();
}

describe('a greeting that is late, of a disk that is lost', () => {
  function greetedLate(group: Group) {
    const from = group.sent.length;
    filled(group.start(M, S1).settle(), 6);
    group.link(S1, M, true);
    const hello = group.sent.slice(from).findLast(({ message }) => message.kind === 'hello');
    expect(hello?.message).toMatchObject({ end: 6 });
    group.wipe(S1);
    group.wire = [];
    if (hello !== undefined) group.deliver(hello);
    return group;
  }

  it('is no copy', () => {
    const group = greetedLate(new Group({ secondaries: [S1] }));
    const again = group.answer(M, appendOf('m5', { id: 'm5', w: 2, deadline: NEVER }));
    expect(again).toBeUndefined();
    group.start(S1).pass(1000);
    expect(group.shown(S1)).toHaveLength(6);
  });

  it('lets nothing be dropped', () => {
    const options = { secondaries: [S1, S2], master: { retainMessages: 2 } };
    const group = greetedLate(new Group(options)).start(S2).pass(1000);
    expect(group.core(M).status()).toMatchObject({ first: 0, end: 6 });
  });
});

test('an answer to a former attempt begins nothing', () => {
  const group = filled(new Group({ secondaries: [S1] }).start(M, S1).settle(), 3);
  const held = group.sent.findLast(({ message }) => message.kind === 'held');
  expect(held?.message).toMatchObject({ end: 3 });
  group.wipe(S1);
  group.start(S1);
  // The hello of the empty disk arrives, and then what its former life has said.
  group.flushSome();
  group.deliverNext();
  if (held !== undefined) group.deliver(held);
  const retry = group.ask(M, appendOf('m2', { id: 'm2', w: 2 }));
  expect(group.replies.has(retry)).toBe(false);
  group.pass(1000);
  expect(group.replies.get(retry)).toMatchObject({ copies: 2 });
});

describe('of two clears in a row', () => {
  it('the first holds once it is answered, whatever becomes of the second', () => {
    const group = filled(new Group({ common }).start(M, S1).settle(), 2);
    group.cut.add(M);
    group.slow.add(S1);
    const first = group.ask(S1, clear);
    const through = group.disks.get(S1)?.last ?? 0;
    group.ask(S1, clear);
    expect(group.answer(S1, read)).toMatchObject({ end: 2 });
    group.flush(S1, through);
    expect(group.replies.get(first)).toMatchObject({ kind: 'cleared' });
    expect(group.answer(S1, read)).toMatchObject({ end: 0 });
  });

  it('so many that the disk does not know of are refused', () => {
    const secondary = { maxPendingReplies: 2 };
    const group = new Group({ common, secondary }).start(M, S1).settle();
    group.slow.add(S1);
    group.ask(S1, clear);
    group.ask(S1, clear);
    expect(group.answer(S1, clear)).toMatchObject({ error: { code: 'overloaded' } });
  });
});

test('who follows a log after its clear, and before the disk knows, is told that it was cleared', () => {
  const group = filled(new Group({ common, secondaries: [] }).start(M).settle(), 2);
  const { log } = group.core(M).status();
  group.slow.add(M);
  group.ask(M, clear);
  const wish = { kind: 'follow', from: 2, limit: 1, log, deadline: NEVER } as const;
  const reader = group.ask(M, wish);
  expect(group.replies.has(reader)).toBe(false);
  group.slow.clear();
  filled(group, 3);
  expect(group.replies.get(reader)).toMatchObject({ error: { code: 'log_cleared' } });
});

describe('who follows on is shown no message of the old log after it was told of the clear', () => {
  /** Follows as a stream does: from where it was, and after a clear from the beginning. */
  class Stream {
    readonly shown: string[] = [];
    private at = 0;
    private log: string | undefined;
    private waits: RequestId | undefined;

    constructor(
      private readonly group: Group,
      private readonly node: NodeId,
    ) {}

    look(): void {
      for (;;) {
        const { at: from, log } = this;
        const wish = { kind: 'follow', from, limit: 10, log, deadline: NEVER } as const;
        this.waits ??= this.group.ask(this.node, wish);
        const reply = this.group.replies.get(this.waits);
        if (reply === undefined) return;
        this.waits = undefined;
        this.take(reply);
      }
    }

    private take(reply: LogReply): void {
      if (reply.kind === 'messages') {
        this.shown.push(...reply.messages.map(({ body }) => textOf(body)));
        this.at = reply.next;
        this.log = reply.log;
        return;
      }
      expect(reply).toMatchObject({ error: { code: 'log_cleared' } });
      this.shown.push('cleared');
      this.at = 0;
      this.log = undefined;
    }
  }

  test.each([
    ['at the master', M, M],
    ['at a secondary of it', M, S1],
    ['at a secondary that forgets its own copy', S1, S1],
  ])('%s', (_, cleared, read) => {
    const group = filled(new Group({ common, secondaries: [S1] }).start(M, S1).settle(), 2);
    const stream = new Stream(group, read);
    stream.look();
    expect(stream.shown).toEqual(['m0', 'm1']);
    group.slow.add(M).add(S1);
    group.ask(cleared, clear);
    stream.look();
    expect(stream.shown).toEqual(['m0', 'm1']);
    for (let turn = 0; turn < 20; turn++) {
      stream.look();
      group.flush(M);
      stream.look();
      group.flush(S1);
      stream.look();
      group.deliverNext();
      stream.look();
    }
    group.slow.clear();
    group.append('new');
    group.pass(1000);
    stream.look();
    const after = cleared === M ? ['new'] : ['m0', 'm1', 'new'];
    expect(stream.shown).toEqual(['m0', 'm1', 'cleared', ...after]);
  });
});

test('who has read all of a copy that begins anew behind it has missed no clear', () => {
  const master = { retainMessages: 1 };
  const group = filled(new Group({ secondaries: [S1], master }).start(M, S1).settle(), 2);
  const { log } = group.core(S1).status();
  const wish = { kind: 'follow', from: 6, limit: 1, log, deadline: NEVER } as const;
  const copy = Object.assign(new TestDisk(0), group.disks.get(S1));
  copy.records = [...copy.records];
  filled(group, 6).pass(1000);
  expect(group.core(M).status()).toMatchObject({ first: 5, end: 6 });
  // Its disk is an older copy of itself: what it lacks is not there any more.
  group.kill(S1);
  group.disks.set(S1, copy);
  group.start(S1);
  const reader = group.ask(S1, wish);
  group.pass(1000);
  expect(group.core(S1).status()).toMatchObject({ first: 5, end: 6 });
  group.append('m6', { w: 2 });
  group.settle();
  expect(group.replies.get(reader)).toMatchObject({ kind: 'messages', next: 7 });
});

test('a message that a crash can take makes no other too old', () => {
  const master = { retainMessages: 2 };
  const group = filled(new Group({ secondaries: [], master }).start(M).settle(), 2);
  group.slow.add(M);
  group.append('late', { w: 1 });
  expect(group.core(M).status()).toMatchObject({ first: 0 });
  group.kill(M);
  group.slow.clear();
  expect(group.start(M).settle().shown(M)).toEqual(['m0', 'm1']);
});
