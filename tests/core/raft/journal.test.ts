/** The core's side of the journal: its records as bytes, and what is durable when, against a dumb list. */

import fc from 'fast-check';
import { DecodeError } from '../../../kv/core/bytes';
import { journalSequence, logIndex, millis, nodeId, term } from '../../../kv/core/ids';
import { makeEntry } from '../../../kv/core/raft/entry';
import {
  decodeRecord,
  encodeRecord,
  Journal,
  type RaftRecord,
} from '../../../kv/core/raft/journal';

const entry = (index: number, inTerm = 1) =>
  makeEntry('command', logIndex(index), term(inTerm), millis(3), Uint8Array.of(1, 2));

const RECORDS: Record<RaftRecord['kind'], RaftRecord[]> = {
  hard_state: [
    { kind: 'hard_state', term: term(0), votedFor: undefined },
    { kind: 'hard_state', term: term(2 ** 40), votedFor: nodeId('127.0.0.1:6000') },
  ],
  entry: [{ kind: 'entry', entry: entry(7, 3) }],
  compacted: [{ kind: 'compacted', index: logIndex(9), term: term(2) }],
  reset: [{ kind: 'reset', index: logIndex(2 ** 47), term: term(1) }],
};

test.each(Object.values(RECORDS).flat())('a record comes back as it went: $kind', (record) => {
  const { type, payload } = encodeRecord(record);
  expect(decodeRecord({ type, payload })).toEqual(record);
  // Cut short it is refused, but for an entry, whose data reach to the end.
  for (let length = 0; length < payload.length; length++) {
    const cut = { type, payload: payload.subarray(0, length) };
    if (record.kind === 'entry' && length >= 19) expect(decodeRecord(cut).kind).toBe('entry');
    else expect(() => decodeRecord(cut)).toThrow(DecodeError);
  }
  if (record.kind !== 'entry') {
    expect(() => decodeRecord({ type, payload: Uint8Array.of(...payload, 0) })).toThrow(
      DecodeError,
    );
  }
});

test('an entry is journaled as the very bytes that it has', () => {
  const one = entry(1);
  expect(encodeRecord({ kind: 'entry', entry: one }).payload).toBe(one.encoded);
});

test('unknown types of records are refused', () => {
  for (const type of [0, 5, 255]) {
    expect(() => decodeRecord({ type, payload: new Uint8Array(12) })).toThrow(DecodeError);
  }
});

type Step =
  | { readonly do: 'entry' }
  | { readonly do: 'other' }
  | { readonly do: 'flush' }
  | { readonly do: 'persisted'; readonly part: number };
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.constantFrom<Step>({ do: 'entry' }, { do: 'other' }, { do: 'flush' }),
  fc.record({ do: fc.constant('persisted' as const), part: fc.nat(4) }),
);

test('entries are durable exactly when their record is, and the oldest debt of the disk is known', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const journal = new Journal(journalSequence(10));
      const indexOf = new Map<number, number>();
      const batches: { through: number; at: number }[] = [];
      let [sequence, handed, durable, index, told] = [10, 10, 10, 0, 0];
      steps.forEach((each, now) => {
        if (each.do === 'entry') {
          index++;
          indexOf.set(++sequence, index);
          expect(journal.writeEntry(entry(index))).toBe(sequence);
        } else if (each.do === 'other') {
          expect(journal.write({ kind: 'compacted', index: logIndex(1), term: term(1) })).toBe(
            ++sequence,
          );
        } else if (each.do === 'flush') {
          const batch = journal.flush(millis(now));
          expect(batch?.records.length ?? 0).toBe(sequence - handed);
          if (batch !== undefined) batches.push({ through: sequence, at: now });
          handed = sequence;
        } else {
          durable = Math.max(durable, Math.min(handed, durable + each.part));
          const news = journal.persisted(journalSequence(durable));
          told = news.at(-1)?.lastIndex ?? told;
          while (batches[0] !== undefined && batches[0].through <= durable) batches.shift();
        }
        // What is told never runs ahead of the disk, and is complete once a whole batch is durable.
        const reached = Math.max(
          0,
          ...[...indexOf].filter(([at]) => at <= durable).map(([, i]) => i),
        );
        expect(told).toBeLessThanOrEqual(reached);
        if (durable === sequence) expect(told).toBe(reached);
        expect([journal.durable, journal.sequence]).toEqual([durable, sequence]);
        expect(journal.waitingSince).toBe(batches[0]?.at);
      });
    }),
  );
});

test('a disk that is ahead of the journal is a broken invariant', () => {
  const journal = new Journal(journalSequence(0));
  journal.writeEntry(entry(1));
  expect(() => journal.persisted(journalSequence(1))).toThrow('cannot be ahead');
  journal.flush(millis(0));
  expect(journal.persisted(journalSequence(1))).toMatchObject([{ lastIndex: 1, lastTerm: 1 }]);
  expect(journal.persisted(journalSequence(1))).toEqual([]);
});
