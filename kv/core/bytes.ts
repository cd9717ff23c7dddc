/**
 * Reading and writing bytes: the one set of primitives under every codec of the pure half.
 *
 * Numbers are little-endian. Whole numbers beyond 32 bits (indices, terms, times) take 6 bytes,
 * which reaches 2^48-1: nine thousand years of milliseconds. Text is length-prefixed UTF-8. The
 * reader checks every length against what is left, so that hostile bytes can cause a
 * {@link DecodeError} and nothing else.
 */

import { invariant } from './assert';
import { latin1Text, putLatin1 } from './latin1';
import { allocate } from './slab';

/** Bytes that do not say what they should: hostile, damaged or of another version. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
}

/** The largest number that `u48` can carry. */
export const MAX_U48 = 2 ** 48 - 1;

/** The number of bytes that `text` takes in UTF-8. Unpaired surrogates count as U+FFFD. */
export function utf8Length(text: string): number {
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x80) length += 1;
    else if (code < 0x800) length += 2;
    else if (isPair(text, i, code)) {
      length += 4;
      i++;
    } else length += 3;
  }
  return length;
}

function isPair(text: string, at: number, code: number): boolean {
  if (code < 0xd800 || code > 0xdbff) return false;
  const low = text.charCodeAt(at + 1);
  return low >= 0xdc00 && low <= 0xdfff;
}

export class ByteWriter {
  private buffer: Uint8Array;
  private at = 0;

  constructor(capacity = 64) {
    this.buffer = allocate(capacity);
  }

  /** How many bytes have been written. */
  get length(): number {
    return this.at;
  }

  /** What was written, without a copy. The writer must not be used afterwards. */
  finish(): Uint8Array {
    return this.buffer.subarray(0, this.at);
  }

  u8(value: number): this {
    this.reserve(1);
    this.buffer[this.at++] = value;
    return this;
  }

  u32(value: number): this {
    this.reserve(4);
    this.put32(value);
    return this;
  }

  /** A whole number from 0 to 2^48-1. */
  u48(value: number): this {
    invariant(value >= 0 && value <= MAX_U48, 'a number must fit 48 bits', { value });
    this.reserve(6);
    const high = Math.floor(value / 2 ** 32);
    this.put32(value >>> 0);
    this.buffer[this.at++] = high;
    this.buffer[this.at++] = high >>> 8;
    return this;
  }

  f64(value: number): this {
    this.reserve(8);
    const { buffer, byteOffset } = this.buffer;
    new DataView(buffer, byteOffset).setFloat64(this.at, value, true);
    this.at += 8;
    return this;
  }

  /** Bytes without a length: the reader must know where they end. */
  raw(bytes: Uint8Array): this {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.at);
    this.at += bytes.length;
    return this;
  }

  /** Bytes with their length in front. */
  bytes(bytes: Uint8Array): this {
    return this.u32(bytes.length).raw(bytes);
  }

  /** One byte for each character; every character must be below 256. */
  latin1(text: string): this {
    this.reserve(text.length);
    putLatin1(text, this.buffer, this.at);
    this.at += text.length;
    return this;
  }

  /** Text as UTF-8 with its length in bytes in front. */
  text(text: string): this {
    const length = utf8Length(text);
    this.u32(length).reserve(length);
    let at = this.at;
    for (let i = 0; i < text.length; i++) {
      let code = text.charCodeAt(i);
      if (isPair(text, i, code)) code = text.codePointAt(i++) as number;
      else if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
      at = putUtf8(this.buffer, at, code);
    }
    this.at = at;
    return this;
  }

  private put32(value: number): void {
    this.buffer[this.at++] = value;
    this.buffer[this.at++] = value >>> 8;
    this.buffer[this.at++] = value >>> 16;
    this.buffer[this.at++] = value >>> 24;
  }

  private reserve(more: number): void {
    const needed = this.at + more;
    if (needed <= this.buffer.length) return;
    const grown = allocate(Math.max(needed, this.buffer.length * 2));
    grown.set(this.buffer.subarray(0, this.at));
    this.buffer = grown;
  }
}

