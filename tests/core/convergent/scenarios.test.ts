/** The scenarios of the convergent system, driven message by message. */

import { millis, type NodeId } from '../../../kv/core/convergent/library';
import { ConvergentGroup, jsonOf } from '../../support/convergent_group';

const three = (): [ConvergentGroup, NodeId, NodeId, NodeId] => {
  const group = new ConvergentGroup(3).meet();
  const [a, b, c] = group.ids as [NodeId, NodeId, NodeId];
  return [group, a, b, c];
};

test('one replica alone: a missing key, a write, a read', () => {
  const group = new ConvergentGroup(1);
  const id = group.id(1);
  expect(group.get(id, 'k')).toBeUndefined();
  group.put(id, 'k', 'v');
  expect(group.get(id, 'k')).toBe('v');
  expect(group.sent).toEqual([]);
});

test('an update on either is read on both, also overwriting', () => {
  const group = new ConvergentGroup(2).meet();
  const [a, b] = group.ids as [NodeId, NodeId];
  group.put(a, 'k', 1);
  group.run(20);
  expect(group.get(b, 'k')).toBe(1);
  group.put(b, 'k', 2);
  group.run(20);
  expect(group.get(a, 'k')).toBe(2);
});

test('concurrent updates of one key end equal everywhere, with the later write', () => {
  const [group, a, b, c] = three();
  group.isolate(a);
  group.put(a, 'k', 'early');
  group.put(b, 'k', 'late');
  group.heal();
  group.run(10_000);
  expect([a, b, c].map((id) => group.get(id, 'k'))).toEqual(['late', 'late', 'late']);
  expect(group.digests()).toHaveLength(1);
});

test('a delete is seen everywhere, and its tombstone is collected', () => {
  const [group, a, b, c] = three();
  group.put(a, 'k', 1);
  group.run(20);
  group.delete(b, 'k');
  group.run(20);
  expect([a, b, c].map((id) => group.get(id, 'k'))).toEqual([undefined, undefined, undefined]);
  group.run(3000);
  expect([a, b, c].map((id) => group.core(id).status().tombstones)).toEqual([0, 0, 0]);
});

test('a replica that was down has everything after it was restarted', () => {
  const [group, a, b, c] = three();
  group.crash(c);
  group.put(a, 'x', 1);
  group.put(b, 'y', 2);
  group.delete(a, 'x');
  group.run(20_000);
  group.restart(c);
  group.run(8000);
  expect(group.state(c)).toEqual({ y: 2 });
  expect(group.digests()).toHaveLength(1);
});

test('sets, counters and registers of two sides of a partition', () => {
  const [group, a, b, c] = three();
  group.change(a, {
    n: { kind: 'increment', by: 5 },
    s: { kind: 'add', elements: [jsonOf('x')] },
    r: { kind: 'assign', value: jsonOf(0) },
  });
  group.run(50);
  group.isolate(a);
  group.change(a, {
    n: { kind: 'increment', by: 1 },
    s: { kind: 'remove', elements: [jsonOf('x')] },
    r: { kind: 'assign', value: jsonOf(1) },
  });
  group.change(b, {
    n: { kind: 'increment', by: -2 },
    s: { kind: 'add', elements: [jsonOf('x'), jsonOf('y')] },
    r: { kind: 'assign', value: jsonOf(2) },
  });
  group.heal();
  group.run(10_000);
  for (const id of [a, b, c]) {
    expect(group.state(id)).toEqual({ n: 4, s: ['x', 'y'], r: [1, 2] });
  }
});

test('pushes that wait take no more room than they may, however few they are', () => {
  const group = new ConvergentGroup(2, { gapMs: millis(500), maxHeldBytes: 1000 });
  const [a, b] = group.ids as [NodeId, NodeId];
  group.meet();
  group.lostKinds.add('push');
  group.put(b, 'first', 1);
  group.lostKinds.delete('push');
  for (let i = 0; i < 10; i++) group.put(b, `key ${i}`, 'x'.repeat(300));
  group.run(2);
  const held = (): readonly { readonly bytes: number }[] =>
    group.core(a).inspect.peers.of(b)?.held ?? [];
  expect(held().length).toBe(2);
  expect(held().reduce((sum, { bytes }) => sum + bytes, 0)).toBeGreaterThan(600);
  // One alone is kept, so that it is known that something is missing.
  group.put(b, 'large', 'x'.repeat(2000));
  group.run(2);
  expect(held().map(({ bytes }) => bytes > 2000)).toEqual([true]);
  group.run(5000);
  expect(group.state(a)).toEqual(group.state(b));
});
