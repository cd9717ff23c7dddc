import fc from 'fast-check';
import { DecodeError } from '../../../kv/core/bytes';
import { dynamoCodec } from '../../../kv/core/dynamo/codec';
import { type DynamoRecord, decodeRecord, encodeRecord } from '../../../kv/core/dynamo/journal';
import { STANDINGS } from '../../../kv/core/dynamo/members';
import type { DynamoMessage } from '../../../kv/core/dynamo/messages';
import { partitionOf } from '../../../kv/core/dynamo/ring';
import type { Versions } from '../../../kv/core/dynamo/versions';
import { nodeId } from '../../../kv/core/ids';
import { histories, setOf } from './support';

const codec = dynamoCodec();
const number = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const key = fc.string({ minLength: 1, maxLength: 8, unit: 'binary-ascii' });
const versions: fc.Arbitrary<Versions> = histories.map(setOf);
const id = fc.constantFrom('n1', '127.0.0.1:9701').map(nodeId);
const member = fc.record({
  id,
  name: fc.constantFrom('node01', 'näme'),
  standing: fc.constantFrom(...STANDINGS),
  version: fc.integer({ min: 1, max: 9 }),
});
const digests = fc.array(number, { minLength: 64, maxLength: 64 });
const places = fc.uniqueArray(fc.nat(50)).map((list) => list.sort((x, y) => x - y));
const partition = fc.nat(4095);
const entries = fc
  .uniqueArray(key)
  .map((keys) => keys.sort())
  .chain((keys) =>
    fc.tuple(...keys.map((one) => fc.record({ key: fc.constant(one), digest: number }))),
  );

const common = { group: number, table: number };
const MESSAGES: { readonly [Kind in DynamoMessage['kind']]: fc.Arbitrary<DynamoMessage> } = {
  store: fc.record({
    ...{ kind: fc.constant('store' as const), ...common, operation: number, key, versions },
    ...{ standsInFor: fc.option(id, { nil: undefined }), isNew: fc.boolean() },
  }),
  stored: fc.record({
    ...{ kind: fc.constant('stored' as const), ...common, operation: number },
    result: fc.constantFrom('stored', 'no_room', 'siblings', 'not_serving'),
  }),
  fetch: fc.record({
    kind: fc.constant('fetch' as const),
    ...common,
    operation: number,
    key,
    place: fc.nat(),
  }),
  fetched: fc.record({
    ...{ kind: fc.constant('fetched' as const), ...common, operation: number },
    ...{ isServing: fc.boolean(), place: fc.nat(), isLast: fc.constant(true) },
    ...{ digest: number, versions },
  }),
  ping: fc.record({ kind: fc.constant('ping' as const), ...common }),
  pong: fc.record({ kind: fc.constant('pong' as const), ...common }),
  join: fc.record({
    ...{ kind: fc.constant('join' as const), ...common },
    member: member.map((one) => ({ ...one, standing: 'joining' as const })),
  }),
  members: fc.record({
    ...{ kind: fc.constant('members' as const), ...common, members: fc.array(member) },
  }),
  root: fc.record({ kind: fc.constant('root' as const), ...common, digest: number }),
  branches: fc.record({ kind: fc.constant('branches' as const), ...common, digests }),
  leaves: fc.record({
    kind: fc.constant('leaves' as const),
    ...common,
    branch: fc.nat(63),
    digests,
  }),
  compare: fc.oneof(
    fc.record({
      ...{ kind: fc.constant('compare' as const), ...common, exchange: number },
      ...{ range: fc.constant(undefined), entries },
    }),
    fc.tuple(number, key, number).map(([exchange, one, digest]) => ({
      ...{
        kind: 'compare' as const,
        group: 1,
        table: 2,
        exchange,
        entries: [{ key: one, digest }],
      },
      range: { partition: partitionOf(one), after: '', isLast: false },
    })),
  ),
  compared: fc.record({
    ...{ kind: fc.constant('compared' as const), ...common, exchange: number },
    ...{ wanted: places, extra: fc.nat(9) },
  }),
  push: fc.record({
    ...{ kind: fc.constant('push' as const), ...common, exchange: number },
    entries: fc.array(fc.record({ key, versions }), { maxLength: 3 }),
  }),
  pushed: fc.record({ kind: fc.constant('pushed' as const), ...common, exchange: number }),
  survey: fc.record({
    ...{ kind: fc.constant('survey' as const), ...common, exchange: number },
    partitions: fc.array(fc.record({ partition, digest: number })),
  }),
  surveyed: fc.record({
    ...{ kind: fc.constant('surveyed' as const), ...common, exchange: number },
    different: fc.array(partition),
  }),
};
const message = fc.oneof(...Object.values(MESSAGES));
const bytesOf = (one: DynamoMessage): Uint8Array => Buffer.concat(codec.encode(one));

