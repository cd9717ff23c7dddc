/**
 * Hashes for placing keys and for comparing what two nodes hold. They work on 32-bit integers, so
 * that every engine computes the same, and none withstands an adversary. Where a key lies on the
 * ring follows from `positionOf` and `tokenOf`: they are part of the format and must never change.
 */

import type { ByteString } from '../command';

/** Mixes 32 bits thoroughly (the finaliser of MurmurHash3). */
function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

const GOLDEN = 0x9e3779b1;

function textHash(text: string, seed: number): number {
  let h = seed;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return mix(h ^ text.length);
}

/** Where a key lies on the ring, 0 to 2^32-1. */
export const positionOf = (key: ByteString): number => textHash(key, 0x811c9dc5);

/** How far into a partition a node's token lies, 0 to 2^32-1. */
export const tokenOf = (node: string, partition: number): number =>
  mix(textHash(node, 0x2545f491) ^ Math.imul(partition + 1, GOLDEN));

const LOW = 2 ** 32;

/** 48 bits of a key and the dots of its versions; never 0, which stands for "nothing". */
export function digestOfDots(key: ByteString, numbers: readonly number[]): number {
  let low = textHash(key, 0x7f4a7c15);
  let high = textHash(key, 0x1b873593);
  for (const number of numbers) {
    const part = (number ^ Math.imul(Math.floor(number / LOW), GOLDEN)) | 0;
    low = mix(Math.imul(low ^ part, 0xcc9e2d51));
    high = mix(Math.imul(high ^ part, 0x1b873593) + GOLDEN);
  }
  return (high & 0xffff) * LOW + low || 1;
}

/** The exclusive or of two digests: the order of what is combined does not matter. */
export function combined(one: number, other: number): number {
  const high = (Math.floor(one / LOW) ^ Math.floor(other / LOW)) & 0xffff;
  return high * LOW + ((one ^ other) >>> 0);
}

/** A digest of digests in their order. */
export function digestOfList(digests: readonly number[]): number {
  return digestOfDots('', digests);
}
