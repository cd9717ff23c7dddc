/**
 * Appends records: one write, which is durable when it is reported, for each batch, the next batch
 * gathering meanwhile.
 *
 * Never more than one write is under way, so what was handed over becomes durable in that order,
 * and every record of a batch can name the record before the batch as durable (J4). After a write
 * that failed, nothing is ever written again: a flush that is tried again reports success for bytes
 * that the system has already thrown away (J6).
 */

import { InvariantViolation, invariant } from '../core/assert';
import type { JournalRecord } from '../core/protocol';
import { BatchEncoder, type BatchTarget } from './batch_encoder';
import { type Done, type FileHandle, systemCode } from './file_system';
import { inFolder, type JournalPlace } from './journal_place';
import { SEAL } from './record_format';
import { SEGMENT_HEADER_BYTES, segmentHeader, segmentName, segmentSeed } from './segment_format';
import { type Spare, SpareSegment } from './spare_segment';
import { inOrder, writeWhole, writeWholeSync } from './whole_files';
import { WritePace } from './write_pace';

/** The segment that is being written. */
export interface ActiveSegment {
  readonly file: FileHandle;
  readonly first: number;
  readonly seed: number;
  /** How far it may grow before the next segment begins. */
  readonly size: number;
  /** Where the next record goes. */
  end: number;
}

export interface JournalWriterListener {
  /** All records up to this one are durable. */
  persisted(through: number): void;
  /** A new segment has taken over. */
  rotated(active: ActiveSegment): void;
  failed(error: Error): void;
}

/** A batch of more bytes than this is left to a thread. */
const LARGEST_AWAITED_BYTES = 32 * 1024;

export class JournalWriter {
  fsyncCount = 0;
  lastFsyncMs = 0;

  /** Records handed over while `batch` is being written. */
  private gathering: JournalRecord[] = [];
  private batch: JournalRecord[] = [];
  /** How many records of `batch` are durable. */
  private taken = 0;
  private appended: number;
  private durable: number;
  private busy = false;
  private broken = false;
  private closing: (() => void) | undefined;
  private readonly encoder = new BatchEncoder();
  private readonly spare: SpareSegment;
  private readonly pace = new WritePace();

  constructor(
    private readonly place: JournalPlace,
    private active: ActiveSegment,
    /** The last record that is durable already. */
    last: number,
    private readonly listener: JournalWriterListener,
  ) {
    this.appended = this.durable = last;
    this.spare = new SpareSegment(place, (error) => this.fail(error));
  }

  get pendingRecords(): number {
    return this.appended - this.durable;
  }

  /** Whether a segment that nobody needs any more is wanted for its file. */
  get wantsUsed(): boolean {
    return this.spare.wantsUsed;
  }

  /** Takes the file of one, by its new name. */
  reuse(name: string): void {
    this.spare.reuse(name);
  }

  /**
   * Takes records; they are not copied and must not change until they are durable. With `mayWait`
   * they are durable when this returns, if nothing else is under way and the disk is fast.
   */
  append(records: readonly JournalRecord[], through: number, mayWait: boolean): void {
    invariant(through === this.appended + records.length, 'records must be numbered without gaps', {
      through,
      appended: this.appended,
      records: records.length,
    });
    for (const record of records) {
      if (!this.isSound(record)) refuse(record, this.place.maxRecordBytes);
      this.gathering.push(record);
    }
    this.appended = through;
    this.proceed(mayWait);
  }

  /** Writes what was handed over and seals the journal; `done` comes even if the disk fails. */
  close(done: () => void): void {
    this.closing = done;
    this.proceed();
  }

  private isSound({ type, payload }: JournalRecord): boolean {
    return type >= 1 && type <= 255 && payload.length <= this.place.maxRecordBytes;
  }

  /** Does what is next, unless something is under way: then its end comes here. */
  private proceed(mayWait = false): void {
    if (this.busy) return;
    if (this.taken === this.batch.length) this.nextBatch();
    if (this.broken) this.closeFiles();
    else if (this.batch.length > 0) this.writeBatch(mayWait);
    else if (this.closing !== undefined) this.seal();
  }

  private nextBatch(): void {
    const written = this.batch;
    this.batch = this.gathering;
    this.gathering = written;
    this.gathering.length = 0;
    this.taken = 0;
  }

  private writeBatch(mayWait: boolean): void {
    const count = this.encoder.encode(this.batch, this.taken, this.target(this.active));
    if (count > 0) this.writeRecords(count, mayWait);
    else this.rotate();
  }

