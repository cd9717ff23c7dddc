/**
 * The words that programs meet which embed a node, whatever protocol it speaks: values, errors, and
 * how both get in and out.
 */

import { type OperatingError, operatingError } from './core/errors';

/** Whatever JSON can say. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [name: string]: Json };

/** A request that was not carried out, or of which nobody knows. */
export class KVError extends Error {
  override readonly name = 'KVError';
  /** A code of `errors.ts`, or `not_a_list` for an APPEND to a value that is none. */
  readonly code: string;
  /** Whether the request may have taken effect. */
  readonly outcome: OperatingError['outcome'];
  /** Whether it may be tried again, and how. */
  readonly retry: OperatingError['retry'];
  readonly details: Readonly<Record<string, number | string>>;

  constructor(error: Omit<OperatingError, 'code'> & { readonly code: string }) {
    super(error.message);
    this.code = error.code;
    this.outcome = error.outcome;
    this.retry = error.retry;
    this.details = error.details;
  }
}

/** The options do not make a node; every problem is in the message. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * UTF-8 bytes, one character each; see `core/command.ts`. Throws for what has none: all halves of
 * surrogate pairs would become the same replacement character, and different keys one.
 */
export function byteString(text: unknown, what = 'a key'): string {
  if (typeof text !== 'string') throw new TypeError(`${what} must be a string`);
  // Characters below 128 are their own UTF-8.
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) <= 0x7f) continue;
    if (UNPAIRED.test(text)) throw new TypeError(`${what} must be Unicode`);
    return Buffer.from(text, 'utf8').toString('latin1');
  }
  return text;
}

/** Half of a surrogate pair without the other half. */
const UNPAIRED = /\p{Surrogate}/u;

/** A value as it was put: JSON text in UTF-8, whose bytes are the characters of `text`. */
export function jsonValue(text: string): Json {
  const utf8 = NOT_ASCII.test(text) ? Buffer.from(text, 'latin1').toString('utf8') : text;
  return JSON.parse(utf8);
}

const NOT_ASCII = /[\u0080-\u00ff]/;

/** A string that JSON writes as it is, between quotes, in one byte for each character. */
const NEEDS_NO_ESCAPE = /^[ !#-[\]-~]*$/;

export function jsonBytes(value: unknown): Uint8Array {
  // `JSON.stringify` takes three times as long for a string of 256 characters.
  if (typeof value === 'string' && NEEDS_NO_ESCAPE.test(value)) return quoted(value);
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new TypeError('a value must be something that JSON can say');
  return Buffer.from(text, 'utf8');
}

/** A string between quotes: nothing is joined, which would be copied once more. */
function quoted(text: string): Uint8Array {
  const bytes = Buffer.allocUnsafe(text.length + 2);
  bytes[0] = QUOTE;
  bytes.write(text, 1, 'latin1');
  bytes[text.length + 1] = QUOTE;
  return bytes;
}

const QUOTE = 0x22;

export function tooLarge(what: string, bytes: number, limit: number): KVError {
  return new KVError(
    operatingError('too_large', `the ${what} has ${bytes} bytes; ${limit} are allowed`, {
      bytes,
      limit,
    }),
  );
}

/** Throws what is wrong with a key, which rejects the promise of the call that it is for. */
export function checkKey(key: string, maxKeyBytes: number): void {
  if (key.length === 0) throw new TypeError('a key must not be empty');
  if (key.length > maxKeyBytes) throw tooLarge('key', key.length, maxKeyBytes);
}
