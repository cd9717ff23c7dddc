/**
 * CRC-32 (the polynomial of zlib). It finds every error within 32 neighbouring bits and every one or
 * two flipped bits, and misses others once in four billion. It guards against disks, not people.
 *
 * A checksum continues from an earlier one: `crc32(b, crc32(a))` is that of `a` followed by `b`. So
 * a seed makes bytes valid in one place only: with equal bytes, different seeds never collide.
 */

import * as zlib from 'node:zlib';

/** Node has it since 20.15 and 22.2; 20.0 to 20.14 take the table. */
export const crc32: (bytes: Uint8Array, seed?: number) => number = zlib.crc32 ?? tableCrc32;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let c = byte;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  return c;
});

/** The same function in plain code: slow, and the oracle of the fast one. */
export function tableCrc32(bytes: Uint8Array, seed = 0): number {
  let c = ~seed;
  for (let i = 0; i < bytes.length; i++) {
    c = (TABLE[(c ^ (bytes[i] as number)) & 0xff] as number) ^ (c >>> 8);
  }
  return ~c >>> 0;
}
