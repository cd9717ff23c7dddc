/**
 * One record of the journal, byte by byte (see DESIGN.md):
 *
 *     0     4       8          14        20     21
 *     | crc | length | sequence | durable | type | payload … |
 *
 * The checksum covers everything after it and is seeded with the journal's storage id, the
 * segment and the offset, so that a record that was left over, or landed elsewhere, does not verify
 * (J1). The sequence is at least 1, so neither does a run of zeros, whatever its checksum (J2).
 *
 * `durable` is the last record that was known to be on disk when this one was written. It lets
 * recovery tell a batch that was cut off by a power failure from damage to what was promised (J4).
 */

import { crc32 } from './checksum';

export const RECORD_HEADER_BYTES = 21;

/** The largest record unless configured: payload without header. */
export const DEFAULT_MAX_RECORD_BYTES = 64 * 1024 * 1024;

/**
 * The type of the record that a clean stop leaves behind. It has no payload and no sequence of its
 * own (it carries the next one): it only says that all records before it are durable.
 */
export const SEAL = 0;

const CRC_BYTES = 4;
const LENGTH_AT = 4;
const SEQUENCE_AT = 8;
const DURABLE_AT = 14;
const TYPE_AT = 20;
const U48_BYTES = 6;

export const lengthAt = (bytes: Buffer, at: number): number => bytes.readUInt32LE(at + LENGTH_AT);
export const sequenceAt = (bytes: Buffer, at: number): number => u48At(bytes, at + SEQUENCE_AT);
export const durableAt = (bytes: Buffer, at: number): number => u48At(bytes, at + DURABLE_AT);
export const typeAt = (bytes: Buffer, at: number): number => bytes.readUInt8(at + TYPE_AT);

/** Writes a header without its checksum, which {@link putChecksum} adds. */
export function putHeader(
  into: Buffer,
  at: number,
  type: number,
  length: number,
  sequence: number,
  durable: number,
): void {
  into.writeUInt32LE(length, at + LENGTH_AT);
  into.writeUIntLE(sequence, at + SEQUENCE_AT, U48_BYTES);
  into.writeUIntLE(durable, at + DURABLE_AT, U48_BYTES);
  into[at + TYPE_AT] = type;
}

/**
 * Completes the record whose header is at `at`. The payload follows it in `into`, unless it is
 * given apart. `seed` is that of the segment, `offset` where the record will be in it.
 */
export function putChecksum(
  into: Buffer,
  at: number,
  seed: number,
  offset: number,
  apart?: Uint8Array,
): void {
  const inside = apart === undefined ? lengthAt(into, at) : 0;
  const body = into.subarray(at + CRC_BYTES, at + RECORD_HEADER_BYTES + inside);
  const crc = crc32(body, seedOf(seed, offset));
  into.writeUInt32LE(apart === undefined ? crc : crc32(apart, crc), at);
}

/**
 * The end of the record numbered `sequence` at `at` of a segment, or undefined where there is no
 * such record, whole and true.
 */
export function recordEnd(
  segment: Buffer,
  at: number,
  seed: number,
  sequence: number,
): number | undefined {
  if (at + RECORD_HEADER_BYTES > segment.length || sequenceAt(segment, at) !== sequence) {
    return undefined;
  }
  return verifiedEnd(segment, at, seed);
}

/**
 * Whether some record from `from` on shows that what stood before it, where record `sequence` should
 * be, was durable. It may say so: it was written when `sequence` was durable. Or it is record
 * `sequence` itself, in its own place: then a seal stood here, which has no number of its own, and
 * nothing is written behind a seal that is not durable.
 */
export function provesDurable(
  segment: Buffer,
  from: number,
  seed: number,
  sequence: number,
): boolean {
  // A used segment is full of records of an earlier life. Their numbers are lower, and no record can
  // have a number that is higher than the records before it have room for.
  for (let at = from; at + RECORD_HEADER_BYTES <= segment.length; at++) {
    const own = sequenceAt(segment, at);
    if (own < sequence || own - sequence > 1 + (at - from) / RECORD_HEADER_BYTES) continue;
    const durable = durableAt(segment, at);
    if (own !== sequence && (durable < sequence || durable >= own)) continue;
    if (verifiedEnd(segment, at, seed) !== undefined) return true;
  }
  return false;
}

function verifiedEnd(segment: Buffer, at: number, seed: number): number | undefined {
  const end = at + RECORD_HEADER_BYTES + lengthAt(segment, at);
  if (end > segment.length) return undefined;
  const crc = crc32(segment.subarray(at + CRC_BYTES, end), seedOf(seed, at));
  return crc === segment.readUInt32LE(at) ? end : undefined;
}

/** As `readUIntLE`, without its checks: recovery asks for each byte of a segment. */
function u48At(bytes: Buffer, at: number): number {
  const low = byteAt(bytes, at) | (byteAt(bytes, at + 1) << 8) | (byteAt(bytes, at + 2) << 16);
  const high = byteAt(bytes, at + 3) | (byteAt(bytes, at + 4) << 8) | (byteAt(bytes, at + 5) << 16);
  return low + high * 0x1000000;
}

const byteAt = (bytes: Buffer, at: number): number => bytes[at] as number;

const seedOf = (segmentSeed: number, offset: number): number => (segmentSeed ^ offset) >>> 0;
