/**
 * Hashes of what clients can see, for comparing replicas: 64 bits in two halves, which are added up
 * over keys by exclusive or, so that their order does not matter. They work on 32-bit integers, so
 * that every engine computes the same; they find accidents and withstand no adversary.
 */

import { ByteWriter } from '../bytes';
import type { ByteString } from '../command';
import { keyHash } from '../machine/hash';
import { livingParts, type Parts } from './parts';
import { writeParts } from './parts_codec';

export interface Fingerprint {
  readonly high: number;
  readonly low: number;
}

export const EMPTY: Fingerprint = { high: 0, low: 0 };

/** Keys are compared in so many groups. */
export const LEAVES = 4096;
export const leafOf = (key: ByteString): number => keyHash(key) % LEAVES;

/** Of a key with all that clients can see of it, stamps included; `EMPTY` if that is nothing. */
export function fingerprintOf(key: ByteString, parts: Parts): Fingerprint {
  const living = livingParts(parts);
  if (living.length === 0) return EMPTY;
  const bytes = writeParts(new ByteWriter().u32(key.length).latin1(key), living).finish();
  let high = 0x811c9dc5;
  let low = 0x2545f491;
  for (const byte of bytes) {
    high = Math.imul(high ^ byte, 0x01000193);
    low = Math.imul(low ^ byte, 0x85ebca6b) ^ (low >>> 15);
  }
  return { high: mix(high), low: mix(low) };
}

export const combined = (one: Fingerprint, other: Fingerprint): Fingerprint => ({
  high: (one.high ^ other.high) >>> 0,
  low: (one.low ^ other.low) >>> 0,
});

export const isAlike = (one: Fingerprint, other: Fingerprint): boolean =>
  one.high === other.high && one.low === other.low;

export const hexOf = ({ high, low }: Fingerprint): string =>
  [high, low].map((half) => half.toString(16).padStart(8, '0')).join('');

function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
