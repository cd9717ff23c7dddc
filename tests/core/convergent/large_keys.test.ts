/** Keys that hold more than one record or message may: what several replicas wrote apart. */

import type { NodeId } from '../../../kv/core/convergent/library';
import { ConvergentGroup, jsonOf } from '../../support/convergent_group';

const MOST = 1000;
/** A message or a record has some bytes beside the keys: its kind, and a vector of three replicas. */
const OTHER_BYTES = 150;

/** What three replicas wrote to two keys while none heard of another; each fits, all do not. */
function writtenApart(): { group: ConvergentGroup; ids: [NodeId, NodeId, NodeId] } {
  const options = { maxBytesPerMessage: MOST, snapshotJournalBytes: 20_000 };
  const group = new ConvergentGroup(3, options).meet();
  const ids = group.ids as [NodeId, NodeId, NodeId];
  for (const id of ids) group.isolate(id);
  ids.forEach((id, i) => {
    const elements = Array.from({ length: 9 }, (_, j) => jsonOf(`${i} ${j} ${'x'.repeat(60)}`));
    group.change(id, {
      register: { kind: 'assign', value: jsonOf(`${i} ${'y'.repeat(800)}`) },
      set: { kind: 'add', elements },
    });
  });
  group.heal();
  group.run(60_000);
  return { group, ids };
}

const sizes = (group: ConvergentGroup, id: NodeId): number[] => {
  const state = group.state(id);
  return [state.register, state.set].map((one) => (one as unknown[]).length);
};

test('they travel in several messages, and are whole when they are shown', () => {
  const { group, ids } = writtenApart();
  for (const id of ids) expect(sizes(group, id)).toEqual([3, 27]);
  expect(group.digests()).toHaveLength(1);
  group.wipe(ids[0]);
  group.register(ids[1], ids[0]);
  group.run(10_000);
  expect(sizes(group, ids[0])).toEqual([3, 27]);
  expect(group.digests()).toHaveLength(1);
  const parts = group.sent.filter(({ message }) => message.kind === 'part');
  expect(Math.max(...parts.map(({ bytes }) => bytes))).toBeLessThan(MOST + OTHER_BYTES);
});

test('so they are kept, in several records, and a restart has all of them; also from a snapshot', () => {
  const { group, ids } = writtenApart();
  const [a] = ids;
  const state = group.state(a);
  const restarted = (): Record<string, unknown> => {
    group.crash(a);
    group.restart(a);
    return group.state(a);
  };
  const sizesOnDisk = group.recordsOf(a).map(({ payload }) => payload.length);
  expect(Math.max(...sizesOnDisk)).toBeLessThan(MOST + OTHER_BYTES);
  expect(restarted()).toEqual(state);
  let number = 0;
  while (group.recordsOf(a).length > 5) group.put(a, `key ${number++ % 5}`, 'z'.repeat(900));
  const { register, set } = restarted();
  expect({ register, set }).toEqual({ register: state.register, set: state.set });
});
