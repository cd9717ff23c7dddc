/**
 * Hashes for finding and comparing things; none of them withstands an adversary.
 *
 * All work on 32-bit integers, so that every engine computes the same. `commandHash` is part of the
 * format of snapshots and must never change; the others may.
 */

import type { ByteString } from '../command';
import type { SnapshotCursor } from './state_machine';

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** Spreads keys over tables: FNV-1a, with its upper half folded in because it mixes better. */
export function keyHash(key: ByteString): number {
  let h = FNV_OFFSET;
  for (let i = 0; i < key.length; i++) h = Math.imul(h ^ key.charCodeAt(i), FNV_PRIME);
  return (h ^ (h >>> 15)) >>> 0;
}

/** The same as a signed number, for a key whose bytes lie from `from` up to but not including `to`. */
export function keyHashOf(bytes: Uint8Array, from: number, to: number): number {
  let h = FNV_OFFSET;
  for (let i = from; i < to; i++) h = Math.imul(h ^ (bytes[i] as number), FNV_PRIME);
  return h ^ (h >>> 15);
}

/** Tells one command from another: MurmurHash3 of its bytes, as a signed 32-bit number. */
export function commandHash(bytes: Uint8Array): number {
  const whole = bytes.length & ~3;
  let h = 0;
  for (let at = 0; at < whole; at += 4) {
    h = (Math.imul(rotateLeft(h ^ wordAt(bytes, at), 13), 5) + 0xe6546b64) | 0;
  }
  // A missing byte reads as undefined, which the bit operators take as 0.
  if (whole < bytes.length) h ^= wordAt(bytes, whole);
  h ^= bytes.length;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function wordAt(bytes: Uint8Array, at: number): number {
  const word =
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24);
  return Math.imul(rotateLeft(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593);
}

const rotateLeft = (x: number, by: number): number => (x << by) | (x >>> (32 - by));

/**
 * A fingerprint of a whole state: the hash of its snapshot, as 16 hexadecimal digits. The bytes of
 * a snapshot are a function of the state alone (see DESIGN.md), so replicas that hold the same
 * state have the same digest. It walks everything: it is for tests and for the simulator.
 */
export function digestOf(cursor: SnapshotCursor): string {
  let high = FNV_OFFSET;
  let low = FNV_OFFSET ^ 0x5bd1e995;
  for (let slice = cursor.next(65536); slice !== undefined; slice = cursor.next(65536)) {
    for (const byte of slice) {
      high = Math.imul(high ^ byte, FNV_PRIME);
      low = Math.imul(low ^ byte, 0x85ebca6b) ^ (low >>> 17);
    }
  }
  return [high, low].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
}
