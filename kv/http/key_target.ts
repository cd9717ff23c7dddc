/**
 * From the target of a request (`/keys/a%20b?level=stale`) to a key and the text of its query.
 *
 * The raw target is read, character by character: a key may hold slashes and dot segments, and
 * what the client wrote after `/keys/` is the key. Nothing is normalised.
 */

import { isUtf8 } from 'node:buffer';
import type { ByteString } from '../core/command';
import { Refusal } from './error_status';

const PREFIX = '/keys/';

export function isKeyTarget(target: string): boolean {
  return target.startsWith(PREFIX);
}

/**
 * A proxy's form of a target, `http://host:port/keys/a`, without its scheme and host, as every
 * server must take it (RFC 9112 §3.2.2). `undefined` if the target is of neither form.
 */
export function originForm(target: string): string | undefined {
  if (target.startsWith('/') || target === '*') return target;
  const host = target.indexOf('://');
  if (host < 0) return undefined;
  const length = target.slice(host + 3).search(/[/?#]/);
  const path = length < 0 ? '' : target.slice(host + 3 + length);
  return path.startsWith('/') ? path : `/${path}`;
}

/** The key of a target for which `isKeyTarget` holds. */
export function parseKey(target: string, maxKeyBytes: number): ByteString | Refusal {
  const end = pathEnd(target);
  if (end === PREFIX.length) {
    return new Refusal('key_not_valid', 'The key is empty; send it after /keys/.');
  }
  let at = PREFIX.length;
  while (at < end && isPlain(target.charCodeAt(at))) at++;
  const key = at === end ? target.slice(PREFIX.length, end) : decodeKey(target, end);
  if (key instanceof Refusal || key.length <= maxKeyBytes) return key;
  return new Refusal('key_too_long', `The key has more than ${maxKeyBytes} bytes.`, {
    bytes: key.length,
    limit: maxKeyBytes,
  });
}

/** What comes after the question mark; empty if there is none. */
export function queryOf(target: string): string {
  return target.slice(pathEnd(target) + 1);
}

const PERCENT = 0x25;
const HASH = 0x23;

function pathEnd(target: string): number {
  const mark = target.indexOf('?');
  return mark < 0 ? target.length : mark;
}

/** Whether a character of a target stands for itself in a key. */
function isPlain(code: number): boolean {
  return code > 0x20 && code < 0x7f && code !== PERCENT && code !== HASH;
}

/** Decodes percent escapes. */
function decodeKey(target: string, end: number): ByteString | Refusal {
  const bytes = Buffer.allocUnsafe(end - PREFIX.length);
  let length = 0;
  for (let at = PREFIX.length; at < end; at++) {
    let code = target.charCodeAt(at);
    if (code === PERCENT) {
      code = 16 * hexDigit(target, at + 1) + hexDigit(target, at + 2);
      if (Number.isNaN(code)) {
        return new Refusal('key_not_valid', 'A % in the key is not followed by two hex digits.');
      }
      at += 2;
    } else if (!isPlain(code)) {
      return new Refusal(
        'key_not_valid',
        'The key holds a character that must be percent-encoded.',
      );
    }
    bytes[length++] = code;
  }
  const key = bytes.subarray(0, length);
  if (!isUtf8(key)) return new Refusal('key_not_valid', 'The key is not UTF-8.');
  return key.toString('latin1');
}

/** NaN for what is no hex digit, so that any sum with it is NaN too. */
function hexDigit(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : Number.NaN;
}
