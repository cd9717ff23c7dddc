/**
 * The journal of a node: an append-only sequence of records in segments. DESIGN.md draws the
 * format; `journal_recovery.ts` says what survives a stop, `journal_writer.ts` how records become
 * durable. This file puts the two together and deletes segments that nobody needs any more.
 */

import type { JournalRecord } from '../core/protocol';
import { inFolder, type JournalPlace } from './journal_place';
import {
  createSegment,
  type RecoveredJournal,
  readRecords,
  recoverJournal,
} from './journal_recovery';
import { type ActiveSegment, JournalWriter } from './journal_writer';
import { SPARE_FILE, segmentName, segmentSeed } from './segment_format';
import { inOrder } from './whole_files';

export interface JournalListener {
  /** All records up to and including this one are durable. */
  persisted(through: number): void;
  failed(error: Error): void;
}

/** What a segment in use is known by. */
interface SegmentExtent {
  readonly first: number;
  readonly end: number;
}

export class Journal {
  readonly firstSequence: number;
  /** What the journal held when it was opened, to be read before the first append. */
  readonly records: Iterable<JournalRecord>;

  private readonly writer: JournalWriter;
  /** Oldest first; the last one is being written. */
  private readonly segments: SegmentExtent[];
  private before = 0;
  private releasing = false;
  private broken = false;
  private released: (() => void) | undefined;

  /** Opens the journal of a folder. Throws `JournalDamaged`. */
  constructor(
    private readonly place: JournalPlace,
    private readonly listener: JournalListener,
  ) {
    removeSpare(place);
    const recovered = recoverJournal(place);
    const active = openActive(place, recovered);
    this.firstSequence = recovered.segments[0]?.first ?? active.first;
    this.records = { [Symbol.iterator]: () => readRecords(place, recovered.segments) };
    this.segments = [...recovered.segments.slice(0, -1), active];
    this.writer = new JournalWriter(place, active, recovered.next - 1, {
      persisted: (through) => {
        if (!this.broken) listener.persisted(through);
      },
      rotated: (next) => {
        this.segments.push(next);
        this.deleteNext();
      },
      failed: (error) => this.fail(error),
    });
  }

  append(records: readonly JournalRecord[], through: number, mayWait = false): void {
    this.writer.append(records, through, mayWait);
  }

  /** Says that records before this one are not needed; whole segments of them are deleted. */
  release(before: number): void {
    this.before = Math.max(this.before, before);
    this.deleteNext();
  }

  stats() {
    return {
      journalBytes: this.segments.reduce((sum, { end }) => sum + end, 0),
      journalSegments: this.segments.length,
      fsyncCount: this.writer.fsyncCount,
      lastFsyncMs: this.writer.lastFsyncMs,
      pendingRecords: this.writer.pendingRecords,
    };
  }

  /** Writes what was handed over; `done` comes even if the disk fails. */
  close(done: () => void): void {
    this.writer.close(() => {
      if (this.releasing) this.released = done;
      else done();
    });
  }

  /**
   * Deletes the oldest segment, then the next, each deletion durable before the one after it: a
   * power failure must not leave a gap between an old segment and the rest.
   */
  private deleteNext(): void {
    const [oldest, second] = this.segments;
    if (this.releasing || this.broken || oldest === undefined || second === undefined) return;
    if (second.first > this.before) return;
    const { fs, folder } = this.place;
    this.releasing = true;
    inOrder(
      [
        (done) => fs.remove(inFolder(this.place, segmentName(oldest.first)), done),
        (done) => fs.syncFolder(folder, done),
      ],
      (error) => {
        this.releasing = false;
        if (error !== null) this.fail(error);
        else this.segments.shift();
        if (this.released !== undefined) this.released();
        else this.deleteNext();
      },
    );
  }

  private fail(error: Error): void {
    if (this.broken) return;
    this.broken = true;
    this.listener.failed(error);
  }
}

/** Makes the empty journal of a new folder durable. */
export function createJournal(place: JournalPlace): void {
  createSegment(place, 1);
}

/** A spare segment of an earlier run may be half filled: the next run makes its own. */
function removeSpare(place: JournalPlace): void {
  const { fs, folder } = place;
  if (!fs.listSync(folder).includes(SPARE_FILE)) return;
  fs.removeSync(inFolder(place, SPARE_FILE));
}

function openActive(place: JournalPlace, { segments }: RecoveredJournal): ActiveSegment {
  const last = segments[segments.length - 1];
  if (last === undefined) throw new Error('a recovered journal has at least one segment');
  const { first, end } = last;
  const file = place.fs.openSync(inFolder(place, segmentName(first)), 'durable_update');
  const size = Math.max(last.size, place.segmentBytes);
  return { file, first, seed: segmentSeed(place.storageId, first), size, end };
}
