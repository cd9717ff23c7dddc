/**
 * Versions of one key that together are more than a record or a message can hold. A bound holds for
 * what clients write through one side of a partition; what the sides tell each other afterwards is
 * never refused, so it must fit in parts.
 */

import { decodeRecord } from '../../../kv/core/dynamo/journal';
import {
  DEFAULT_DYNAMO_OPTIONS,
  Dynamo,
  dynamoCodec,
  type JournalRecord,
  journalSequence,
  millis,
  type NodeId,
  recover,
  storageId,
} from '../../../kv/core/dynamo/library';
import { DynamoGroup } from '../../support/dynamo_group';

const KEY = 'some key';
const LARGE = 'x'.repeat(400);
/** Two large values fit into this, three do not. */
const MAX_BYTES = 1000;
const LIMITS = { maxSiblingBytes: MAX_BYTES, maxBytesPerMessage: MAX_BYTES };

/** Each node takes two large values by itself; returns all of them. */
function writtenApart(group: DynamoGroup): string[] {
  const values: string[] = [];
  for (const id of group.ids) group.isolate(id);
  for (const id of group.ids) {
    for (const name of ['first', 'second']) {
      values.push(`${name} of ${id} ${LARGE}`);
      group.put(id, KEY, values.at(-1) as string, 1);
    }
  }
  group.heal();
  return values.sort();
}

const WITH_VERSIONS: ReadonlySet<string> = new Set(['store', 'fetched', 'push']);
const codec = dynamoCodec();

function largest(group: DynamoGroup): { record: number; message: number } {
  const records = group.ids.flatMap((id) => group.recordsOf(id));
  return {
    record: Math.max(...records.map(({ payload }) => payload.length)),
    message: Math.max(
      ...group.sent
        .filter(({ message }) => WITH_VERSIONS.has(message.kind))
        .map(({ message }) => codec.encode(message).reduce((sum, { length }) => sum + length, 0)),
    ),
  };
}

const heldBy = (group: DynamoGroup, id: NodeId): number =>
  group.core(id).inspect.store.versionsOf(KEY).length;

test('sides of a partition fill a key: united, it is whole on all homes, in parts of bounded size', () => {
  const group = new DynamoGroup(6, LIMITS);
  const values = writtenApart(group);
  group.run(60_000);
  for (const id of group.homes(KEY))
    expect({ id, held: heldBy(group, id) }).toEqual({ id, held: 12 });
  for (const id of group.others(KEY))
    expect({ id, held: heldBy(group, id) }).toEqual({ id, held: 0 });
  const { record, message } = largest(group);
  expect(record).toBeLessThan(1.5 * MAX_BYTES);
  expect(message).toBeLessThan(1.5 * MAX_BYTES);
  // Read by who holds none of it, from all homes.
  const [reader] = group.others(KEY) as [NodeId];
  const read = group.get(reader, KEY, 3);
  expect(read.values.toSorted()).toEqual(values);
  // And it is made one again.
  group.put(reader, KEY, 'one', 3, read.metadata.join());
  for (const id of group.homes(KEY)) expect(group.get(id, KEY, 1).values).toEqual(['one']);
});

test('a read that takes several messages is begun anew where the versions change meanwhile', () => {
  const group = new DynamoGroup(4, { ...LIMITS, replicas: 1 });
  const [home] = group.homes(KEY) as [NodeId];
  const [reader] = group.others(KEY) as [NodeId];
  writtenApart(group);
  group.run(60_000);
  const before = group.get(home, KEY, 1);
  expect(before.values).toHaveLength(8);
  const number = group.submit(reader, { kind: 'get', key: KEY, quorum: 1 });
  const parts = (): number =>
    group.sent.filter(({ to, message }) => to === reader && message.kind === 'fetched').length;
  const asked = parts();
  for (let i = 0; parts() < asked + 2 && i < 100; i++) group.run(0.5);
  expect(parts()).toBe(asked + 2);
  // All that was there is replaced by one whose dot comes where the reader has been already.
  group.put(home, KEY, 'one', 1, before.metadata.join());
  const reply = group.answer(number);
  expect(reply).toMatchObject({ kind: 'values', values: [Buffer.from('"one"')] });
});

test('JOIN, LEAVE and a restart: a large key is handed over whole', () => {
  const group = new DynamoGroup(3, LIMITS);
  const [one, two, three] = group.ids as [NodeId, NodeId, NodeId];
  const values = writtenApart(group);
  group.run(60_000);
  const four = group.add(4, one);
  group.run(60_000);
  group.admin(two, { kind: 'leave' });
  group.run(60_000);
  group.crash(three);
  group.restart(three);
  group.run(60_000);
  expect(group.core(two).status()).toMatchObject({ standing: 'left', keys: 0 });
  for (const id of [one, three, four])
    expect(group.get(id, KEY, 1).values.toSorted()).toEqual(values);
  const { record, message } = largest(group);
  expect(record).toBeLessThan(1.5 * MAX_BYTES);
  expect(message).toBeLessThan(1.5 * MAX_BYTES);
});

test('a home that was away gets the large key from who stood in, part by part, before that drops it', () => {
  const group = new DynamoGroup(4, { ...LIMITS, maxSiblingBytes: 1e6, antiEntropyMs: millis(1e9) });
  const [home, , away] = group.homes(KEY) as [NodeId, NodeId, NodeId];
  const [standIn] = group.others(KEY) as [NodeId];
  group.crash(away);
  for (let i = 0; i < 8; i++) group.put(home, KEY, `${i} ${LARGE}`, 3);
  group.run(2000);
  expect(heldBy(group, standIn)).toBe(8);
  group.restart(away);
  group.run(20_000);
  expect(heldBy(group, away)).toBe(8);
  expect(heldBy(group, standIn)).toBe(0);
});

function started(records: readonly JournalRecord[], self: NodeId): Dynamo {
  const options = {
    ...{ ...DEFAULT_DYNAMO_OPTIONS, self, name: 'node01', storage: storageId(1), seed: 1 },
    ...{ founders: [{ id: self, name: 'node01' }], group: 1, metadataSecret: new Uint8Array(16) },
  };
  const firstSequence = journalSequence(1);
  return new Dynamo(options, recover({ snapshot: undefined, records, firstSequence }), millis(0));
}

test('a crash between the records of one key: what was there before is there', () => {
  const group = new DynamoGroup(4, LIMITS);
  writtenApart(group);
  group.run(60_000);
  const [home] = group.homes(KEY) as [NodeId];
  const records = group.recordsOf(home);
  let before = 0;
  records.forEach((record, i) => {
    const decoded = decodeRecord(record);
    if (decoded.kind !== 'versions') return;
    const held = started(records.slice(0, i + 1), home).inspect.store.versionsOf(KEY).length;
    expect(held).toBe(before + decoded.versions.length);
    before = held;
  });
  expect(before).toBe(8);
});
