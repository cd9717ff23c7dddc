/**
 * A snapshot file, byte by byte (see DESIGN.md):
 *
 *     0       8         12           18       24            28    32
 *     | magic | version | storage id | number | meta length | crc | meta … |
 *     | 64 KiB of content | crc | 64 KiB of content | crc | … | the rest | crc |
 *     | magic | length of the content | crc |
 *
 * The content has a checksum for every block rather than one for all of it, so that a slice that is
 * sent to a peer is verified like one that is loaded here: a rotten disk must not infect others.
 * All checksums are seeded, the header's with the snapshot's name and the others with the header's
 * and the place of the block, so that no part of one snapshot verifies in another.
 *
 * `number` counts the snapshots of a folder: where a power failure leaves two, the higher counts.
 */

import type { SnapshotName, StorageId } from '../core/ids';
import { crc32 } from './checksum';

export const BLOCK_BYTES = 64 * 1024;
export const BLOCK_CRC_BYTES = 4;
export const STORED_BLOCK_BYTES = BLOCK_BYTES + BLOCK_CRC_BYTES;
export const SNAPSHOT_HEADER_BYTES = 32;
export const SNAPSHOT_FOOTER_BYTES = 14;

const HEADER_MAGIC = Buffer.from('quorumks', 'latin1');
const FOOTER_MAGIC = Buffer.from('done', 'latin1');
const VERSION = 1;
const VERSION_AT = 8;
const STORAGE_ID_AT = 12;
const NUMBER_AT = 18;
const META_LENGTH_AT = 24;
const CRC_AT = 28;

const FOOTER_LENGTH_AT = 4;
const FOOTER_CRC_AT = 10;

const NAME = /^[a-z0-9-]+$/;
export const PARTIAL = '.partial';

/** Names that a file may have: nothing in them can lead out of the folder. */
export const isSnapshotName = (name: string): name is SnapshotName =>
  NAME.test(name) && name.length <= 200;

export interface SnapshotHead {
  readonly number: number;
  readonly metaLength: number;
  /** The checksum of header and meta, and the seed of all that follows. */
  readonly crc: number;
}

/** Header and meta of a new file. */
export function snapshotHead(
  storageId: StorageId,
  number: number,
  name: SnapshotName,
  meta: Uint8Array,
): Buffer {
  const head = Buffer.alloc(SNAPSHOT_HEADER_BYTES + meta.length);
  HEADER_MAGIC.copy(head);
  head.writeUInt32LE(VERSION, VERSION_AT);
  head.writeUIntLE(storageId, STORAGE_ID_AT, 6);
  head.writeUIntLE(number, NUMBER_AT, 6);
  head.writeUInt32LE(meta.length, META_LENGTH_AT);
  head.set(meta, SNAPSHOT_HEADER_BYTES);
  head.writeUInt32LE(headCrc(head, name, meta), CRC_AT);
  return head;
}

/** The seed of what follows this head. */
export const headCrcOf = (head: Buffer): number => head.readUInt32LE(CRC_AT);

/** Reads a header; a string says what is wrong with it. `verifyMeta` completes the check. */
export function readHead(head: Buffer, storageId: StorageId): SnapshotHead | string {
  if (head.length < SNAPSHOT_HEADER_BYTES) return 'the file ends within its header';
  if (!head.subarray(0, VERSION_AT).equals(HEADER_MAGIC)) return 'this is not a snapshot';
  const version = head.readUInt32LE(VERSION_AT);
  if (version !== VERSION)
    return `the format has version ${version}, this program reads ${VERSION}`;
  const owner = head.readUIntLE(STORAGE_ID_AT, 6);
  if (owner !== storageId) return `the snapshot is of storage ${owner}, the folder is ${storageId}`;
  return {
    number: head.readUIntLE(NUMBER_AT, 6),
    metaLength: head.readUInt32LE(META_LENGTH_AT),
    crc: headCrcOf(head),
  };
}

export function verifyMeta(head: Buffer, name: SnapshotName, meta: Uint8Array): boolean {
  return headCrcOf(head) === headCrc(head, name, meta);
}

export const blockCrc = (content: Uint8Array, headerCrc: number, block: number): number =>
  crc32(content, (headerCrc ^ block) >>> 0);

export function snapshotFooter(size: number, headerCrc: number): Buffer {
  const footer = Buffer.alloc(SNAPSHOT_FOOTER_BYTES);
  FOOTER_MAGIC.copy(footer);
  footer.writeUIntLE(size, FOOTER_LENGTH_AT, 6);
  footer.writeUInt32LE(crc32(footer.subarray(0, FOOTER_CRC_AT), headerCrc), FOOTER_CRC_AT);
  return footer;
}

/** The length of the content according to a footer, or undefined if it is none. */
export function readFooter(footer: Buffer, headerCrc: number): number | undefined {
  if (footer.length < SNAPSHOT_FOOTER_BYTES) return undefined;
  const size = footer.readUIntLE(FOOTER_LENGTH_AT, 6);
  return footer.equals(snapshotFooter(size, headerCrc)) ? size : undefined;
}

/** The bytes that content of this length takes in the file. */
export const storedLength = (size: number): number =>
  size + Math.ceil(size / BLOCK_BYTES) * BLOCK_CRC_BYTES;

function headCrc(head: Buffer, name: SnapshotName, meta: Uint8Array): number {
  return crc32(meta, crc32(head.subarray(0, CRC_AT), crc32(Buffer.from(name, 'latin1'))));
}
