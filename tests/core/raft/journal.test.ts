/** The core's side of the journal: its records as bytes, and what is durable when, against a dumb list. */

import fc from 'fast-check';
import { DecodeError } from '../../../kv/core/bytes';
import { journalSequence, logIndex, millis, nodeId, term } from '../../../kv/core/ids';
import { makeEntry } from '../../../kv/core/raft/entry';
import { EntryRun } from '../../../kv/core/raft/entry_run';
import { EntrySegments } from '../../../kv/core/raft/entry_segments';
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
  entries: [
    { kind: 'entries', entries: EntryRun.of(logIndex(6), [entry(7, 3)]) },
    { kind: 'entries', entries: EntryRun.of(logIndex(6), [entry(7, 3), entry(8, 3)]) },
  ],
  compacted: [{ kind: 'compacted', index: logIndex(9), term: term(2) }],
  reset: [{ kind: 'reset', index: logIndex(2 ** 47), term: term(1) }],
};

test.each(Object.values(RECORDS).flat())('a record comes back as it went: $kind', (record) => {
  const { type, payload } = encodeRecord(record);
  expect(decodeRecord({ type, payload })).toEqual(record);
  // Cut short it is refused, but for entries that are cut between two of them.
  for (let length = 0; length < payload.length; length++) {
    const cut = { type, payload: payload.subarray(0, length) };
    const between = record.kind === 'entries' && length === record.entries.startAt(1);
    if (between) expect(decodeRecord(cut)).toMatchObject({ entries: { first: 7, length: 1 } });
    else expect(() => decodeRecord(cut)).toThrow(DecodeError);
  }
  expect(() => decodeRecord({ type, payload: Uint8Array.of(...payload, 0) })).toThrow(DecodeError);
});

test('entries are journaled from where they lie in the log, those of a batch as one record', () => {
  const segments = new EntrySegments(1);
  const journal = new Journal(journalSequence(0));
  const data = [Uint8Array.of(1, 2), Uint8Array.of(3)];
  for (let index = 1; index <= 3; index++) {
    const placed = segments.add('command', term(1), millis(3), data);
    expect(journal.writeEntries(placed, logIndex(index), term(1))).toBe(1);
    segments.journaled(journalSequence(1));
  }
  const run = segments.runFrom(logIndex(1), 9, 1e9);
  const records = journal.flush(millis(0))?.records ?? [];
  expect(records).toEqual([{ type: 2, payload: run.bytes }]);
  expect(records[0]?.payload.buffer).toBe(run.bytes.buffer);
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
      const segments = new EntrySegments(1);
      // Whether the last record is one of entries that more can be added to.
      let isOpen = false;
      const indexOf = new Map<number, number>();
      const batches: { through: number; at: number }[] = [];
      let [sequence, handed, durable, index, told] = [10, 10, 10, 0, 0];
      steps.forEach((each, now) => {
        if (each.do === 'entry') {
          index++;
          if (!isOpen) sequence++;
          isOpen = true;
          indexOf.set(sequence, index);
          const placed = segments.add('command', term(1), millis(3), []);
          expect(journal.writeEntries(placed, logIndex(index), term(1))).toBe(sequence);
        } else if (each.do === 'other') {
          isOpen = false;
          expect(journal.write({ kind: 'compacted', index: logIndex(1), term: term(1) })).toBe(
            ++sequence,
          );
        } else if (each.do === 'flush') {
          isOpen = false;
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
  const placed = new EntrySegments(1).add('command', term(1), millis(3), []);
  journal.writeEntries(placed, logIndex(1), term(1));
  expect(() => journal.persisted(journalSequence(1))).toThrow('cannot be ahead');
  journal.flush(millis(0));
  expect(journal.persisted(journalSequence(1))).toMatchObject([{ lastIndex: 1, lastTerm: 1 }]);
  expect(journal.persisted(journalSequence(1))).toEqual([]);
});
