/**
 * One snapshot being written aside, in `<name>.partial`: it gets its name only when all of it is
 * durable, so a file without that ending is whole unless the disk has damaged it.
 */

import type { SnapshotName, StorageId } from '../core/ids';
import type { Done, DoneWith, FileHandle, FileSystem } from './file_system';
import {
  BLOCK_BYTES,
  BLOCK_CRC_BYTES,
  blockCrc,
  headCrcOf,
  PARTIAL,
  STORED_BLOCK_BYTES,
  snapshotFooter,
  snapshotHead,
} from './snapshot_format';
import type { SnapshotFile } from './snapshot_reader';
import { inOrder, writeWhole } from './whole_files';

/** How many blocks are gathered before they are written and flushed. */
const BLOCKS_AT_ONCE = 16;

export class SnapshotWriter {
  private file: FileHandle | undefined;
  private readonly head: Buffer;
  private readonly seed: number;
  /** Whole blocks with their checksums, and the beginning of the next block. */
  private readonly staging = Buffer.allocUnsafeSlow(BLOCKS_AT_ONCE * STORED_BLOCK_BYTES);
  private staged = 0;
  /** The number of the block that is being gathered, and how much content it has. */
  private block = 0;
  private inBlock = 0;
  /** Where in the file the staged bytes go. */
  private end = 0;

  constructor(
    private readonly fs: FileSystem,
    /** The path that the snapshot will have. */
    private readonly path: string,
    storageId: StorageId,
    readonly name: SnapshotName,
    private readonly number: number,
    meta: Uint8Array,
  ) {
    this.head = snapshotHead(storageId, number, name, meta);
    this.seed = headCrcOf(this.head);
  }

  open(done: Done): void {
    // Flushed piece by piece: a large file that is flushed at its end keeps the journal waiting, on
    // which all writes of the node depend.
    this.fs.open(this.path + PARTIAL, 'durable_create', (error, file) => {
      if (error !== null) {
        done(error);
        return;
      }
      this.file = file;
      this.end = this.head.length;
      writeWhole(this.fs, file, [this.head], 0, done);
    });
  }

  /** Takes more content; done when the bytes are not needed any more. */
  append(bytes: Uint8Array, done: Done): void {
    const rest = bytes.subarray(this.stage(bytes));
    if (rest.length === 0) {
      // Never within the call: who appends must not hear of it before the call has returned.
      this.fs.soon(done);
      return;
    }
    this.flush((error) => {
      if (error === null) this.append(rest, done);
      else done(error);
    });
  }

  /** Makes the snapshot durable under its name; the file stays open to be read, unless this fails. */
  commit(folder: string, done: DoneWith<SnapshotFile | undefined>): void {
    const size = this.block * BLOCK_BYTES + this.inBlock;
    const { fs, path, name, number, seed } = this;
    const file = this.opened();
    if (this.inBlock > 0) this.closeBlock();
    inOrder(
      [
        (next) => this.flush(next),
        (next) => writeWhole(fs, file, [snapshotFooter(size, seed)], this.end, next),
        (next) => fs.rename(path + PARTIAL, path, next),
        (next) => fs.syncFolder(folder, next),
      ],
      (error) => {
        const start = this.head.length;
        if (error === null) done(null, { path, name, number, file, start, size, seed });
        else fs.close(file, () => done(error, undefined));
      },
    );
  }

  /** Forgets the snapshot and its bytes. */
  abort(done: Done): void {
    const { fs, file } = this;
    const remove: (next: Done) => void = (next) => fs.remove(this.path + PARTIAL, next);
    if (file === undefined) fs.soon(done);
    else inOrder([(next) => fs.close(file, next), remove], done);
  }

  /** Copies what there is room for; says how much that was. */
  private stage(bytes: Uint8Array): number {
    let taken = 0;
    while (taken < bytes.length && this.staged < this.staging.length) {
      const length = Math.min(BLOCK_BYTES - this.inBlock, bytes.length - taken);
      this.staging.set(bytes.subarray(taken, taken + length), this.staged);
      this.staged += length;
      this.inBlock += length;
      taken += length;
      if (this.inBlock === BLOCK_BYTES) this.closeBlock();
    }
    return taken;
  }

  private closeBlock(): void {
    const content = this.staging.subarray(this.staged - this.inBlock, this.staged);
    this.staging.writeUInt32LE(blockCrc(content, this.seed, this.block), this.staged);
    this.staged += BLOCK_CRC_BYTES;
    this.block++;
    this.inBlock = 0;
  }

  /** Writes what is staged: whole blocks only, because whole blocks are what the buffer holds. */
  private flush(done: Done): void {
    const bytes = this.staging.subarray(0, this.staged);
    if (bytes.length === 0) {
      this.fs.soon(done);
      return;
    }
    writeWhole(this.fs, this.opened(), [bytes], this.end, (error) => {
      this.end += bytes.length;
      this.staged = 0;
      done(error);
    });
  }

  private opened(): FileHandle {
    if (this.file === undefined) throw new Error('the snapshot has not been opened');
    return this.file;
  }
}
