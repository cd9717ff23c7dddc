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
