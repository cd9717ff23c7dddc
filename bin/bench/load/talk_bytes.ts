/** Keys as bytes, written over one another in place: a request is a template with a key in it. */

import type { Operation } from '../workload';

export const KEY_BYTES = 16;
const KEY_DIGITS = 13;
const BASE64_DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const ALPHABET = Buffer.from(BASE64_DIGITS);

/** `key0000000000042`; lists have names of their own, because a value is a list or is none. */
export function keyText(operation: Operation, key: number): string {
  return `${operation === 'append' ? 'lst' : 'key'}${String(key).padStart(KEY_DIGITS, '0')}`;
}

/** Writes the digits of a key over the last digits of the key that stands at `at`. */
export function writeKeyDigits(bytes: Buffer, at: number, key: number): void {
  let rest = key;
  for (let i = at + KEY_BYTES - 1; i > at + KEY_BYTES - 1 - KEY_DIGITS; i--) {
    const tenth = Math.floor(rest / 10);
    bytes[i] = 48 + rest - tenth * 10;
    rest = tenth;
  }
}

/** Base64 of a key, written in place; what stands behind its last full three bytes is one byte. */
export function writeBase64(target: Buffer, at: number, source: Buffer): void {
  let to = at;
  for (let i = 0; i < KEY_BYTES; i += 3) {
    const two = i + 1 < KEY_BYTES;
    const three =
      ((source[i] ?? 0) << 16) | (two ? ((source[i + 1] ?? 0) << 8) | (source[i + 2] ?? 0) : 0);
    target[to] = ALPHABET[three >> 18] ?? 0;
    target[to + 1] = ALPHABET[(three >> 12) & 63] ?? 0;
    if (two) {
      target[to + 2] = ALPHABET[(three >> 6) & 63] ?? 0;
      target[to + 3] = ALPHABET[three & 63] ?? 0;
    }
    to += 4;
  }
}
