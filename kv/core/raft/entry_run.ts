/**
 * Entries that follow each other, as they lie in a segment of a log, in a message or in a record of
 * the journal: their bytes back to back, and nothing for each of them.
 *
 * A leader under load has thousands of entries under way. A run of them is cut from its log once
 * for each follower, whatever their number, and goes out as the bytes that it is; the follower reads
 * what it needs from where it came in.
 */

import { invariant } from '../assert';
import { DecodeError } from '../bytes';
import { type LogIndex, logIndex, type Term } from '../ids';
import {
  checkEntryAt,
  decodeEntry,
  ENTRY_OVERHEAD,
  type Entry,
  type EntryKind,
  entryData,
  entryIndexAt,
  entryKindAt,
  entryLengthAt,
  entryTermAt,
} from './entry';
import { decodeConfiguration } from './membership';

export class EntryRun implements Iterable<Entry> {
  /** Where each entry begins; found when somebody asks for more than the first. */
  private starts: number[] | undefined;

  /** `bytes` are `length` well-formed entries, the first of which has the index `first`. */
  constructor(
    readonly first: LogIndex,
    readonly length: number,
    readonly bytes: Uint8Array,
  ) {}

  /** A run of entries that exist one by one; it begins behind `base` also when there are none. */
  static of(base: LogIndex, entries: readonly Entry[]): EntryRun {
    const first = logIndex(base + 1);
    const [only] = entries;
    if (entries.length === 1 && only !== undefined) return new EntryRun(first, 1, only.encoded);
    const bytes = new Uint8Array(entries.reduce((sum, { encoded }) => sum + encoded.length, 0));
    let at = 0;
    for (const { encoded } of entries) {
      bytes.set(encoded, at);
      at += encoded.length;
    }
    return new EntryRun(first, entries.length, bytes);
  }

  /** The index of the last entry; that before the first if there is none. */
  get last(): LogIndex {
    return logIndex(this.first + this.length - 1);
  }

  /** What the entries cost together, as `entrySize` counts it. */
  get size(): number {
    return this.bytes.length + this.length * ENTRY_OVERHEAD;
  }

  /** Where entry number `place` of the run begins; the end of the run for the one behind it. */
  startAt(place: number): number {
    if (place === 0) return 0;
    this.starts ??= [...this.walk()];
    return this.starts[place] ?? this.bytes.length;
  }

  termAt(place: number): Term {
    return entryTermAt(this.bytes, this.startAt(place));
  }

  kindAt(place: number): EntryKind {
    return entryKindAt(this.bytes, this.startAt(place));
  }

  entryAt(place: number): Entry {
    const start = this.startAt(place);
    return decodeEntry(this.bytes.subarray(start, start + entryLengthAt(this.bytes, start)));
  }

  /** The entries from number `place` on. */
  from(place: number): EntryRun {
    if (place === 0) return this;
    const rest = this.bytes.subarray(this.startAt(place));
    return new EntryRun(logIndex(this.first + place), this.length - place, rest);
  }

  *[Symbol.iterator](): Generator<Entry, void> {
    for (let place = 0; place < this.length; place++) yield this.entryAt(place);
  }

  private *walk(): Generator<number, void> {
    for (let at = 0; at < this.bytes.length; at += entryLengthAt(this.bytes, at)) yield at;
  }
}

/**
 * Reads `bytes`, which the run then shares, as entries whose indices follow each other and whose
 * terms never decrease. Throws `DecodeError`.
 */
export function readEntryRun(bytes: Uint8Array, first: LogIndex): EntryRun {
  let length = 0;
  let newest = 0;
  for (let at = 0; at < bytes.length; at += entryLengthAt(bytes, at)) {
    checkEntryAt(bytes, at);
    if (entryIndexAt(bytes, at) !== first + length) {
      throw new DecodeError('the entries of a message follow each other');
    }
    const inTerm = entryTermAt(bytes, at);
    if (inTerm < newest) throw new DecodeError('terms never decrease along a log');
    newest = inTerm;
    if (entryKindAt(bytes, at) === 'configuration') checkConfiguration(bytes, at);
    length++;
  }
  return new EntryRun(first, length, bytes);
}

/** The log takes a configuration to heart as soon as it is appended. */
function checkConfiguration(bytes: Uint8Array, at: number): void {
  const entry = decodeEntry(bytes.subarray(at, at + entryLengthAt(bytes, at)));
  decodeConfiguration(entryData(entry));
}

/** The core relies on these, whoever made the run. */
export function checkRun(run: EntryRun, inTerm: Term): void {
  let index: number = run.first;
  for (let at = 0; at < run.bytes.length; at += entryLengthAt(run.bytes, at)) {
    if (entryIndexAt(run.bytes, at) !== index || entryTermAt(run.bytes, at) > inTerm) break;
    index++;
  }
  invariant(
    index === run.first + run.length,
    'the entries of a message follow each other, and none is from a later term than its leader',
    { first: run.first, length: run.length, broken: index, inTerm },
  );
}
