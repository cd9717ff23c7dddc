/** Messages and records as bytes: there and back, and nothing else is taken. */

import fc from 'fast-check';
import { DecodeError } from '../../../kv/core/bytes';
import { storageId } from '../../../kv/core/ids';
import { logCodec } from '../../../kv/core/log/codec';
import { type Entry, makeEntry } from '../../../kv/core/log/entry';
import { decodeRecord, encodeRecord, type LogRecord } from '../../../kv/core/log/journal';
import type { LogMessage } from '../../../kv/core/log/messages';

const codec = logCodec();
const number = fc.integer({ min: 0, max: 2 ** 40 });
const attempt = fc.integer({ min: 1, max: 2 ** 40 });
const id = fc.string({ minLength: 1, maxLength: 8 });
const body = fc.uint8Array({ maxLength: 20 });
const disks = attempt.map(storageId);
const name = fc.record({ disk: disks, generation: attempt, origin: disks });
const base = fc.record({ name, end: number });
const range = fc.tuple(number, number).map(([x, y]) => [Math.min(x, y), Math.max(x, y)] as const);
const entries: fc.Arbitrary<Entry[]> = fc
  .tuple(number, fc.array(fc.tuple(id, body), { minLength: 1, maxLength: 5 }))
  .map(([first, all]) => all.map(([one, bytes], i) => makeEntry(first + i, one, bytes)));

const MESSAGES: { readonly [Kind in LogMessage['kind']]: fc.Arbitrary<LogMessage> } = {
  hello: fc
    .tuple(range, fc.option(name, { nil: undefined }), number, attempt, number)
    .map(([[first, end], log, session, disk, asked]) => ({
      ...{ kind: 'hello', session, disk: storageId(disk), name: log, first, end },
      ...{ isEmpty: first === end, asked },
    })),
  begin: fc.record({
    ...{ kind: fc.constant('begin'), attempt, session: number, name, first: number },
    base: fc.option(base, { nil: undefined }),
  }),
  append: fc.record({ kind: fc.constant('append'), name, first: number, entries }),
  heartbeat: fc.tuple(range, name, number).map(([[first, end], log, which]) => ({
    ...{ kind: 'heartbeat', attempt: which, name: log, first, end },
  })),
  held: fc.record({
    ...{ kind: fc.constant('held'), attempt, end: number },
    conflict: fc.option(number, { nil: undefined }),
  }),
  failed: fc.record({ kind: fc.constant('failed'), attempt }),
  ask: fc.record({ kind: fc.constant('ask'), number: attempt }),
  fetch: fc.record({ kind: fc.constant('fetch'), number: attempt, name, from: number }),
  fetched: fc.record({ kind: fc.constant('fetched'), number: attempt, entries }),
};
const messages = fc.oneof(...Object.values(MESSAGES));

const records: fc.Arbitrary<LogRecord> = fc.oneof(
  entries.map(([entry]) => ({ kind: 'entry' as const, entry: entry as Entry })),
  entries.map(([entry]) => ({ kind: 'external' as const, entry: entry as Entry })),
  fc.record({
    ...{ kind: fc.constant('begun' as const), first: number },
    name: fc.option(name, { nil: undefined }),
  }),
  fc.record({ kind: fc.constant('named' as const), name }),
  fc.record({ kind: fc.constant('continued' as const), name, first: number, base }),
  fc.record({ kind: fc.constant('dropped' as const), id, order: number }),
);

function bytesOf(message: LogMessage): Uint8Array {
  return Uint8Array.from(codec.encode(message).flatMap((part) => [...part]));
}

test('messages come back as they were', () => {
  fc.assert(
    fc.property(messages, (message) => {
      expect(codec.decode(bytesOf(message))).toEqual(message);
    }),
  );
});

test('records come back as they were', () => {
  fc.assert(
    fc.property(records, (record) => {
      expect(decodeRecord(encodeRecord(record))).toEqual(record);
    }),
  );
});

test('a message that is cut off or has a byte too many is refused', () => {
  fc.assert(
    fc.property(messages, fc.nat(), (message, at) => {
      const whole = bytesOf(message);
      // The body of the last entry of an append ends where the bytes do: its length is in front.
      expect(() => codec.decode(whole.subarray(0, at % whole.length))).toThrow(DecodeError);
      expect(() => codec.decode(Uint8Array.of(...whole, 0))).toThrow(DecodeError);
    }),
  );
});

test('any bytes are a message or a DecodeError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.integer({ min: 1, max: 7 }), (bytes, kind) => {
      try {
        codec.decode(Uint8Array.of(1, kind, ...bytes));
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError);
      }
    }),
  );
});

test('orders of an append follow one another', () => {
  const [one, other] = [makeEntry(3, 'a', Uint8Array.of()), makeEntry(5, 'b', Uint8Array.of())];
  const log = { disk: storageId(1), generation: 1, origin: storageId(1) };
  const message = { kind: 'append', name: log, first: 0, entries: [one, other] } as const;
  expect(() => codec.decode(bytesOf(message))).toThrow('orders follow one another');
});
