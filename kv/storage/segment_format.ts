/**
 * What a segment is called and how it begins. A segment is one file of the journal:
 *
 *     0       8         12           18      24       28    32
 *     | magic | version | storage id | first | unused | crc | records … | anything |
 *
 * Its name is the number of its first record. A segment gets its name only once everything before
 * it is durable, so the name alone says that all records before that number were promised (J5).
 */

import type { StorageId } from '../core/ids';
import { crc32 } from './checksum';

export const SEGMENT_HEADER_BYTES = 32;
export const DEFAULT_SEGMENT_BYTES = 16 * 1024 * 1024;

/** The next segment while it is being filled with zeros; worthless after a restart. */
export const SPARE_FILE = 'next.partial';

/** A segment that nobody needs any more, until it is written over; worthless after a restart too. */
export const usedName = (first: number): string => `${segmentName(first)}.used`;

export const isSpareName = (name: string): boolean =>
  name === SPARE_FILE || (name.endsWith('.used') && NAME.test(name.slice(0, -'.used'.length)));

const MAGIC = Buffer.from('quorumkj', 'latin1');
const VERSION = 1;
const VERSION_AT = 8;
const STORAGE_ID_AT = 12;
const FIRST_AT = 18;
const CRC_AT = 28;

const NAME = /^(\d{15})\.segment$/;

export const segmentName = (first: number): string => `${String(first).padStart(15, '0')}.segment`;

/** The first sequences of the segments among some file names, in order. */
export function segmentFirsts(names: readonly string[]): number[] {
  const firsts: number[] = [];
  for (const name of names) {
    const match = NAME.exec(name);
    if (match?.[1] !== undefined) firsts.push(Number(match[1]));
  }
  return firsts.sort((x, y) => x - y);
}

export function segmentHeader(storageId: StorageId, first: number): Buffer {
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt32LE(VERSION, VERSION_AT);
  header.writeUIntLE(storageId, STORAGE_ID_AT, 6);
  header.writeUIntLE(first, FIRST_AT, 6);
  header.writeUInt32LE(crc32(header.subarray(0, CRC_AT)), CRC_AT);
  return header;
}

/** What is wrong with the header of a segment, as a clause; undefined when nothing is. */
export function headerFault(
  segment: Buffer,
  storageId: StorageId,
  first: number,
): string | undefined {
  if (segment.length < SEGMENT_HEADER_BYTES) return 'the file ends within its header';
  const header = segment.subarray(0, SEGMENT_HEADER_BYTES);
  if (header.readUInt32LE(CRC_AT) !== crc32(header.subarray(0, CRC_AT))) {
    return 'the header does not verify';
  }
  if (!header.subarray(0, VERSION_AT).equals(MAGIC)) return 'this is not a segment of a journal';
  const version = header.readUInt32LE(VERSION_AT);
  if (version !== VERSION)
    return `the format has version ${version}, this program reads ${VERSION}`;
  const owner = header.readUIntLE(STORAGE_ID_AT, 6);
  if (owner !== storageId) return `the segment is of storage ${owner}, the folder is ${storageId}`;
  const start = header.readUIntLE(FIRST_AT, 6);
  if (start !== first) return `the file begins with record ${start}, its name says ${first}`;
  return header.equals(segmentHeader(storageId, first)) ? undefined : 'the header is not canonical';
}

/**
 * The seed of all checksums in one segment. The header's own checksum must stay outside: a CRC over
 * bytes that end with their CRC is the same for all bytes.
 */
export function segmentSeed(storageId: StorageId, first: number): number {
  return crc32(segmentHeader(storageId, first).subarray(VERSION_AT, CRC_AT));
}
