/**
 * Where the entries of the log are kept: their bytes back to back in segments.
 *
 * An object and a buffer for each of several hundred thousand entries would have to be traced, and
 * freed at once when the log is compacted, in one long pause of the engine. A segment is one
 * buffer and a few arrays of numbers, whatever the number of its entries. Entries are cut from it
 * as they are asked for, and share its bytes: what is written in a segment is never overwritten.
 */

import { InvariantViolation, invariant } from '../assert';
import { type JournalSequence, type LogIndex, logIndex, type Millis, type Term } from '../ids';
import {
  decodeEntry,
  ENTRY_HEADER_BYTES,
  ENTRY_OVERHEAD,
  type Entry,
  type EntryKind,
  entryTermAt,
  entryTimeAt,
  putEntryHeader,
} from './entry';
import { EntryRun } from './entry_run';

/** A larger entry gets a segment of its own. */
const SEGMENT_BYTES = 64 * 1024;

interface Segment {
  /** The index of its first entry. */
  readonly first: number;
  readonly bytes: Uint8Array;
  /** Where the bytes of each entry end; they begin where those of the one before end. */
  readonly ends: number[];
  /** For each entry the number of its record in the journal; the newest may not have one yet. */
  readonly sequences: JournalSequence[];
  /** Set when entries were cut off at its end: whoever holds them still reads their bytes. */
  sealed: boolean;
}

/** Where the newest entries were put: the piece of a segment that the journal is to write. */
export interface Placed {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly count: number;
}

/** Where an entry lies. */
export interface EntryPlace {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

export class EntrySegments {
  private segments: Segment[] = [];
  /** The index of the first entry; segments may begin below it. */
  private first: number;
  private next: number;
  private held = 0;
  private readonly place: { -readonly [Part in keyof EntryPlace]: EntryPlace[Part] };

  constructor(first: number) {
    this.first = first;
    this.next = first;
    this.place = { bytes: NOTHING, start: 0, end: 0 };
  }

  get length(): number {
    return this.next - this.first;
  }
  /** What all entries cost together, as `entrySize` counts it. */
  get bytes(): number {
    return this.held;
  }

  has(index: number): boolean {
    return index >= this.first && index < this.next;
  }

  /** Makes the next entry, in its place. */
  add(kind: EntryKind, inTerm: Term, time: Millis, data: readonly Uint8Array[]): Placed {
    let length = ENTRY_HEADER_BYTES;
    for (const part of data) length += part.length;
    const segment = this.segmentFor(length);
    const start = endOf(segment);
    const { bytes } = segment;
    putEntryHeader(bytes, start, length, kind, logIndex(this.next), inTerm, time);
    let at = start + ENTRY_HEADER_BYTES;
    for (const part of data) {
      bytes.set(part, at);
      at += part.length;
    }
    this.note(segment, at);
    return { bytes, start, end: at, count: 1 };
  }

  /** Copies as many of the entries as the segment takes, and at least one. */
  addRun(run: EntryRun): Placed {
    const segment = this.segmentFor(run.startAt(1));
    const start = endOf(segment);
    const room = segment.bytes.length - start;
    let count = 1;
    while (count < run.length && run.startAt(count + 1) <= room) count++;
    const taken = run.startAt(count);
    segment.bytes.set(taken < run.bytes.length ? run.bytes.subarray(0, taken) : run.bytes, start);
    for (let place = 1; place <= count; place++) this.note(segment, start + run.startAt(place));
    return { bytes: segment.bytes, start, end: start + taken, count };
  }

  /** Says in which record of the journal the entries are that were placed since the last call. */
  journaled(sequence: JournalSequence): void {
    const { ends, sequences } = this.segments.at(-1) as Segment;
    while (sequences.length < ends.length) sequences.push(sequence);
  }

  /** Where an entry is; what it returns is overwritten by the next call. */
  placeOf(index: number): EntryPlace {
    const segment = this.segmentOf(index);
    const { place } = this;
    place.bytes = segment.bytes;
    place.start = startIn(segment, index);
    place.end = endIn(segment, index);
    return place;
  }

  termAt(index: number): Term {
    const segment = this.segmentOf(index);
    return entryTermAt(segment.bytes, startIn(segment, index));
  }

  timeAt(index: number): Millis {
    const segment = this.segmentOf(index);
    return entryTimeAt(segment.bytes, startIn(segment, index));
  }

