/**
 * The metadata of a version, as clients see it: an opaque string that says which version it is and
 * what it has seen.
 *
 *     0   format   u8    1
 *     1   dot      storage u48, epoch u32, counter u32
 *    15   past     count u32, then for each interval storage u48, epoch u32, first u32, last u32
 *     …   seal     8 bytes: SipHash of all of the above and of the key
 *
 * in base64url. It is a function of the version alone, so it is the same string on every node. To
 * say that a write has seen several versions, their strings are joined by commas, in any order; an
 * automatic merge has as its metadata the strings of its parts, sorted, joined by commas: by the
 * same rule, and with nothing random in it.
 *
 * The seal is not there against clients who mean harm to their own data. It makes sure that a
 * string which was cut, altered, made up, or belongs to another key or another group is refused:
 * believed, it could hide writes that nobody has seen.
 */

import { ByteReader, ByteWriter, DecodeError } from '../bytes';
import type { ByteString } from '../command';
import { storageId } from '../ids';
import {
  boundedPast,
  type Dot,
  isPast,
  joinPasts,
  NO_PAST,
  type Past,
  pastOf,
  WIDTH,
} from './past';
import { sipHash } from './siphash';
import type { Version } from './versions';

const FORMAT = 1;
const SEAL_BYTES = 8;
/** A write may name so many versions at once. */
export const MAX_JOINED = 1024;
/** Far above the metadata of any version; the HTTP side bounds the body as well. */
const MAX_METADATA_BYTES = 64 * 1024;

/** The string of one version. */
export function metadataOf(key: ByteString, { dot, past }: Version, secret: Uint8Array): string {
  const writer = new ByteWriter(64).u8(FORMAT);
  writeDot(writer, dot);
  writePast(writer, past);
  const body = writer.finish();
  return base64Url(
    new ByteWriter(body.length + SEAL_BYTES)
      .raw(body)
      .raw(seal(key, body, secret))
      .finish(),
  );
}

/**
 * All that a client has seen, from one string or several joined by commas; none for ''. It is within
 * its bound (`boundedPast`), and has the dots of all versions that are named. Undefined for anything
 * that this group has not given out for this key.
 */
export function pastOfMetadata(
  key: ByteString,
  metadata: string,
  secret: Uint8Array,
): Past | undefined {
  if (metadata === '') return NO_PAST;
  const parts = metadata.split(',');
  if (parts.length > MAX_JOINED) return undefined;
  let seen = NO_PAST;
  let named = NO_PAST;
  for (const part of parts) {
    const version = readPart(key, part, secret);
    if (version === undefined) return undefined;
    seen = joinPasts(seen, version.past);
    named = joinPasts(named, pastOf(version.dot));
  }
  return boundedPast(joinPasts(seen, named), named);
}

function readPart(
  key: ByteString,
  text: string,
  secret: Uint8Array,
): Omit<Version, 'value'> | undefined {
  const bytes = text.length > MAX_METADATA_BYTES ? undefined : fromBase64Url(text);
  if (bytes === undefined || bytes.length < SEAL_BYTES) return undefined;
  const body = bytes.subarray(0, bytes.length - SEAL_BYTES);
  const expected = seal(key, body, secret);
  if (!expected.every((byte, i) => byte === bytes[body.length + i])) return undefined;
  try {
    const reader = new ByteReader(body);
    reader.version(FORMAT, 'metadata');
    const dot = readDot(reader);
    const past = readPast(reader);
    reader.end();
    return { dot, past };
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

function seal(key: ByteString, body: Uint8Array, secret: Uint8Array): Uint8Array {
  const sealed = new ByteWriter(body.length + key.length).raw(body).latin1(key).finish();
  return sipHash(secret, sealed);
}

export const writeDot = (writer: ByteWriter, { storage, epoch, counter }: Dot): ByteWriter =>
  writer.u48(storage).u32(epoch).u32(counter);

export function readDot(reader: ByteReader): Dot {
  const dot = { storage: storageId(reader.u48()), epoch: reader.u32(), counter: reader.u32() };
  if (dot.storage < 1 || dot.epoch < 1 || dot.counter < 1)
    throw new DecodeError('a dot has no zeros');
  return dot;
}

const INTERVAL_BYTES = 18;

export function writePast(writer: ByteWriter, past: Past): ByteWriter {
  writer.u32(past.length / WIDTH);
  for (let at = 0; at < past.length; at += WIDTH) {
    const [storage, epoch, first, last] = past.slice(at, at + WIDTH) as [
      number,
      number,
      number,
      number,
    ];
    writer.u48(storage).u32(epoch).u32(first).u32(last);
  }
  return writer;
}

export function readPast(reader: ByteReader): Past {
  const count = reader.count(INTERVAL_BYTES);
  if (count === 0) return NO_PAST;
  const past: number[] = [];
  for (let i = 0; i < count; i++) {
    past.push(reader.u48(), reader.u32(), reader.u32(), reader.u32());
  }
  if (!isPast(past)) throw new DecodeError('a past is of sorted intervals');
  return past;
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

function base64Url(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const left = Math.min(3, bytes.length - at);
    const word = ((bytes[at] as number) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    for (let i = 0; i <= left; i++) text += DIGITS[(word >>> (18 - 6 * i)) & 63];
  }
  return text;
}

/** Strict: each string of bytes has one spelling. */
function fromBase64Url(text: string): Uint8Array | undefined {
  if (text.length % 4 === 1) return undefined;
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let word = 0;
  let bits = 0;
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = DIGITS.indexOf(text[i] as string);
    if (digit < 0) return undefined;
    word = ((word << 6) | digit) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = (word >>> bits) & 0xff;
  }
  const isWhole = (word & ((1 << bits) - 1)) === 0;
  return isWhole ? bytes : undefined;
}
