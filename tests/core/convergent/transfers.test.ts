/** Transfers in many parts: what a giver holds changes meanwhile, and it may forget that it has begun. */

import {
  type ConvergentMessage,
  millis,
  type NodeId,
  nodeId,
} from '../../../kv/core/convergent/library';
import { ConvergentGroup, putOf } from '../../support/convergent_group';

const KEYS = Array.from({ length: 20 }, (_, i) => `key ${i}`);

type Pull = Extract<ConvergentMessage, { kind: 'pull' }>;

/** The second lacks much, and has just asked for the second part of it. */
function inTheMiddle(): { group: ConvergentGroup; a: NodeId; b: NodeId; first: Pull } {
  const group = new ConvergentGroup(2, { maxBytesPerMessage: 300 }).meet();
  const [a, b] = group.ids as [NodeId, NodeId];
  for (const id of [a, b]) group.put(id, `of ${id}`, 1);
  group.run(5000);
  group.isolate(a);
  for (const key of KEYS) group.put(a, key, 'old');
  group.run(30_000);
  const before = group.sent.length;
  const pulls = (): Pull[] =>
    group.sent.slice(before).flatMap(({ from, message }) => {
      return from === b && message.kind === 'pull' ? [message] : [];
    });
  group.heal();
  while (!pulls().some(({ part }) => part === 1)) group.run(0.5);
  return { group, a, b, first: pulls()[0] as Pull };
}

function expectAll(group: ConvergentGroup, ids: readonly NodeId[]): void {
  for (const id of ids) {
    expect(KEYS.map((key) => group.get(id, key))).toEqual(KEYS.map(() => 'new'));
    // Nothing was ever taken for seen that had not come.
    expect(group.core(id).status().counts.comparisons).toBe(0);
  }
}

test('what changes meanwhile is not part of the transfer, and comes after it', () => {
  const { group, a, b } = inTheMiddle();
  for (const key of KEYS) group.put(a, key, 'new');
  group.run(20_000);
  expectAll(group, [a, b]);
});

test('parts of a transfer that was begun twice, because the first question came twice, are not mixed', () => {
  const { group, a, b, first } = inTheMiddle();
  group.crash(a);
  group.restart(a);
  for (const key of KEYS) group.put(a, key, 'new');
  expect(first.part).toBe(0);
  // A copy of the question was under way all the time. It makes the first part anew, which nobody waits for.
  const effects = group
    .core(a)
    .step(millis(group.now), [{ kind: 'message', from: b, message: first }]);
  const parts = effects.filter((one) => one.kind === 'send' && one.message.kind === 'part');
  expect(parts).toHaveLength(1);
  group.run(20_000);
  expectAll(group, [a, b]);
});

test('what was lost with a disk is not asked for again and again, though a late report speaks of it', () => {
  const group = new ConvergentGroup(3).meet();
  const [a, b, c] = group.ids as [NodeId, NodeId, NodeId];
  group.run(3000);
  // It reports an update that nobody else ever gets, and the report is under way for long.
  group.isolate(c);
  group.put(c, 'k', 1);
  group.run(1000);
  const report = group.sent.findLast(
    ({ from, to, message }) => from === c && to === a && message.kind === 'report',
  );
  group.wipe(c);
  group.heal();
  group.register(b, c);
  group.run(5000);
  expect(
    group
      .core(a)
      .status()
      .peers.map(({ isAhead }) => isAhead),
  ).toEqual([false, false]);
  group.repeat(report as NonNullable<typeof report>);
  const before = group.sent.length;
  group.run(10_000);
  const pulls = group.sent.slice(before).filter(({ message }) => message.kind === 'pull');
  expect(pulls).toHaveLength(1);
  expect(
    group
      .core(a)
      .status()
      .peers.map(({ isAhead }) => isAhead),
  ).toEqual([false, false]);
  // What the new disk gets is asked for as ever.
  group.put(c, 'k', 2);
  group.run(1000);
  expect(group.get(a, 'k')).toBe(2);
});

const MANY = Array.from({ length: 600 }, (_, i) => `key ${i}`);