test.each(Object.keys(MESSAGES) as DynamoMessage['kind'][])('%s comes back as it was', (kind) => {
  fc.assert(
    fc.property(MESSAGES[kind], (one) => {
      expect(codec.decode(bytesOf(one))).toEqual(one);
    }),
    { numRuns: 50 },
  );
});

test('bytes that are no message are refused, and do nothing worse', () => {
  const harm = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.tuple(message, fc.nat(), fc.nat(255)).map(([one, at, byte]) => {
      const bytes = Uint8Array.from(bytesOf(one));
      bytes[at % bytes.length] = byte;
      return bytes;
    }),
    fc.tuple(message, fc.nat()).map(([one, cut]) => {
      const bytes = bytesOf(one);
      return bytes.subarray(0, cut % bytes.length);
    }),
  );
  fc.assert(
    fc.property(harm, (bytes) => {
      try {
        const decoded = codec.decode(bytes);
        // One byte may make another message of it; it is a whole one then.
        expect(codec.decode(bytesOf(decoded))).toEqual(decoded);
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError);
      }
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ['another version', Uint8Array.of(2, 5)],
  ['an unknown kind', Uint8Array.of(1, 99, ...new Uint8Array(12))],
  [
    'a byte too many',
    Buffer.concat([bytesOf({ kind: 'ping', group: 1, table: 1 }), Uint8Array.of(0)]),
  ],
])('%s is refused', (_what, bytes) => {
  expect(() => codec.decode(bytes)).toThrow(DecodeError);
});

test('a message says nothing that contradicts itself', () => {
  const set =
    fc.sample(
      versions.filter((one) => one.length > 1),
      { numRuns: 1, seed: 3 },
    )[0] ?? [];
  const refused = (one: DynamoMessage): void =>
    expect(() => codec.decode(bytesOf(one))).toThrow(DecodeError);
  const store = { kind: 'store', group: 1, table: 1, operation: 1, key: 'a', isNew: true } as const;
  refused({ ...store, versions: [], standsInFor: undefined });
  refused({ ...store, versions: set.toReversed(), standsInFor: undefined });
  const compare = { kind: 'compare', group: 1, table: 1, exchange: 1 } as const;
  const entry = (one: string) => ({ key: one, digest: 1 });
  refused({ ...compare, range: undefined, entries: [entry('b'), entry('a')] });
  const range = { partition: partitionOf('a'), after: '', isLast: true };
  refused({ ...compare, range, entries: [entry('another')] });
  refused({ ...compare, range: { ...range, after: 'a' }, entries: [entry('a')] });
  refused({ ...compare, range: { ...range, isLast: false }, entries: [] });
});

const record: fc.Arbitrary<DynamoRecord> = fc.oneof(
  fc.record({ kind: fc.constant('versions' as const), key, versions }),
  fc.record({ kind: fc.constantFrom('hint' as const, 'hint_done' as const), key, home: id }),
  fc.record({
    ...{ kind: fc.constant('members' as const), group: number },
    ...{ seed: fc.option(id, { nil: undefined }), members: fc.array(member) },
    former: fc.option(fc.record({ group: number, members: fc.array(member) }), { nil: undefined }),
  }),
  fc.record({ kind: fc.constant('epochs' as const), through: fc.nat() }),
  fc.record({ kind: fc.constant('cleared' as const) }),
);

test('a record of the journal comes back as it was; others are refused', () => {
  fc.assert(fc.property(record, (one) => expect(decodeRecord(encodeRecord(one))).toEqual(one)));
  expect(() => decodeRecord({ type: 77, payload: new Uint8Array(0) })).toThrow(DecodeError);
});