  private writeRecords(count: number, mayWait: boolean): void {
    this.busy = true;
    this.writeEncoded(mayWait, (error) => {
      if (!this.ended(error)) return;
      this.taken += count;
      this.durable += count;
      const through = this.durable;
      if (this.active.end > this.active.size / 2) this.spare.prepare();
      this.proceed();
      // Last of all: the next batch is on its way, and the listener may hand over more.
      this.listener.persisted(through);
    });
  }

  private writeEncoded(mayWait: boolean, done: Done): void {
    const { active, encoder, pace } = this;
    const { fs } = this.place;
    const only = encoder.parts.length === 1 ? encoder.parts[0] : undefined;
    const waits =
      mayWait && pace.isFast && only !== undefined && only.length <= LARGEST_AWAITED_BYTES;
    const began = fs.now();
    const written: Done = (error) => {
      active.end += encoder.bytes;
      this.lastFsyncMs = fs.now() - began;
      pace.note(this.lastFsyncMs, waits);
      if (error === null) this.fsyncCount++;
      done(error);
    };
    if (waits) written(errorOf(() => writeWholeSync(fs, active.file, only, active.end)));
    else writeWhole(fs, active.file, encoder.parts, active.end, written);
  }

  private target(active: ActiveSegment): BatchTarget {
    return {
      seed: active.seed,
      offset: active.end,
      room: active.size - active.end,
      // With no record in it (a seal is none), the next segment would have the name of this one.
      mayExceed: this.durable + 1 === active.first,
      sequence: this.durable + 1,
      durable: this.durable,
    };
  }

  /** Begins the next segment. All records of the present one are durable by now. */
  private rotate(): void {
    this.busy = true;
    this.spare.take((error, spare) => {
      if (spare === undefined) {
        this.ended(error ?? new Error('there is no spare segment'));
      } else this.install(spare);
    });
  }

  /**
   * Makes the spare the active segment. It has a durable header before it gets its name, and a
   * durable name before it gets a record (J5).
   */
  private install({ file, name, size }: Spare): void {
    const { fs, storageId, folder, segmentBytes } = this.place;
    const first = this.durable + 1;
    invariant(first > this.active.first, 'a segment must not replace the one that is written', {
      first,
      active: this.active.first,
    });
    const from = inFolder(this.place, name);
    const to = inFolder(this.place, segmentName(first));
    inOrder(
      [
        (done) => writeWhole(fs, file, [segmentHeader(storageId, first)], 0, done),
        (done) => fs.rename(from, to, done),
        (done) => fs.syncFolder(folder, done),
        (done) => fs.close(this.active.file, done),
      ],
      (error) => {
        if (error !== null) {
          fs.close(file, () => this.ended(error));
          return;
        }
        const seed = segmentSeed(storageId, first);
        const end = SEGMENT_HEADER_BYTES;
        this.active = { file, first, seed, size: Math.max(segmentBytes, size), end };
        if (!this.ended(null)) return;
        this.listener.rotated(this.active);
        this.proceed();
      },
    );
  }

  /** Says on the disk that everything is durable, so that later damage cannot pass for a torn tail. */
  private seal(): void {
    this.busy = true;
    this.encoder.encodeEmpty(SEAL, this.target(this.active));
    this.writeEncoded(false, (error) => {
      if (this.ended(error)) this.closeFiles();
    });
  }

  /** Notes that what was under way has ended; says whether to go on. */
  private ended(error: Error | null): boolean {
    this.busy = false;
    if (error !== null) this.fail(error);
    else if (this.broken) this.proceed();
    return !this.broken;
  }

  private fail(error: Error): void {
    const isFirst = !this.broken;
    this.broken = true;
    this.proceed();
    if (isFirst) this.listener.failed(error);
  }

  private closeFiles(): void {
    const { closing } = this;
    if (closing === undefined) return;
    this.busy = true;
    this.spare.close(() => this.place.fs.close(this.active.file, () => closing()));
  }
}

/** What the system has to say against a write; anything else that is thrown goes on. */
function errorOf(write: () => void): Error | null {
  try {
    write();
    return null;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return error as Error;
  }
}

/** Apart from the check, so that a sound record costs no details. */
function refuse({ type, payload }: JournalRecord, maxRecordBytes: number): never {
  throw new InvariantViolation(
    'a record must have a type from 1 to 255 and must not be too large',
    {
      type,
      length: payload.length,
      maxRecordBytes,
    },
  );
}
