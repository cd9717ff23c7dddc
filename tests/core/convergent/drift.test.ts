/** A peer with a wild clock: what it says is refused, nothing is lost, and no other clock follows it. */

import { type Change, millis, type NodeId } from '../../../kv/core/convergent/library';
import { ConvergentGroup, jsonOf, putOf } from '../../support/convergent_group';

const HOUR = 3_600_000;
const three = (): [ConvergentGroup, NodeId, NodeId, NodeId] => {
  const group = new ConvergentGroup(3, { trace: true }).meet();
  const [a, b, c] = group.ids as [NodeId, NodeId, NodeId];
  return [group, a, b, c];
};

test('updates from too far in the future are not taken over, which is said and counted', () => {
  const [group, a, b, c] = three();
  group.skew(c, HOUR);
  group.put(c, 'k', 'wild');
  group.put(a, 'other', 1);
  group.run(10_000);
  expect([a, b, c].map((id) => group.get(id, 'k'))).toEqual([undefined, undefined, 'wild']);
  expect([a, b, c].map((id) => group.get(id, 'other'))).toEqual([1, 1, 1]);
  const { counts, peers, clockAheadMs } = group.core(a).status();
  expect(counts.refused).toBeGreaterThan(0);
  const { refusedAheadMs = 0 } = peers.find(({ node }) => node === c) ?? {};
  expect(Math.abs(refusedAheadMs - HOUR)).toBeLessThan(11_000);
  expect(clockAheadMs).toBeLessThan(1000);
  expect(group.lines.filter((line) => line.includes(`${a} refuses what ${c} says`))).not.toEqual(
    [],
  );
});

test('a clock within the limit is put up with, and later writes of others win over its own', () => {
  const [group, a, b, c] = three();
  group.skew(c, 50_000);
  group.put(c, 'k', 'ahead');
  group.run(50);
  expect(group.get(a, 'k')).toBe('ahead');
  group.put(a, 'k', 'later');
  group.run(50);
  expect([a, b, c].map((id) => group.get(id, 'k'))).toEqual(['later', 'later', 'later']);
  expect(group.core(a).status().counts.refused).toBe(0);
});

test('what was refused comes once the time has caught up with it', () => {
  const [group, a, b, c] = three();
  group.skew(c, 90_000);
  group.put(c, 'k', 'early');
  group.skew(c, 0);
  group.run(10_000);
  expect(group.get(a, 'k')).toBeUndefined();
  group.run(60_000);
  expect([a, b, c].map((id) => group.get(id, 'k'))).toEqual(['early', 'early', 'early']);
  expect(group.digests()).toHaveLength(1);
});

const writeOf = (group: ConvergentGroup, id: NodeId, change: Change) => {
  const changes = [{ key: 'k', change }];
  return group.ask(id, { kind: 'update', changes, returnsState: false }).reply;
};

test('writes that no peer would take are refused, until the time has caught up with the clock', () => {
  const [group, a, b, c] = three();
  group.skew(c, HOUR);
  group.put(c, 'early', 1);
  group.skew(c, 0);
  group.run(10_000);
  const refused = {
    kind: 'failed',
    error: {
      ...{ code: 'clock_ahead', outcome: 'not_applied', retry: 'safe' },
      details: { ahead_ms: HOUR - 10_000, max_drift_ms: 60_000 },
    },
  };
  expect(writeOf(group, c, putOf(2))).toMatchObject(refused);
  group.crash(c);
  group.restart(c);
  expect(writeOf(group, c, putOf(2))).toMatchObject({ error: { code: 'clock_ahead' } });
  // It serves reads, and takes over what others write.
  group.put(a, 'other', 3);
  group.run(10_000);
  expect(group.state(c)).toEqual({ early: 1, other: 3 });
  expect(group.state(b)).toEqual({ other: 3 });
  group.run(HOUR - 60_000);
  group.put(c, 'k', 4);
  group.run(10_000);
  for (const id of [a, b, c]) expect(group.state(id)).toEqual({ early: 1, other: 3, k: 4 });
});

test('so they are while the wall clock is behind: it is told from the updates of others', () => {
  const [group, a, b] = three();
  group.put(a, 'k', 1);
  group.run(50);
  group.skew(b, -HOUR);
  expect(writeOf(group, b, putOf(2))).toMatchObject({ error: { code: 'clock_ahead' } });
  group.skew(b, 0);
  group.put(b, 'k', 2);
  group.run(50);
  expect(group.get(a, 'k')).toBe(2);
});

test('an update that writes nothing sets no clock, however wrong the wall clock is then', () => {
  const [group, a, b] = three();
  group.put(a, 'k', 'a word');
  group.skew(a, HOUR);
  const wrong = writeOf(group, a, { kind: 'increment', by: 1 });
  expect(wrong).toMatchObject({ error: { code: 'wrong_type' } });
  group.skew(a, 0);
  group.put(a, 'k', 'another');
  group.skew(a, HOUR);
  group.change(a, { none: { kind: 'remove', elements: [jsonOf(1)] } });
  group.skew(a, 0);
  group.put(a, 'k', 'the last');
  group.run(50);
  expect(group.get(b, 'k')).toBe('the last');
  expect(group.core(a).status().clockAheadMs).toBe(0);
});

test('a push that waited is judged by the clock when it is taken over', () => {
  const group = new ConvergentGroup(3, { gapMs: millis(500) }).meet();
  const [a, b, c] = group.ids as [NodeId, NodeId, NodeId];
  group.partition([c], [a], false);
  group.put(c, 'one', 1);
  group.run(50);
  group.heal();
  // It knows no more of the first than that it is missing, until the other peer has told it.
  group.partition([c], [b]);
  group.partition([a], [c], false);
  group.skew(c, 50_000);
  group.put(c, 'two', 2);
  group.run(20);
  group.skew(a, -20_000);
  expect(group.get(a, 'one')).toBeUndefined();
  group.run(10_000);
  expect([group.get(a, 'one'), group.get(a, 'two')]).toEqual([1, undefined]);
  group.heal();
  group.skew(c, 0);
  group.run(60_000);
  expect([a, b, c].map((id) => group.get(id, 'two'))).toEqual([2, 2, 2]);
  expect(group.digests()).toHaveLength(1);
});
