/**
 * The parser of the fast lane: from the bytes of a connection to a request on a key.
 *
 * It is a pure function, and it knows only what nearly every client sends: GET, POST and DELETE of
 * `/keys/…` in HTTP/1.1, with a Host, with a plain Content-Length where there is a body, with
 * headers that this server understands or may ignore. At the first byte that is anything else it
 * says `hand_over`, and the connection goes to `node:http` with all bytes that were not answered.
 *
 * So it must never take what `node:http` would refuse or read otherwise: two readings of the same
 * bytes are how requests are smuggled past a proxy. Where in doubt it hands over. What is right or
 * wrong about a key, an option or a body is decided by the same functions as everywhere; a refusal
 * of theirs is a reason to hand over too, so that refusals are worded in one place.
 */

import type { ByteString, Command } from '../core/command';
import type { ReadOptions, WriteOptions } from '../service';
import { parseCommand } from './command_body';
import { Refusal } from './error_status';
import { parseKey, queryOf } from './key_target';
import { type Head, NOT_WHOLE, readHeaders, wordEnd } from './lane_headers';
import { isJsonType } from './media_type';
import { parseReadOptions, parseWriteOptions } from './request_options';

export interface LaneLimits {
  readonly maxKeyBytes: number;
  readonly maxBodyBytes: number;
  readonly maxNesting: number;
  readonly maxTimeoutMs: number;
}

/** `end` is where the next request begins. A value shares memory with the bytes that were parsed. */
export type LaneRequest =
  | {
      readonly kind: 'read';
      readonly key: ByteString;
      readonly options: ReadOptions;
      readonly end: number;
    }
  | {
      readonly kind: 'write';
      readonly command: Command;
      readonly options: WriteOptions;
      readonly end: number;
    };

/** Right so far. `needed` is how many bytes the whole request has; 0 while its head is not whole. */
export interface Incomplete {
  readonly kind: 'incomplete';
  readonly needed: number;
}

export type Parsed = LaneRequest | Incomplete | typeof HAND_OVER;

export const HAND_OVER = Object.freeze({ kind: 'hand_over' });

/** A longer head goes to `node:http`, whose limit is higher. */
export const MAX_HEAD_BYTES = 8192;

/** Parses the request that begins at `from`; there must be at least one byte of it. */
export function parseRequest(bytes: Buffer, from: number, limits: LaneLimits): Parsed {
  const limit = Math.min(bytes.length, from + MAX_HEAD_BYTES);
  const incomplete = bytes.length > limit ? HAND_OVER : HEAD_INCOMPLETE;
  const start = startOf(bytes[from] as number);
  const keyStart = wordEnd(bytes, from, limit, start);
  if (keyStart < 0) return keyStart === NOT_WHOLE ? incomplete : HAND_OVER;
  let at = keyStart;
  while (at < limit && IN_TARGET[bytes[at] as number] === PLAIN) at++;
  const keyEnd = at;
  while (at < limit && IN_TARGET[bytes[at] as number] !== OUTSIDE) at++;
  const targetEnd = at;
  at = wordEnd(bytes, targetEnd, limit, VERSION);
  const head: Head = { host: false, length: -1, contentType: undefined, idempotencyKey: undefined };
  if (at >= 0) at = readHeaders(bytes, at, limit, head);
  if (at < 0) return at === NOT_WHOLE ? incomplete : HAND_OVER;
  const headEnd = at;

  // The usual key stands for itself and has no query behind it.
  const usual = keyEnd === targetEnd;
  const target = usual ? '' : bytes.toString('latin1', keyStart - PATH_BYTES, targetEnd);
  const key = usual
    ? plainKey(bytes, keyStart, keyEnd, limits.maxKeyBytes)
    : parseKey(target, limits.maxKeyBytes);
  if (typeof key !== 'string') return HAND_OVER;
  const query = usual ? '' : queryOf(target);
  if (start === GET) return read(key, query, head, headEnd, limits);
  const options = parseWriteOptions(query, head.idempotencyKey, limits.maxTimeoutMs);
  if (options instanceof Refusal) return HAND_OVER;
  if (start === POST) return post(bytes, from, key, options, head, headEnd, limits);
  if (hasBody(head)) return HAND_OVER;
  return { kind: 'write', command: { kind: 'delete', key }, options, end: headEnd };
}

const HEAD_INCOMPLETE: Incomplete = Object.freeze({ kind: 'incomplete', needed: 0 });

const PATH_BYTES = '/keys/'.length;
const GET = Buffer.from('GET /keys/');
const POST = Buffer.from('POST /keys/');
const DELETE = Buffer.from('DELETE /keys/');
const VERSION = Buffer.from(' HTTP/1.1\r\n');

const OUTSIDE = 0;
const PLAIN = 1;
const SPECIAL = 2;

/**
 * The characters of a path segment and the slash (RFC 3986 §3.3) are taken, and of the others only
 * what starts an escape or a query; those of `node:http` are many more.
 */
const IN_TARGET = Uint8Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  if (/[A-Za-z0-9\-._~!$&'()*+,;=:@/]/.test(character)) return PLAIN;
  return character === '%' || character === '?' ? SPECIAL : OUTSIDE;
});

/** What a request that begins with this byte must begin with. */
function startOf(first: number): Buffer {
  if (first === GET[0]) return GET;
  return first === POST[0] ? POST : DELETE;
}

function plainKey(
  bytes: Buffer,
  start: number,
  end: number,
  maxKeyBytes: number,
): ByteString | undefined {
  if (end === start || end - start > maxKeyBytes) return undefined;
  return bytes.toString('latin1', start, end);
}

/** Anything but "no body at all" and an exact `Content-Length: 0` is a body. */
const hasBody = (head: Head): boolean => head.length > 0;

function read(
  key: ByteString,
  query: string,
  head: Head,
  end: number,
  limits: LaneLimits,
): LaneRequest | typeof HAND_OVER {
  if (hasBody(head)) return HAND_OVER;
  const options = parseReadOptions(query, limits.maxTimeoutMs);
  if (options instanceof Refusal) return HAND_OVER;
  return { kind: 'read', key, options, end };
}

function post(
  bytes: Buffer,
  from: number,
  key: ByteString,
  options: WriteOptions,
  head: Head,
  headEnd: number,
  limits: LaneLimits,
): Parsed {
  const { length, contentType } = head;
  // What the head says against the body is said before the body is waited for.
  if (length <= 0 || length > limits.maxBodyBytes) return HAND_OVER;
  if (contentType !== undefined && !isJsonType(contentType)) return HAND_OVER;
  const end = headEnd + length;
  if (end > bytes.length) return { kind: 'incomplete', needed: end - from };
  const command = parseCommand(key, bytes.subarray(headEnd, end), limits.maxNesting);
  if (command instanceof Refusal) return HAND_OVER;
  return { kind: 'write', command, options, end };
}
