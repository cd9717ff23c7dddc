/**
 * Where the entries of the log are kept: their bytes back to back in segments.
 *
 * An object and a buffer for each of several hundred thousand entries would have to be traced, and
 * freed at once when the log is compacted, in one long pause of the engine. A segment is one
 * buffer and a few arrays of numbers, whatever the number of its entries. Entries are cut from it
 * as they are asked for, and share its bytes: what is written in a segment is never overwritten.
 */

import { invariant } from '../assert';
import type { JournalSequence, Term } from '../ids';
import { decodeEntry, ENTRY_OVERHEAD, type Entry } from './entry';

/** A larger entry gets a segment of its own. */
const SEGMENT_BYTES = 64 * 1024;

interface Segment {
  /** The index of its first entry. */
  readonly first: number;
  readonly bytes: Uint8Array;
  /** Where the bytes of each entry end; they begin where those of the one before end. */
  readonly ends: number[];
  readonly terms: Term[];
  /** For each entry the number of its record in the journal. */
  readonly sequences: JournalSequence[];
  /** Set when entries were cut off at its end: whoever holds them still reads their bytes. */
  sealed: boolean;
}

export class EntrySegments {
  private segments: Segment[] = [];
  /** The index of the first entry; segments may begin below it. */
  private first: number;
  private next: number;
  private held = 0;

  constructor(first: number) {
    this.first = first;
    this.next = first;
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

  push(entry: Entry, sequence: JournalSequence): void {
    const { encoded } = entry;
    const segment = this.segmentFor(encoded.length);
    const start = segment.ends.at(-1) ?? 0;
    segment.bytes.set(encoded, start);
    segment.ends.push(start + encoded.length);
    segment.terms.push(entry.term);
    segment.sequences.push(sequence);
    this.held += encoded.length + ENTRY_OVERHEAD;
    this.next++;
  }

  termAt(index: number): Term {
    const segment = this.segmentOf(index);
    return segment.terms[index - segment.first] as Term;
  }

  sequenceAt(index: number): JournalSequence {
    const segment = this.segmentOf(index);
    return segment.sequences[index - segment.first] as JournalSequence;
  }

  entryAt(index: number): Entry {
    const segment = this.segmentOf(index);
    const at = index - segment.first;
    return decodeEntry(segment.bytes.subarray(segment.ends[at - 1] ?? 0, segment.ends[at]));
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
    last.terms.length = kept;
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

  private segmentFor(length: number): Segment {
    const last = this.segments.at(-1);
    const used = last?.ends.at(-1) ?? 0;
    if (last !== undefined && !last.sealed && used + length <= last.bytes.length) return last;
    const bytes = new Uint8Array(Math.max(SEGMENT_BYTES, length));
    const segment = { first: this.next, bytes, ends: [], terms: [], sequences: [], sealed: false };
    this.segments.push(segment);
    return segment;
  }

  private segmentOf(index: number): Segment {
    invariant(this.has(index), 'there is no such entry', { index, first: this.first });
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