/** What a third replica wrote last is with its peer alone; that replica's disk is lost for good. */
function lastWordsWithOne(): { group: ConvergentGroup; ids: [NodeId, NodeId, NodeId] } {
  const group = new ConvergentGroup(3, { maxBytesPerMessage: 100 }).meet();
  const [a, b, c] = group.ids as [NodeId, NodeId, NodeId];
  for (const id of group.ids) group.put(id, `of ${id}`, 1);
  group.run(5000);
  group.isolate(a);
  group.change(c, Object.fromEntries(MANY.map((key) => [key, putOf('old')])));
  group.run(20_000);
  group.crash(c);
  return { group, ids: [a, b, c] };
}

/** The first deletes a key that it is just being told of, and must never show it. */
function expectDeletedForGood(group: ConvergentGroup, a: NodeId, b: NodeId): void {
  const before = group.sent.length;
  const isUnderWay = (): boolean =>
    group.sent.slice(before).some(({ from, to, message }) => {
      return from === a && to === b && message.kind === 'pull' && message.part === 1;
    });
  while (!isUnderWay()) group.run(0.5);
  const [key] = MANY.slice(-1) as [string];
  expect([group.get(a, key), group.get(b, key)]).toEqual([undefined, 'old']);
  group.delete(a, key);
  const shown = new Set<unknown>();
  for (let i = 0; i < 4000; i++) {
    group.run(1);
    shown.add(group.get(a, key));
  }
  expect([...shown]).toEqual([undefined]);
  group.run(30_000);
  expect([group.get(a, key), group.get(b, key)]).toEqual([undefined, undefined]);
  expect([a, b].map((id) => group.core(id).status().keys)).toEqual([602, 602]);
  for (const id of [a, b]) {
    const { counts, tombstones } = group.core(id).status();
    expect([counts.comparisons, tombstones]).toEqual([0, 0]);
  }
}

test('a delete made meanwhile is remembered until the transfer is over, which may bring an earlier write', () => {
  const { group, ids } = lastWordsWithOne();
  const [a, b, c] = ids;
  group.unregister(a, c);
  group.run(5000);
  group.heal();
  expectDeletedForGood(group, a, b);
});

test('so it is where the earlier write is of a disk that its node has lost', () => {
  const { group, ids } = lastWordsWithOne();
  const [a, b, c] = ids;
  group.heal();
  group.partition([a, c], [b]);
  group.wipe(c);
  group.register(a, c);
  group.run(10_000);
  group.heal();
  expectDeletedForGood(group, a, b);
});

test('where no transfer ever ends, tombstones are collected all the same', () => {
  const group = new ConvergentGroup(4).meet();
  const [a, b, c, d] = group.ids as [NodeId, NodeId, NodeId, NodeId];
  group.put(a, 'k', 1);
  group.run(5000);
  group.isolate(a);
  group.put(d, 'last word', 1);
  group.run(20_000);
  group.crash(d);
  group.lostKinds.add('part');
  group.heal();
  group.unregister(a, d);
  while (group.core(a).inspect.pulling === undefined) group.run(1);
  group.delete(a, 'k');
  let idleMs = 0;
  for (let i = 0; i < 10_000; i++) {
    group.run(1);
    if (group.core(a).inspect.pulling === undefined) idleMs++;
  }
  // One of the two is asked as soon as the other is given up.
  expect(idleMs).toBe(0);
  expect(group.core(a).status().counts.pulls).toBeGreaterThan(3);
  expect(group.core(a).status().tombstones).toBe(0);
  group.lostKinds.clear();
  group.run(10_000);
  for (const id of [a, b, c]) expect(group.get(id, 'last word')).toBe(1);
});

test('of more strangers who ask than are remembered, those who are forgotten are given nothing more', () => {
  const group = new ConvergentGroup(1, { maxPeers: 3 });
  const [a] = group.ids as [NodeId];
  group.put(a, 'k', 1);
  const stranger = (i: number): NodeId => nodeId(`stranger ${i}`);
  for (let i = 1; i <= 10; i++) {
    const what = { transfer: 1, part: 0, seen: new Map(), holding: { kind: 'empty' } } as const;
    const message = { kind: 'pull', replica: 1000 + i, ...what } as const;
    group.repeat({ from: stranger(i), to: a, message, bytes: 0 });
  }
  expect([...group.core(a).inspect.giving.keys()]).toEqual([8, 9, 10].map(stranger));
});
