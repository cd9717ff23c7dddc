/** A folder gives back what the journal says, with and without a snapshot that was walked meanwhile. */

import { decodeRecord } from '../../../kv/core/dynamo/journal';
import {
  DEFAULT_DYNAMO_OPTIONS,
  Dynamo,
  type DynamoMessage,
  type DynamoReply,
  type Effect,
  type JournalRecord,
  journalSequence,
  millis,
  type NodeId,
  nodeId,
  RecoveryError,
  recover,
  requestId,
  snapshotName,
  storageId,
} from '../../../kv/core/dynamo/library';
import { recordsIn } from '../../../kv/core/record_slices';
import { decodeMeta } from '../../../kv/core/record_snapshots';
import { DynamoGroup } from '../../support/dynamo_group';

const SELF = nodeId('n1');
const EMPTY = { snapshot: undefined, records: [], firstSequence: journalSequence(1) };

function nodeOf(recovered: Parameters<typeof recover>[0] = EMPTY): Dynamo {
  const options = {
    ...{ ...DEFAULT_DYNAMO_OPTIONS, self: SELF, name: 'node01', storage: storageId(1), seed: 1 },
    ...{ founders: [{ id: SELF, name: 'node01' }], group: 1, metadataSecret: new Uint8Array(16) },
    ...{ snapshotJournalBytes: 2000, snapshotSliceBytes: 100 },
  };
  return new Dynamo(options, recover(recovered), millis(0));
}

/** Writes keys one after the other, while slices of snapshots are taken one by one in between. */
function filled(): {
  records: JournalRecord[];
  meta: Uint8Array;
  content: Uint8Array[];
  node: Dynamo;
} {
  const node = nodeOf();
  const records: JournalRecord[] = [];
  const taken: { meta: Uint8Array; content: Uint8Array[] } = {
    meta: new Uint8Array(0),
    content: [],
  };
  let last = { ...taken };
  let at = 0;
  const carryOut = (effects: readonly Effect<DynamoMessage, DynamoReply>[]): void => {
    for (const effect of effects) {
      if (effect.kind === 'persist') {
        records.push(...effect.records);
        carryOut(node.step(millis(++at), [{ kind: 'persisted', through: effect.through }]));
      } else if (effect.kind === 'snapshot_open') last = { meta: effect.meta, content: [] };
      else if (effect.kind === 'snapshot_append') {
        last.content.push(effect.bytes);
        pending.push({ snapshot: effect.snapshot, through: effect.offset + effect.bytes.length });
      } else if (effect.kind === 'snapshot_commit') {
        Object.assign(taken, last);
        const { snapshot } = effect;
        carryOut(node.step(millis(++at), [{ kind: 'snapshot_saved', snapshot, size: 1 }]));
      }
    }
  };
  const pending: { snapshot: ReturnType<typeof snapshotName>; through: number }[] = [];
  carryOut(node.step(millis(++at), [{ kind: 'wake' }]));
  for (let i = 0; i < 200; i++) {
    const value = Uint8Array.of(34, 48 + (i % 10), 34);
    const request = { kind: 'put', quorum: 1, metadata: '', deadline: millis(1e6), value } as const;
    const event = { kind: 'request', id: requestId(i + 1) } as const;
    carryOut(
      node.step(millis(++at), [{ ...event, request: { ...request, key: `key ${i % 37}` } }]),
    );
    const slice = pending.shift();
    if (slice) carryOut(node.step(millis(++at), [{ kind: 'snapshot_written', ...slice }]));
  }
  return { records, ...taken, node };
}

const stateOf = (node: Dynamo): unknown =>
  [...node.inspect.store.keys()].sort().map((key) => [key, node.inspect.store.versionsOf(key)]);

test('the journal alone gives the state back', () => {
  const { records, node } = filled();
  const again = nodeOf({ ...EMPTY, records });
  expect(stateOf(again)).toEqual(stateOf(node));
  expect(again.status()).toMatchObject({ standing: 'member', keys: 37 });
});

