/** The segments of the log against a dumb array, with entries of the sizes where segments end. */

import fc from 'fast-check';
import {
  type JournalSequence,
  journalSequence,
  logIndex,
  millis,
  term,
} from '../../../kv/core/ids';
import {
  ENTRY_HEADER_BYTES,
  type Entry,
  entryData,
  entrySize,
  makeEntry,
} from '../../../kv/core/raft/entry';
import { EntryRun } from '../../../kv/core/raft/entry_run';
import { EntrySegments } from '../../../kv/core/raft/entry_segments';

const SEGMENT = 64 * 1024;
const FIRST = 7;
/** Encoded sizes: parts of a segment that fill one exactly, or miss it by one, and larger ones. */
const SIZES = [24, SEGMENT / 4, SEGMENT / 2 - 1, SEGMENT / 2, SEGMENT / 2 + 1].concat(
  ...[SEGMENT - 24, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT],
);

interface Held {
  readonly entry: Entry;
  readonly sequence: JournalSequence;
}

type Step =
  | { readonly do: 'push'; readonly size: number }
  | { readonly do: 'truncate' | 'drop'; readonly at: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('push' as const), size: fc.constantFrom(...SIZES) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('truncate' as const, 'drop' as const),
      at: fc.nat(20),
    }),
  },
);

function entryOf(index: number, number: number, size: number): Entry {
  const data = new Uint8Array(size - ENTRY_HEADER_BYTES).fill(number);
  return makeEntry('command', logIndex(index), term(number), millis(number), data);
}

/** By one of the two ways: made in its place, or copied from where it came in. */
function push(segments: EntrySegments, entry: Entry, sequence: JournalSequence): void {
  const { kind, index, term: inTerm, time } = entry;
  if (sequence % 2 === 0) segments.add(kind, inTerm, time, [entryData(entry)]);
  else segments.addRun(EntryRun.of(logIndex(index - 1), [entry]));
  segments.journaled(sequence);
}

const sameBytes = (x: Entry, y: Entry): boolean => Buffer.compare(x.encoded, y.encoded) === 0;

test('they agree with a dumb array, and what was read from them never changes', () => {
  const property = fc.property(fc.array(step, { minLength: 10, maxLength: 30 }), (steps) => {
    const segments = new EntrySegments(FIRST);
    let first = FIRST;
    let dumb: Held[] = [];
    const read: { readonly was: Entry; readonly is: Entry }[] = [];
    steps.forEach((each, i) => {
      const next = first + dumb.length;
      if (each.do === 'push') {
        const held = { entry: entryOf(next, i + 1, each.size), sequence: journalSequence(i + 1) };
        push(segments, held.entry, held.sequence);
        dumb.push(held);
        read.push({ was: held.entry, is: segments.entryAt(next) });
      } else if (dumb.length > 0) {
        const at = each.at % dumb.length;
        if (each.do === 'truncate') segments.truncateFrom(first + at);
        else segments.dropTo(first + at);
        if (each.do === 'drop') first += at + 1;
        dumb = each.do === 'truncate' ? dumb.slice(0, at) : dumb.slice(at + 1);
      }
      compare(segments, first, dumb);
    });
    expect(read.every(({ was, is }) => sameBytes(was, is))).toBe(true);
  });
  fc.assert(property);
});

function compare(segments: EntrySegments, first: number, dumb: readonly Held[]): void {
  const sizes = dumb.map(({ entry }) => entrySize(entry));
  const sum = (from: number, to: number) => sizes.slice(from, to).reduce((all, x) => all + x, 0);
  const next = first + dumb.length;
  expect([segments.length, segments.bytes]).toEqual([dumb.length, sum(0, dumb.length)]);
  expect([segments.has(first - 1), segments.has(next)]).toEqual([false, false]);
  const seen = dumb.map(({ entry, sequence }, i) => {
    const at = first + i;
    const same = segments.has(at) && sameBytes(segments.entryAt(at), entry);
    const half = Math.floor((i + dumb.length) / 2);
    const parts = [segments.sizeAt(at), segments.sizeOf(at, first + half)];
    const known = segments.termAt(at) === entry.term && segments.sequenceAt(at) === sequence;
    return same && known && parts[0] === sizes[i] && parts[1] === sum(i, half);
  });
  expect(seen).toEqual(dumb.map(() => true));
}

/** Nothing else tells that memory is given back. */
const countOf = (segments: EntrySegments): number =>
  (Reflect.get(segments, 'segments') as unknown[]).length;

test('only an entry that is there can be truncated from', () => {
  const segments = new EntrySegments(FIRST);
  expect(() => segments.truncateFrom(FIRST)).toThrow('there is no such entry');
  push(segments, entryOf(FIRST, 1, 24), journalSequence(1));
  for (const index of [FIRST - 1, FIRST + 1, FIRST + 2]) {
    expect(() => segments.truncateFrom(index)).toThrow('there is no such entry');
  }
  expect([segments.length, segments.has(FIRST)]).toEqual([1, true]);
});

test('a segment is filled to the last byte, and freed with the last of its entries', () => {
  for (const [size, count] of [
    [SEGMENT / 4, 4],
    [SEGMENT / 2 + 1, 1],
    [3 * SEGMENT, 1],
  ] as const) {
    const segments = new EntrySegments(FIRST);
    for (let i = 0; i < 3 * count; i++) {
      push(segments, entryOf(FIRST + i, 1, size), journalSequence(i + 1));
      expect(countOf(segments)).toBe(Math.floor(i / count) + 1);
    }
    for (let i = 0; i < 2 * count; i++) {
      segments.dropTo(FIRST + i);
      expect(countOf(segments)).toBe(3 - Math.floor((i + 1) / count));
    }
    segments.truncateFrom(FIRST + 2 * count);
    expect([countOf(segments), segments.bytes]).toEqual([0, 0]);
  }
});

test('a run is copied in pieces that end where segments end, and read back in pieces that do', () => {
  const sizes = [SEGMENT / 2, SEGMENT / 4, SEGMENT / 4, 100, 2 * SEGMENT, 200, 300];
  const entries = sizes.map((size, i) => entryOf(FIRST + i, i + 1, size));
  const segments = new EntrySegments(FIRST);
  const copied: number[] = [];
  for (let rest = EntryRun.of(logIndex(FIRST - 1), entries); rest.length > 0; ) {
    const placed = segments.addRun(rest);
    segments.journaled(journalSequence(copied.length + 1));
    copied.push(placed.count);
    rest = rest.from(placed.count);
  }
  expect(copied).toEqual([3, 1, 1, 2]);
  expect(sizes.map((_, i) => segments.sequenceAt(FIRST + i))).toEqual([1, 1, 1, 2, 3, 4, 4]);
  let at = FIRST;
  for (const count of copied) {
    const run = segments.runFrom(logIndex(at), 100, Number.POSITIVE_INFINITY);
    expect([...run].every((entry, i) => sameBytes(entry, entries[at - FIRST + i] as Entry))).toBe(
      true,
    );
    expect([run.first, run.length]).toEqual([at, count]);
    at += count;
  }
  expect(segments.runFrom(logIndex(at), 1, 1).length).toBe(0);
});
