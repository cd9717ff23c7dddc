/** Transfers in many parts: what a giver holds changes meanwhile, and it may forget that it has begun. */

import { type ConvergentMessage, millis, type NodeId } from '../../../kv/core/convergent/library';
import { ConvergentGroup } from '../../support/convergent_group';

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