test('a snapshot that was walked while keys changed, and the records behind it, give the same', () => {
  const { records, meta, content, node } = filled();
  const from = decodeMeta(meta);
  expect(from).toBeGreaterThan(0);
  const snapshot = { name: snapshotName('s'), meta, size: 1, chunks: content };
  const rest = records.slice(from);
  const firstSequence = journalSequence(from + 1);
  expect(stateOf(nodeOf({ snapshot, records: rest, firstSequence }))).toEqual(stateOf(node));
  // Older records that are still there must not bring back what they said.
  expect(stateOf(nodeOf({ ...EMPTY, snapshot, records }))).toEqual(stateOf(node));
});

test('what the journal holds behind the snapshot counts towards the next one, whoever wrote it', () => {
  const { records, meta, content } = filled();
  const from = decodeMeta(meta);
  const snapshot = { name: snapshotName('s'), meta, size: 1, chunks: content };
  const begins = (recovered: Parameters<typeof recover>[0]): boolean =>
    nodeOf(recovered)
      .step(millis(0), [{ kind: 'wake' }])
      .some(({ kind }) => kind === 'snapshot_open');
  expect(begins({ ...EMPTY, records })).toBe(true);
  expect(begins({ ...EMPTY, records: records.slice(0, 5) })).toBe(false);
  // Records that the snapshot includes are about to be released.
  expect(begins({ ...EMPTY, snapshot, records: records.slice(0, from + 1) })).toBe(false);
});

test('slices may be cut anywhere', () => {
  const { content } = filled();
  const whole = Buffer.concat(content);
  for (const size of [1, 7, 64, whole.length]) {
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < whole.length; at += size) chunks.push(whole.subarray(at, at + size));
    expect([...recordsIn(chunks)]).toEqual([...recordsIn(content)]);
  }
  expect(() => [...recordsIn([whole.subarray(0, whole.length - 1)])]).toThrow('expected');
});

test('records that are missing or cannot be read are told, with what to do', () => {
  const { records, meta, content } = filled();
  const snapshot = { name: snapshotName('s'), meta, size: 1, chunks: content };
  const late = journalSequence(decodeMeta(meta) + 5);
  expect(() => recover({ snapshot, records, firstSequence: late })).toThrow(RecoveryError);
  expect(() => recover({ ...EMPTY, snapshot, records: [] })).toThrow('are missing');
  const broken = [...records, { type: 1, payload: Uint8Array.of(1) }];
  expect(() => recover({ ...EMPTY, records: broken })).toThrow('move the data folder away');
});

test('a journal may end behind any record: a node starts from it, and a hint is for a key that is held', () => {
  const group = new DynamoGroup(4, { antiEntropyMs: millis(1e9) });
  const key = 'some key';
  const [one, , down] = group.homes(key) as [NodeId, NodeId, NodeId];
  const [standIn] = group.others(key) as [NodeId];
  group.crash(down);
  group.put(one, key, 'v', 3);
  group.run(2000);
  group.restart(down);
  group.run(20_000);
  const records = group.recordsOf(standIn);
  const kinds = records.map((record) => decodeRecord(record).kind);
  expect(kinds).toEqual(expect.arrayContaining(['versions', 'hint', 'hint_done']));
  for (let length = 1; length <= records.length; length++) {
    const recovered = { ...EMPTY, records: records.slice(0, length) };
    const node = nodeOf(recovered);
    // It asserts what must be true of it after each step.
    node.step(millis(1), [{ kind: 'wake' }]);
    const { hints, keys } = node.status();
    expect({ length, owes: hints > 0, holds: keys > 0 || hints === 0 }).toEqual({
      length,
      owes:
        kinds.slice(0, length).includes('hint') && !kinds.slice(0, length).includes('hint_done'),
      holds: true,
    });
  }
});
