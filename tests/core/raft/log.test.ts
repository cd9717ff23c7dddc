/** The replicated log against a dumb array that never forgets where it began. */

import fc from 'fast-check';
import { journalSequence, logIndex, millis, storageId, term } from '../../../kv/core/ids';
import { type Entry, entryData, entrySize, makeEntry } from '../../../kv/core/raft/entry';
import { EntryRun } from '../../../kv/core/raft/entry_run';
import { RaftLog } from '../../../kv/core/raft/log';
import {
  bootstrapConfiguration,
  type Configuration,
  encodeConfiguration,
} from '../../../kv/core/raft/membership';
import { id } from './solo';

const numbered = (n: number): Configuration => ({
  voters: [{ id: id(1), storage: storageId(n) }],
  outgoing: [],
  learners: [],
});

const START = bootstrapConfiguration([id(1)]);

/** Entries from index 1 on; what is compacted stays here, and `base` says how much of it is. */
class DumbLog {
  entries: { entry: Entry; sequence: number }[] = [];
  base = 0;

  configurationAt(index: number): number {
    const found = this.entries
      .slice(0, index)
      .findLast(({ entry }) => entry.kind === 'configuration');
    return found === undefined ? 0 : Number(found.entry.time);
  }
}

type Step =
  | { readonly do: 'append'; readonly up: number; readonly configuration: boolean }
  | { readonly do: 'truncate' | 'compact'; readonly at: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      up: fc.nat(2),
      configuration: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('truncate' as const, 'compact' as const),
      at: fc.nat(20),
    }),
  },
);

/** By one of the two ways: made in its place, or copied from where it came in. */
function append(log: RaftLog, entry: Entry, sequence: number): void {
  const { kind, index, term: inTerm, time } = entry;
  const inPlace = sequence % 2 === 0 && index === log.lastIndex + 1;
  if (inPlace) log.add(kind, inTerm, time, [entryData(entry)]);
  else log.addRun(EntryRun.of(logIndex(index - 1), [entry]));
  log.journaled(journalSequence(sequence));
}

function apply(log: RaftLog, dumb: DumbLog, each: Step, sequence: number): void {
  const last = dumb.entries.length;
  if (each.do === 'append') {
    const inTerm = term((dumb.entries.at(-1)?.entry.term ?? 1) + each.up);
    const kind = each.configuration ? 'configuration' : 'command';
    const data = each.configuration
      ? encodeConfiguration(numbered(sequence))
      : new Uint8Array(sequence % 3 === 0 ? 30_000 : sequence % 7);
    // The time carries the number of the configuration, for the oracle.
    const entry = makeEntry(kind, logIndex(last + 1), inTerm, millis(sequence), data);
    dumb.entries.push({ entry, sequence });
    append(log, entry, sequence);
    return;
  }
  if (last === dumb.base) return;
  const at = dumb.base + 1 + (each.at % (last - dumb.base));
  if (each.do === 'truncate') {
    dumb.entries.length = at - 1;
    log.truncateFrom(logIndex(at));
  } else {
    dumb.base = at;
    log.compactTo(logIndex(at));
  }
}

function compare(log: RaftLog, dumb: DumbLog): void {
  const last = dumb.entries.length;
  const held = dumb.entries.slice(dumb.base);
  const termAt = (at: number) => (at === 0 ? 0 : dumb.entries[at - 1]?.entry.term);
  expect([log.baseIndex, log.firstIndex, log.lastIndex]).toEqual([dumb.base, dumb.base + 1, last]);
  expect([log.baseTerm, log.lastTerm]).toEqual([termAt(dumb.base), termAt(last)]);
  const bytes = held.reduce((sum, { entry }) => sum + entrySize(entry), 0);
  expect([log.length, log.bytes, log.bytesAfter(logIndex(dumb.base))]).toEqual([
    held.length,
    bytes,
    bytes,
  ]);
  for (const { entry, sequence } of held) {
    expect([log.entryAt(entry.index), log.sequenceAt(entry.index)]).toEqual([entry, sequence]);
  }
  for (let at = 0; at < dumb.base; at++) expect(log.termAt(at)).toBeUndefined();
  expect(log.termAt(last + 1)).toBeUndefined();
  for (let at = dumb.base; at <= last; at++) {
    expect(log.configurationAt(logIndex(at)).voters[0]?.storage).toBe(dumb.configurationAt(at));
  }
  expect(log.configuration.voters[0]?.storage).toBe(dumb.configurationAt(last));
  for (let at = dumb.base; at <= last + 2; at++) {
    for (let inTerm = 0; inTerm <= Number(log.lastTerm) + 1; inTerm += 2) {
      let hint = Math.min(at, last);
      while (hint > dumb.base && (termAt(hint) as number) > inTerm) hint--;
      expect(log.lastAtMost(logIndex(at), term(inTerm)).index).toBe(hint);
      const newer =
        inTerm > Number(log.lastTerm) || (inTerm === Number(log.lastTerm) && at >= last);
      expect(log.isUpToDate(logIndex(at), term(inTerm))).toBe(newer);
    }
  }
}

test('it agrees with a dumb log after any sequence of operations', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const log = new RaftLog({ index: logIndex(0), term: term(0) }, START);
      const dumb = new DumbLog();
      steps.forEach((each, i) => {
        apply(log, dumb, each, i + 1);
      });
      compare(log, dumb);
    }),
  );
});

test('a slice fits both caps, or is one entry', () => {
  const log = new RaftLog({ index: logIndex(0), term: term(0) }, START);
  for (let i = 1; i <= 9; i++) {
    append(log, makeEntry('command', logIndex(i), term(1), millis(0), new Uint8Array(10 * i)), i);
  }
  for (let from = 1; from <= 10; from++) {
    for (let entries = 1; entries <= 4; entries++) {
      for (let bytes = 0; bytes < 600; bytes += 37) {
        const slice = [...log.slice(logIndex(from), entries, bytes)];
        const size = slice.reduce((sum, entry) => sum + entrySize(entry), 0);
        expect(slice.map((entry) => entry.index)).toEqual(slice.map((_, i) => from + i));
        expect(slice.length <= entries && (size <= bytes || slice.length === 1)).toBe(true);
        const next = from + slice.length;
        if (next > 9 || slice.length === entries) continue;
        // It is as long as it may be.
        expect(slice.length === 0 ? next > 9 : size + entrySize(log.entryAt(next)) > bytes).toBe(
          true,
        );
      }
    }
  }
});

test('reset forgets everything; gaps, old terms and truncating the base are broken invariants', () => {
  const log = new RaftLog({ index: logIndex(0), term: term(0) }, START);
  const entry = (index: number, inTerm: number) =>
    makeEntry('command', logIndex(index), term(inTerm), millis(0), new Uint8Array(0));
  append(log, entry(1, 5), 1);
  expect(() => append(log, entry(3, 5), 2)).toThrow('no gaps');
  expect(() => append(log, entry(1, 5), 2)).toThrow('no gaps');
  expect(() => append(log, entry(2, 4), 2)).toThrow('terms never decrease');
  log.reset(logIndex(9), term(7), numbered(3));
  expect([log.baseIndex, log.lastIndex, log.lastTerm, log.bytes]).toEqual([9, 9, 7, 0]);
  expect(log.configuration).toEqual(numbered(3));
  expect(() => log.truncateFrom(logIndex(9))).toThrow('never truncated');
  expect(() => log.slice(logIndex(9), 1, 1)).toThrow('compacted');
});