function putUtf8(buffer: Uint8Array, start: number, code: number): number {
  let at = start;
  if (code < 0x80) {
    buffer[at++] = code;
    return at;
  }
  if (code < 0x800) buffer[at++] = 0xc0 | (code >> 6);
  else {
    if (code < 0x10000) buffer[at++] = 0xe0 | (code >> 12);
    else {
      buffer[at++] = 0xf0 | (code >> 18);
      buffer[at++] = 0x80 | ((code >> 12) & 0x3f);
    }
    buffer[at++] = 0x80 | ((code >> 6) & 0x3f);
  }
  buffer[at++] = 0x80 | (code & 0x3f);
  return at;
}

export class ByteReader {
  private readonly view: DataView;
  private at = 0;

  constructor(private readonly buffer: Uint8Array) {
    this.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  }

  /** How many bytes are left. */
  get left(): number {
    return this.buffer.length - this.at;
  }

  u8(): number {
    return this.view.getUint8(this.take(1));
  }

  u32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  u48(): number {
    const at = this.take(6);
    return this.view.getUint32(at, true) + this.view.getUint16(at + 4, true) * 2 ** 32;
  }

  f64(): number {
    return this.view.getFloat64(this.take(8), true);
  }

  /** A byte that is 0 or 1. */
  flag(): boolean {
    const value = this.u8();
    if (value > 1) throw new DecodeError(`a flag must be 0 or 1, not ${value}`);
    return value === 1;
  }

  /** `length` bytes, sharing memory with the input. */
  raw(length: number): Uint8Array {
    const at = this.take(length);
    return this.buffer.subarray(at, at + length);
  }

  /** Bytes with their length in front, sharing memory with the input. */
  bytes(): Uint8Array {
    return this.raw(this.u32());
  }

  latin1(length: number): string {
    const at = this.take(length);
    return latin1Text(this.buffer, at, at + length);
  }

  /** UTF-8 text with its length in bytes in front. Refuses what is not UTF-8. */
  text(): string {
    return decodeUtf8(this.bytes());
  }

  /** A count of things that take at least `leastBytes` each, so that no count can be absurd. */
  count(leastBytes: number): number {
    const count = this.u32();
    if (count * leastBytes > this.left) throw new DecodeError(`a count of ${count} is too high`);
    return count;
  }

  /** A version byte that must be `version`. */
  version(version: number, what: string): void {
    const found = this.u8();
    if (found !== version) throw new DecodeError(`${what} of version ${found} is not known here`);
  }

  /** States that everything has been read. */
  end(): void {
    if (this.left > 0) throw new DecodeError(`${this.left} bytes too many`);
  }

  private take(length: number): number {
    if (length > this.left) {
      throw new DecodeError(`${length} bytes were expected, ${this.left} are left`);
    }
    const at = this.at;
    this.at += length;
    return at;
  }
}

/** Decodes UTF-8 strictly: no overlong forms, no surrogates, nothing past U+10FFFF. */
export function decodeUtf8(bytes: Uint8Array): string {
  let ascii = true;
  for (let i = 0; i < bytes.length && ascii; i++) ascii = (bytes[i] as number) < 0x80;
  if (ascii) return latin1Text(bytes);
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const lead = bytes[at] as number;
    const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    text += String.fromCodePoint(codePointAt(bytes, at, lead, length));
    at += length;
  }
  return text;
}

/** The smallest code point that needs 1, 2, 3 or 4 bytes; anything smaller is overlong. */
const SMALLEST = [0, 0, 0x80, 0x800, 0x10000];

function codePointAt(bytes: Uint8Array, at: number, lead: number, length: number): number {
  if (length === 1) return lead;
  let code = lead & (0x7f >> length);
  let valid = lead >= 0xc2 && lead <= 0xf4 && at + length <= bytes.length;
  for (let i = 1; i < length && valid; i++) {
    const next = bytes[at + i] as number;
    valid = (next & 0xc0) === 0x80;
    code = (code << 6) | (next & 0x3f);
  }
  const surrogate = code >= 0xd800 && code <= 0xdfff;
  if (!valid || surrogate || code < (SMALLEST[length] as number) || code > 0x10ffff) {
    throw new DecodeError(`not UTF-8 at byte ${at}`);
  }
  return code;
}
