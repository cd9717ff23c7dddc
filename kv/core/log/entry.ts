/**
 * A message of the log in its one encoding. It is encoded once, where the master takes it in; the same
 * bytes go into the master's journal, to every secondary, and from there into their journals.
 *
 *     0   order   u48
 *     6   id      text
 *         body    to the end
 */

import { ByteReader, ByteWriter, DecodeError } from '../bytes';
import type { Message } from './requests';

export interface Entry {
  readonly order: number;
  readonly id: string;
  readonly encoded: Uint8Array;
  /** Where the body begins. */
  readonly bodyAt: number;
}

/** What an entry costs in memory beyond its bytes, its place in the table of ids included. */
export const ENTRY_OVERHEAD = 256;

export const sizeOf = ({ encoded }: Entry): number => encoded.length + ENTRY_OVERHEAD;

export function makeEntry(order: number, id: string, body: Uint8Array): Entry {
  const writer = new ByteWriter(id.length + body.length + 16).u48(order).text(id);
  const bodyAt = writer.length;
  return { order, id, encoded: writer.raw(body).finish(), bodyAt };
}

/** Shares memory with the bytes. Throws `DecodeError`. */
export function decodeEntry(encoded: Uint8Array): Entry {
  const reader = new ByteReader(encoded);
  const order = reader.u48();
  const id = reader.text();
  if (id === '') throw new DecodeError('a message has an id');
  return { order, id, encoded, bodyAt: encoded.length - reader.left };
}

export const messageOf = ({ order, id, encoded, bodyAt }: Entry): Message => ({
  order,
  id,
  body: encoded.subarray(bodyAt),
});

/** Whether both say the same: order, id and body. */
export const isSameEntry = (one: Entry, other: Entry): boolean =>
  isSameBytes(one.encoded, other.encoded);

export const hasBody = ({ encoded, bodyAt }: Entry, body: Uint8Array): boolean =>
  isSameBytes(encoded.subarray(bodyAt), body);

function isSameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, i) => byte === other[i]);
}