  sequenceAt(index: number): JournalSequence {
    const segment = this.segmentOf(index);
    return segment.sequences[index - segment.first] as JournalSequence;
  }

  entryAt(index: number): Entry {
    const segment = this.segmentOf(index);
    return decodeEntry(segment.bytes.subarray(startIn(segment, index), endIn(segment, index)));
  }

  dataAt(index: number): Uint8Array {
    const segment = this.segmentOf(index);
    const start = startIn(segment, index) + ENTRY_HEADER_BYTES;
    return segment.bytes.subarray(start, endIn(segment, index));
  }

  /**
   * Entries from `from` on, as they lie in one segment: as many as fit both caps, but at least one
   * if there is one.
   */
  runFrom(from: LogIndex, maxEntries: number, maxBytes: number): EntryRun {
    if (!this.has(from)) return new EntryRun(from, 0, NOTHING);
    const segment = this.segmentOf(from);
    const { ends, first } = segment;
    const start = startIn(segment, from);
    const most = Math.min(maxEntries, first + ends.length - from);
    let count = 1;
    while (count < most) {
      const end = ends[from - first + count] as number;
      if (end - start + (count + 1) * ENTRY_OVERHEAD > maxBytes) break;
      count++;
    }
    const end = ends[from - first + count - 1] as number;
    return new EntryRun(from, count, segment.bytes.subarray(start, end));
  }

  sizeAt(index: number): number {
    return this.sizeOf(index, index + 1);
  }

  /** What the entries from `from` to before `to` cost together. */
  sizeOf(from: number, to: number): number {
    let size = 0;
    for (let at = from; at < to; ) {
      const segment = this.segmentOf(at);
      const end = Math.min(to, segment.first + segment.ends.length);
      const start = segment.ends[at - segment.first - 1] ?? 0;
      size += (segment.ends[end - segment.first - 1] as number) - start;
      size += (end - at) * ENTRY_OVERHEAD;
      at = end;
    }
    return size;
  }

  /** Drops the entry at `index` and all after it. */
  truncateFrom(index: number): void {
    invariant(this.has(index), 'there is no such entry', { index, next: this.next });
    this.held -= this.sizeOf(index, this.next);
    while ((this.segments.at(-1)?.first ?? -1) >= index) this.segments.pop();
    this.next = index;
    const last = this.segments.at(-1);
    if (last === undefined) return;
    const kept = index - last.first;
    last.ends.length = kept;
    last.sequences.length = kept;
    last.sealed = true;
  }

  /** Drops everything up to and including `index`. */
  dropTo(index: number): void {
    this.held -= this.sizeOf(this.first, index + 1);
    this.first = index + 1;
    const whole = this.segments.findIndex(({ first, ends }) => first + ends.length > this.first);
    this.segments.splice(0, whole === -1 ? this.segments.length : whole);
  }

  private note(segment: Segment, end: number): void {
    const start = endOf(segment);
    segment.ends.push(end);
    this.held += end - start + ENTRY_OVERHEAD;
    this.next++;
  }

  private segmentFor(length: number): Segment {
    const last = this.segments.at(-1);
    const fits = last !== undefined && endOf(last) + length <= last.bytes.length;
    if (fits && !last.sealed) return last;
    const bytes = new Uint8Array(Math.max(SEGMENT_BYTES, length));
    const segment = { first: this.next, bytes, ends: [], sequences: [], sealed: false };
    this.segments.push(segment);
    return segment;
  }

  private segmentOf(index: number): Segment {
    if (!this.has(index)) throw new InvariantViolation('there is no such entry', { index });
    // Most questions are about the newest entries.
    const newest = this.segments.at(-1) as Segment;
    if (index >= newest.first) return newest;
    let low = 0;
    let high = this.segments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.segments[middle] as Segment).first <= index) low = middle;
      else high = middle - 1;
    }
    return this.segments[low] as Segment;
  }
}

const NOTHING = new Uint8Array(0);

/** Where the next entry of a segment begins. */
const endOf = ({ ends }: Segment): number => (ends.length === 0 ? 0 : (ends.at(-1) as number));

const startIn = (segment: Segment, index: number): number =>
  index === segment.first ? 0 : (segment.ends[index - segment.first - 1] as number);

const endIn = (segment: Segment, index: number): number =>
  segment.ends[index - segment.first] as number;
