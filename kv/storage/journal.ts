/**
 * The journal of a node: an append-only sequence of records in segments. DESIGN.md draws the
 * format; `journal_recovery.ts` says what survives a stop, `journal_writer.ts` how records become
 * durable. This file puts the two together and lets segments go that nobody needs any more.
 */

import { join } from 'node:path';
import type { JournalRecord } from '../core/protocol';
import { inFolder, type JournalPlace } from './journal_place';
import {
  createSegment,
  type RecoveredJournal,
  readRecords,
  recoverJournal,
} from './journal_recovery';
import { type ActiveSegment, JournalWriter } from './journal_writer';
import { isSpareName, segmentName, segmentSeed, usedName } from './segment_format';
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
  /** The length of its file, if it has all that it was made for. */
  readonly size: number;
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
  private closing = false;
  private released: (() => void) | undefined;

  /** Opens the journal of a folder. Throws `JournalDamaged`. */
  constructor(
    private readonly place: JournalPlace,
    private readonly listener: JournalListener,
  ) {
    removeSpares(place);
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
        this.releaseNext();
      },
      failed: (error) => this.fail(error),
    });
  }

  append(records: readonly JournalRecord[], through: number, mayWait = false): void {
    this.writer.append(records, through, mayWait);
  }

  /** Says that records before this one are not needed; whole segments of them go. */
  release(before: number): void {
    this.before = Math.max(this.before, before);
    this.releaseNext();
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
    this.closing = true;
    this.writer.close(() => {
      if (this.releasing) this.released = done;
      else done();
    });
  }

  /**
   * Takes the oldest segment out of the journal, then the next, each durably before the one after it:
   * a power failure must not leave a gap between an old segment and the rest. Its file is deleted, or
   * written over once its name is durably gone (J9).
   */
  private releaseNext(): void {
    const [oldest, second] = this.segments;
    if (this.releasing || this.broken || oldest === undefined || second === undefined) return;
    if (second.first > this.before) return;
    const { fs, folder, segmentBytes } = this.place;
    const isUsual = Math.max(oldest.size, oldest.end) === segmentBytes;
    const isWanted = isUsual && this.writer.wantsUsed;
    const path = inFolder(this.place, segmentName(oldest.first));
    const used = usedName(oldest.first);
    this.releasing = true;
    inOrder(
      [
        (done) => {
          if (isWanted) fs.rename(path, inFolder(this.place, used), done);
          else fs.remove(path, done);
        },
        (done) => fs.syncFolder(folder, done),
        (done) => {
          if (isWanted && this.closing) fs.remove(inFolder(this.place, used), done);
          else done(null);
        },
      ],
      (error) => {
        this.releasing = false;
        if (error !== null) this.fail(error);
        else {
          this.segments.shift();
          if (isWanted && !this.closing) this.writer.reuse(used);
        }
        if (this.released !== undefined) this.released();
        else this.releaseNext();
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
function removeSpares({ fs, folder }: JournalPlace): void {
  for (const name of fs.listSync(folder)) if (isSpareName(name)) fs.removeSync(join(folder, name));
}

function openActive(place: JournalPlace, { segments }: RecoveredJournal): ActiveSegment {
  const last = segments[segments.length - 1];
  if (last === undefined) throw new Error('a recovered journal has at least one segment');
  const { first, end } = last;
  const file = place.fs.openSync(inFolder(place, segmentName(first)), 'durable_update');
  const size = Math.max(last.size, place.segmentBytes);
  return { file, first, seed: segmentSeed(place.storageId, first), size, end };
}
