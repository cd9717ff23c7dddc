/**
 * The next segment, made ready in the background while the present one is in use: one that nobody
 * needs any more, or a new file filled with zeros.
 *
 * Writing into a file that already has its length and its blocks saves about a third of every
 * flush. The filling must not cost the appends what it saves, so it goes in small pieces, each
 * flushed by itself: an append that comes at a bad moment waits for one piece at most. A used segment
 * costs nothing, so that the disk writes half as much; what is left in it never verifies in its next
 * life, since the seed of all checksums is another (J1).
 */

import { type FileHandle, isOutOfDescriptors } from './file_system';
import { inFolder, type JournalPlace } from './journal_place';
import { SPARE_FILE } from './segment_format';
import { writeWhole } from './whole_files';

const PIECE_BYTES = 512 * 1024;
const ZEROS = Buffer.alloc(PIECE_BYTES);
/** As many segments as this are kept to be used again; the others are deleted. */
const MAX_USED = 4;

export interface Spare {
  readonly file: FileHandle;
  readonly name: string;
  /** How much of it is ready: all, unless it was taken early. */
  readonly size: number;
}

type Taker = (error: Error | null, spare: Spare | undefined) => void;

export class SpareSegment {
  private file: FileHandle | undefined;
  private name = SPARE_FILE;
  private filled = 0;
  /** The names of segments to be used again. */
  private readonly used: string[] = [];
  private working = false;
  private taker: Taker | undefined;
  private failure: Error | undefined;
  private closing: (() => void) | undefined;

  constructor(
    private readonly place: JournalPlace,
    /** Told at once when the disk fails while nobody waits for the spare. */
    private readonly failed: (error: Error) => void,
  ) {}

  /** Begins to make one ready, if that has not begun. */
  prepare(): void {
    if (this.working || this.file !== undefined || this.failure !== undefined) return;
    this.working = true;
    const [used] = this.used;
    const mode = used === undefined ? 'durable_create' : 'durable_update';
    this.name = used ?? SPARE_FILE;
    this.place.fs.open(inFolder(this.place, this.name), mode, (error, file) => {
      if (error === null) {
        this.file = file;
        this.filled = used === undefined ? 0 : this.place.segmentBytes;
        if (used !== undefined) this.used.shift();
      }
      this.pieceDone(error);
    });
  }

  /** Whether another used segment is wanted. */
  get wantsUsed(): boolean {
    return this.used.length < MAX_USED;
  }

  /** Takes a file of the usual length whose old name is durably gone. */
  reuse(name: string): void {
    this.used.push(name);
  }

  /** Hands over the spare as it is after the piece under way; begins one if there is none. */
  take(taker: Taker): void {
    this.taker = taker;
    this.prepare();
    if (!this.working) this.handOver();
  }

  /** Stops filling, and removes the spare and all that could become one. */
  close(done: () => void): void {
    this.closing = done;
    if (!this.working) this.dispose(done);
  }

  private pieceDone(error: Error | null): void {
    this.working = false;
    // A file that could not be opened is missed only by who waits for it: the next batch tries again.
    const isMissed = this.taker !== undefined || !isOutOfDescriptors(error);
    if (error !== null && isMissed) this.failure = error;
    if (this.closing !== undefined) this.dispose(this.closing);
    else if (this.taker !== undefined) this.handOver();
    else if (this.failure !== undefined) this.failed(this.failure);
    else if (this.filled < this.place.segmentBytes) this.fillPiece();
  }

  private fillPiece(): void {
    const { file } = this;
    if (file === undefined) return;
    const length = Math.min(PIECE_BYTES, this.place.segmentBytes - this.filled);
    this.working = true;
    writeWhole(this.place.fs, file, [ZEROS.subarray(0, length)], this.filled, (error) => {
      if (error === null) this.filled += length;
      this.pieceDone(error);
    });
  }

  private handOver(): void {
    const { taker, file, failure } = this;
    this.taker = undefined;
    if (failure === undefined) this.file = undefined;
    const spare = file === undefined ? undefined : { file, name: this.name, size: this.filled };
    if (failure === undefined) taker?.(null, spare);
    else taker?.(failure, undefined);
  }

  private dispose(done: () => void): void {
    const { file } = this;
    const { fs } = this.place;
    const names = this.used.splice(0);
    this.file = undefined;
    if (file === undefined) this.removeAll(names, done);
    else fs.close(file, () => this.removeAll([this.name, ...names], done));
  }

  /** What cannot be removed now, the next start removes. */
  private removeAll([name, ...others]: readonly string[], done: () => void): void {
    if (name === undefined) done();
    else this.place.fs.remove(inFolder(this.place, name), () => this.removeAll(others, done));
  }
}
