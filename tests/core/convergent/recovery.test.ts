/** What a crash leaves: everything acknowledged, nothing in part, and no stamp that comes twice. */

import { encodeRecord } from '../../../kv/core/convergent/journal';
import type { NodeId } from '../../../kv/core/convergent/library';
import { RecoveryError, recover } from '../../../kv/core/convergent/recovery';
import { NOTHING_SEEN } from '../../../kv/core/convergent/vectors';
import { journalSequence } from '../../../kv/core/ids';
import { ConvergentGroup, jsonOf } from '../../support/convergent_group';

const stamp = (time: number) => ({ time, replica: 1 });
const cell = (key: string, time: number) => ({
  key,
  parts: [{ kind: 'value', stamp: stamp(time), text: '1' } as const],
});
const piece = (key: string, time: number) =>
  encodeRecord({ kind: 'piece', cells: [cell(key, time)] });
const update = (key: string, time: number, pieces: number) =>
  encodeRecord({
    ...{ kind: 'update', seen: new Map([[1, time]]), collected: NOTHING_SEEN, pieces },
    cells: [cell(key, time)],
  });
const recovered = (...records: ReturnType<typeof piece>[]) =>
  recover({ snapshot: undefined, records, firstSequence: journalSequence(1) });

test('pieces belong to the record behind them', () => {
  const { store } = recovered(piece('a', 1), piece('b', 1), update('c', 1, 2));
  expect([...store.keys()]).toEqual(['a', 'b', 'c']);
});

test('pieces whose record a crash has taken are nobody else’s', () => {
  // Found by the simulator, seed 36: the next update made them visible.
  const { store } = recovered(piece('a', 1), update('b', 2, 0));
  expect([...store.keys()]).toEqual(['b']);
  const more = recovered(piece('a', 1), piece('c', 3), update('d', 3, 1));
  expect([...more.store.keys()]).toEqual(['c', 'd']);
  expect(() => recovered(update('b', 2, 1))).toThrow(RecoveryError);
});

test('records that are missing are noticed', () => {
  const records = [update('b', 2, 0)];
  expect(() =>
    recover({ snapshot: undefined, records, firstSequence: journalSequence(5) }),
  ).toThrow(/records 1 to 4 are missing/);
});

test('a restart keeps all types, peers, tombstones and what was seen; also from a snapshot', () => {
  const group = new ConvergentGroup(2, {
    snapshotJournalBytes: 600,
    snapshotSliceBytes: 100,
  }).meet();
  const [a, b] = group.ids as [NodeId, NodeId];
  for (let i = 0; i < 30; i++) {
    group.put(a, `k${i % 7}`, i);
    group.change(a, {
      n: { kind: 'increment', by: i },
      s: { kind: 'add', elements: [jsonOf(i % 3)] },
    });
  }
  group.run(3000);
  group.isolate(a);
  group.delete(a, 'k1');
  const before = [group.state(a), group.core(a).status()] as const;
  group.crash(a);
  group.restart(a);
  const { digest, tombstones, seen, peers } = group.core(a).status();
  expect(group.state(a)).toEqual(before[0]);
  expect([digest, tombstones, seen]).toEqual([before[1].digest, 1, before[1].seen]);
  expect(peers.map(({ node, address }) => [node, address])).toEqual([[b, `http://${b}`]]);
  group.heal();
  group.run(20_000);
  expect(group.digests()).toHaveLength(1);
  expect(group.core(a).status().tombstones).toBe(0);
});

test('lives that are each too short for a snapshot take one together, and then begin anew', () => {
  const group = new ConvergentGroup(1, { snapshotJournalBytes: 2000, trace: true });
  const [only] = group.ids as [NodeId];
  const begun = (): number => group.lines.filter((line) => /takes a snapshot/.test(line)).length;
  const live = (): void => {
    group.put(only, 'k', 'x'.repeat(300));
    group.run(100);
    group.crash(only);
    group.restart(only);
    group.run(100);
  };
  for (let life = 0; life < 4; life++) live();
  expect(begun()).toBe(0);
  for (let life = 0; life < 4; life++) live();
  expect(begun()).toBe(1);
});

test('a clock that was set back does not give out a stamp twice', () => {
  const group = new ConvergentGroup(2).meet();
  const [a, b] = group.ids as [NodeId, NodeId];
  group.put(a, 'k', 'before');
  group.run(50);
  group.crash(a);
  group.skew(a, -10_000);
  group.restart(a);
  group.put(a, 'k', 'after');
  group.run(3000);
  expect([group.get(a, 'k'), group.get(b, 'k')]).toEqual(['after', 'after']);
});

test('a node that lost its disk is another replica, and is filled again', () => {
  const group = new ConvergentGroup(3).meet();
  const [a, b] = group.ids as [NodeId, NodeId];
  group.put(a, 'k', 1);
  group.run(3000);
  const former = group.core(a).status().replicaId;
  group.wipe(a);
  // Here no connection tells anybody: it is found by the reports that are sent now and then.
  group.run(90_000);
  expect(group.get(a, 'k')).toBe(1);
  const status = group.core(a).status();
  expect(status.replicaId).not.toBe(former);
  expect(
    group
      .core(b)
      .status()
      .peers.find(({ node }) => node === a)?.replicaId,
  ).toBe(status.replicaId);
  expect(group.digests()).toHaveLength(1);
});
