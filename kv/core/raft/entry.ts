/**
 * An entry of the replicated log, and its one encoding.
 *
 * An entry is encoded once, where it is proposed. The same bytes go into the leader's journal, to
 * every follower, and from there into their journals. Each begins with its own length, so that many
 * of them back to back need nothing around them (`entry_run.ts`). The layout, little-endian:
 *
 *     0   length  u32   of the whole entry, these bytes included
 *     4   kind    u8    1 no-op, 2 command, 3 configuration
 *     5   index   u48
 *     11  term    u48
 *     17  time    u48   the cluster's time in milliseconds, never less than the entry before
 *     23  data          to the end: what the kind says
 */

import { DecodeError } from '../bytes';
import { type LogIndex, logIndex, type Millis, millis, type Term, term } from '../ids';

export type EntryKind = 'noop' | 'command' | 'configuration';

export interface Entry {
  readonly kind: EntryKind;
  readonly index: LogIndex;
  readonly term: Term;
  readonly time: Millis;
  /** The whole entry, data included. */
  readonly encoded: Uint8Array;
}

export const ENTRY_HEADER_BYTES = 23;
const KIND_AT = 4;
const INDEX_AT = 5;
const TERM_AT = 11;
const TIME_AT = 17;
const KINDS: readonly EntryKind[] = ['noop', 'command', 'configuration'];

/** What an entry costs in memory and in a message, beyond its encoded bytes. */
export const ENTRY_OVERHEAD = 64;

export const entrySize = (entry: Entry): number => entry.encoded.length + ENTRY_OVERHEAD;

/** The size of an entry that is not made yet, with so many bytes of data. */
export const entrySizeWith = (dataBytes: number): number =>
  ENTRY_HEADER_BYTES + dataBytes + ENTRY_OVERHEAD;

/** Writes the header of an entry that takes `length` bytes; its data go behind it. */
export function putEntryHeader(
  into: Uint8Array,
  at: number,
  length: number,
  kind: EntryKind,
  index: LogIndex,
  inTerm: Term,
  time: Millis,
): void {
  put32(into, at, length);
  into[at + KIND_AT] = KINDS.indexOf(kind) + 1;
  put48(into, at + INDEX_AT, index);
  put48(into, at + TERM_AT, inTerm);
  put48(into, at + TIME_AT, time);
}

export function makeEntry(
  kind: EntryKind,
  index: LogIndex,
  inTerm: Term,
  time: Millis,
  data: Uint8Array,
): Entry {
  const encoded = new Uint8Array(ENTRY_HEADER_BYTES + data.length);
  putEntryHeader(encoded, 0, encoded.length, kind, index, inTerm, time);
  encoded.set(data, ENTRY_HEADER_BYTES);
  return { kind, index, term: inTerm, time, encoded };
}

/** Reads an entry from its bytes, which it then shares. Throws `DecodeError`. */
export function decodeEntry(encoded: Uint8Array): Entry {
  checkEntryAt(encoded, 0);
  if (entryLengthAt(encoded, 0) !== encoded.length) throw new DecodeError('an entry of other size');
  return {
    kind: entryKindAt(encoded, 0),
    index: entryIndexAt(encoded, 0),
    term: entryTermAt(encoded, 0),
    time: entryTimeAt(encoded, 0),
    encoded,
  };
}

/** Throws `DecodeError` unless a whole and well-formed entry begins there. */
export function checkEntryAt(bytes: Uint8Array, at: number): void {
  const left = bytes.length - at;
  const length = left < ENTRY_HEADER_BYTES ? 0 : entryLengthAt(bytes, at);
  if (length < ENTRY_HEADER_BYTES || length > left) throw new DecodeError('an entry is cut off');
  const code = bytes[at + KIND_AT] as number;
  if (code < 1 || code > KINDS.length) throw new DecodeError(`there is no kind of entry ${code}`);
  if (get48(bytes, at + INDEX_AT) === 0 || get48(bytes, at + TERM_AT) === 0) {
    throw new DecodeError('an entry needs an index and a term');
  }
}

export const entryData = (entry: Entry): Uint8Array => entry.encoded.subarray(ENTRY_HEADER_BYTES);

/** What the header of an entry says that begins at `at` and is whole. */
export const entryLengthAt = (bytes: Uint8Array, at: number): number => get32(bytes, at);
export const entryKindAt = (bytes: Uint8Array, at: number): EntryKind =>
  KINDS[(bytes[at + KIND_AT] as number) - 1] as EntryKind;
export const entryIndexAt = (bytes: Uint8Array, at: number): LogIndex =>
  logIndex(get48(bytes, at + INDEX_AT));
export const entryTermAt = (bytes: Uint8Array, at: number): Term =>
  term(get48(bytes, at + TERM_AT));
export const entryTimeAt = (bytes: Uint8Array, at: number): Millis =>
  millis(get48(bytes, at + TIME_AT));

function put32(into: Uint8Array, at: number, value: number): void {
  into[at] = value;
  into[at + 1] = value >>> 8;
  into[at + 2] = value >>> 16;
  into[at + 3] = value >>> 24;
}

function put48(into: Uint8Array, at: number, value: number): void {
  put32(into, at, value >>> 0);
  const high = Math.floor(value / 2 ** 32);
  into[at + 4] = high;
  into[at + 5] = high >>> 8;
}

const get32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)) >>>
  0;

const get48 = (bytes: Uint8Array, at: number): number =>
  get32(bytes, at) + ((bytes[at + 4] as number) | ((bytes[at + 5] as number) << 8)) * 2 ** 32;
