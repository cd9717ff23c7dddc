/**
 * A whole snapshot on the disk: opened and checked, iterated at recovery, read in slices for peers.
 * No byte of it is given to anybody before the checksum of its block has been verified.
 */

import type { SnapshotName, StorageId } from '../core/ids';
import type { DoneWith, FileHandle, FileSystem } from './file_system';
import {
  BLOCK_BYTES,
  BLOCK_CRC_BYTES,
  blockCrc,
  readFooter,
  readHead,
  SNAPSHOT_FOOTER_BYTES,
  SNAPSHOT_HEADER_BYTES,
  STORED_BLOCK_BYTES,
  storedLength,
  verifyMeta,
} from './snapshot_format';
import { SnapshotDamaged } from './storage_errors';
import { readWhole, readWholeSync } from './whole_files';

/** How many blocks are read at once. */
const BLOCKS_AT_ONCE = 16;

export interface SnapshotFile {
  readonly path: string;
  readonly name: SnapshotName;
  readonly number: number;
  readonly file: FileHandle;
  /** Where the content begins. */
  readonly start: number;
  /** The length of the content. */
  readonly size: number;
  /** The seed of the blocks. */
  readonly seed: number;
}

/** Opens a snapshot and verifies all but its content. Throws `SnapshotDamaged`. */
export function openSnapshotSync(
  fs: FileSystem,
  path: string,
  name: SnapshotName,
  storageId: StorageId,
): { readonly snapshot: SnapshotFile; readonly meta: Uint8Array } {
  const file = fs.openSync(path, 'read');
  try {
    const length = fs.sizeSync(file);
    const header = readAt(fs, file, 0, SNAPSHOT_HEADER_BYTES);
    const head = readHead(header, storageId);
    if (typeof head === 'string') throw new SnapshotDamaged(path, 0, head);
    const start = SNAPSHOT_HEADER_BYTES + head.metaLength;
    const footerAt = length - SNAPSHOT_FOOTER_BYTES;
    if (footerAt < start) throw new SnapshotDamaged(path, length, 'the file ends too early');
    const meta = readAt(fs, file, SNAPSHOT_HEADER_BYTES, head.metaLength);
    if (!verifyMeta(header, name, meta)) {
      throw new SnapshotDamaged(path, 0, 'the header does not verify');
    }
    const size = readFooter(readAt(fs, file, footerAt, SNAPSHOT_FOOTER_BYTES), head.crc);
    if (size === undefined || start + storedLength(size) !== footerAt) {
      throw new SnapshotDamaged(path, Math.max(0, footerAt), 'the end of the file does not verify');
    }
    const { number, crc } = head;
    return { snapshot: { path, name, number, file, start, size, seed: crc }, meta };
  } catch (error) {
    fs.closeSync(file);
    throw error;
  }
}

/** The content, one verified block after another. */
export function* snapshotChunks(fs: FileSystem, snapshot: SnapshotFile): Generator<Uint8Array> {
  const blocks = Math.ceil(snapshot.size / BLOCK_BYTES);
  for (let from = 0; from < blocks; from += BLOCKS_AT_ONCE) {
    const to = Math.min(blocks, from + BLOCKS_AT_ONCE);
    const { at, length } = storedRange(snapshot, from, to);
    const stored = readAt(fs, snapshot.file, at, length);
    for (let block = from; block < to; block++) yield blockOf(snapshot, stored, from, block);
  }
}

/** Reads a slice of the content while the node serves; shorter at the end of the content. */
export function readSlice(
  fs: FileSystem,
  snapshot: SnapshotFile,
  offset: number,
  length: number,
  done: DoneWith<Uint8Array>,
): void {
  const end = Math.min(snapshot.size, offset + length);
  const nothing = new Uint8Array(0);
  if (offset >= end) {
    fs.soon((error) => done(error, nothing));
    return;
  }
  const from = Math.floor(offset / BLOCK_BYTES);
  const to = Math.ceil(end / BLOCK_BYTES);
  const range = storedRange(snapshot, from, to);
  const stored = Buffer.allocUnsafeSlow(range.length);
  readWhole(fs, snapshot.file, stored, range.at, (error, read) => {
    const slice = error ?? verified(() => joined(snapshot, stored.subarray(0, read), from, to));
    const skip = offset - from * BLOCK_BYTES;
    if (slice instanceof Error) done(slice, nothing);
    else done(null, slice.subarray(skip, skip + end - offset));
  });
}

/** What was verified, or the damage that was found. */
function verified(read: () => Uint8Array): Uint8Array | SnapshotDamaged {
  try {
    return read();
  } catch (error) {
    if (error instanceof SnapshotDamaged) return error;
    throw error;
  }
}

/** The content of some blocks, verified and moved together in place. */
function joined(snapshot: SnapshotFile, stored: Buffer, from: number, to: number): Uint8Array {
  let length = 0;
  for (let block = from; block < to; block++) {
    const content = blockOf(snapshot, stored, from, block);
    const at = (block - from) * STORED_BLOCK_BYTES;
    stored.copyWithin(length, at, at + content.length);
    length += content.length;
  }
  return stored.subarray(0, length);
}

/** The content of one block in what was read from block `from` on. Throws `SnapshotDamaged`. */
function blockOf(
  { path, start, size, seed }: SnapshotFile,
  stored: Buffer,
  from: number,
  block: number,
): Buffer {
  const at = (block - from) * STORED_BLOCK_BYTES;
  const length = Math.min(BLOCK_BYTES, size - block * BLOCK_BYTES);
  const content = stored.subarray(at, at + length);
  const whole = at + length + BLOCK_CRC_BYTES <= stored.length;
  if (whole && stored.readUInt32LE(at + length) === blockCrc(content, seed, block)) return content;
  const where = start + block * STORED_BLOCK_BYTES;
  throw new SnapshotDamaged(path, where, `block ${block} of the content does not verify`);
}

/** Where the blocks from `from` up to but not including `to` lie in the file. */
function storedRange({ start, size }: SnapshotFile, from: number, to: number) {
  const at = from * STORED_BLOCK_BYTES;
  const end = Math.min(storedLength(size), to * STORED_BLOCK_BYTES);
  return { at: start + at, length: end - at };
}

function readAt(fs: FileSystem, file: FileHandle, at: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length);
  return bytes.subarray(0, readWholeSync(fs, file, bytes, at));
}
