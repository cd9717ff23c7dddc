/** How what is missing is found: by a few numbers, or, where tombstones are gone, by hashes. */

import type { NodeId } from '../../../kv/core/convergent/library';
import { ConvergentGroup, putOf } from '../../support/convergent_group';

const two = (): [ConvergentGroup, NodeId, NodeId] => {
  const group = new ConvergentGroup(2).meet();
  const [a, b] = group.ids as [NodeId, NodeId];
  return [group, a, b];
};
const comparisons = (group: ConvergentGroup, id: NodeId): number =>
  group.core(id).status().counts.comparisons;

test('after a partition nothing is compared, deletes included: the peer was waited for', () => {
  const [group, a, b] = two();
  group.put(a, 'x', 1);
  group.put(a, 'y', 1);
  group.run(5000);
  group.isolate(a);
  group.delete(a, 'x');
  group.put(b, 'z', 2);
  group.run(30_000);
  group.heal();
  group.run(20_000);
  expect(group.state(a)).toEqual({ y: 1, z: 2 });
  expect(group.state(b)).toEqual({ y: 1, z: 2 });
  expect([a, b].map((id) => comparisons(group, id))).toEqual([0, 0]);
});

test('a counter that began with minus zero is nothing that replicas could differ in', () => {
  const [group, a, b] = two();
  group.change(a, { n: { kind: 'increment', by: -0 } });
  group.run(60_000);
  expect([a, b].map((id) => group.get(id, 'n'))).toEqual([0, 0]);
  expect(group.digests()).toHaveLength(1);
  expect([a, b].map((id) => comparisons(group, id))).toEqual([0, 0]);
});

test('who was away while only the other wrote has not seen the same: a few numbers will do', () => {
  const [group, a, b] = two();
  for (const id of [a, b]) group.put(id, `of ${id}`, 1);
  group.run(5000);
  group.isolate(a);
  group.put(b, 'x', 2);
  group.run(30_000);
  const before = group.sent.length;
  group.heal();
  group.run(20_000);
  expect(group.get(a, 'x')).toBe(2);
  expect([a, b].map((id) => comparisons(group, id))).toEqual([0, 0]);
  const bytes = group.sent.slice(before).reduce((sum, one) => sum + one.bytes, 0);
  expect(bytes).toBeLessThan(2000);
});

test('who missed tombstones that were collected compares, and only groups that differ travel', () => {
  const [group, a, b] = two();
  const keys = Array.from({ length: 2000 }, (_, i) => `key ${i}`);
  group.change(a, Object.fromEntries(keys.map((key) => [key, putOf(key)])));
  group.run(5000);
  group.unregister(a, b);
  group.delete(a, 'key 7');
  group.delete(a, 'key 8');
  group.run(5000);
  expect(group.core(a).status().tombstones).toBe(0);
  const before = group.sent.length;
  group.register(a, b);
  group.run(10_000);
  expect([a, b].map((id) => group.get(id, 'key 7'))).toEqual([undefined, undefined]);
  expect([a, b].map((id) => group.core(id).status().keys)).toEqual([1998, 1998]);
  expect(group.digests()).toHaveLength(1);
  expect(comparisons(group, b)).toBeGreaterThan(0);
  const parts = group.sent.slice(before).flatMap(({ message }) => {
    return message.kind === 'part' ? message.cells : [];
  });
  expect(parts.length).toBeLessThan(50);
});

test('a replica that lost its disk takes everything, and a delete that all have forgotten stays', () => {
  const [group, a, b] = two();
  group.put(a, 'kept', 1);
  group.put(b, 'gone', 1);
  group.run(50);
  group.delete(a, 'gone');
  group.run(5000);
  expect(group.core(a).status().tombstones).toBe(0);
  group.wipe(b);
  group.register(b, a);
  group.run(10_000);
  for (const id of [a, b]) expect(group.state(id)).toEqual({ kept: 1 });
  expect(group.digests()).toHaveLength(1);
});

test('a client sees none of a transfer in parts before all of it', () => {
  const group = new ConvergentGroup(2, { maxBytesPerMessage: 200 }).meet();
  const [a, b] = group.ids as [NodeId, NodeId];
  group.isolate(b);
  const keys = Array.from({ length: 50 }, (_, i) => `key ${i}`);
  group.change(a, Object.fromEntries(keys.map((key) => [key, putOf(1)])));
  group.run(10_000);
  group.heal();
  const seen = new Set<number>();
  for (let i = 0; i < 10_000; i++) {
    group.run(1);
    seen.add(Object.keys(group.state(b)).length);
  }
  expect([...seen]).toEqual([0, 50]);
  expect(group.sent.filter(({ message }) => message.kind === 'part').length).toBeGreaterThan(5);
});
