/**
 * Records as the content of a snapshot: one after another, in slices that may be cut anywhere.
 *
 *     0  type     u8
 *     1  length   u32
 *     5  payload
 */

import { ByteReader, type ByteWriter } from './bytes';
import type { JournalRecord } from './protocol';

const HEAD_BYTES = 5;

export const writeRecord = (writer: ByteWriter, { type, payload }: JournalRecord): ByteWriter =>
  writer.u8(type).bytes(payload);

/** The records of a snapshot, whose slices may have been cut anywhere. */
export function* recordsIn(chunks: Iterable<Uint8Array>): Iterable<JournalRecord> {
  let rest: Uint8Array = new Uint8Array(0);
  for (const chunk of chunks) {
    const joined = new Uint8Array(rest.length + chunk.length);
    joined.set(rest);
    joined.set(chunk, rest.length);
    let at = 0;
    for (let size = sizeAt(joined, at); size !== undefined; size = sizeAt(joined, at)) {
      const reader = new ByteReader(joined.subarray(at, at + size));
      yield { type: reader.u8(), payload: reader.bytes() };
      at += size;
    }
    rest = joined.slice(at);
  }
  // What is left over is no whole record: say so in the words of the reader.
  if (rest.length > 0) new ByteReader(rest).raw(rest.length + 1);
}

/** The size of the whole record that begins here; undefined if not all of it is there. */
function sizeAt(bytes: Uint8Array, at: number): number | undefined {
  if (at + HEAD_BYTES > bytes.length) return undefined;
  const size = HEAD_BYTES + new ByteReader(bytes.subarray(at + 1, at + HEAD_BYTES)).u32();
  return at + size <= bytes.length ? size : undefined;
}
