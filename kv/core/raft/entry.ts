/**
 * An entry of the replicated log, and its one encoding.
 *
 * An entry is encoded once, where it is proposed. The same bytes go into the leader's journal, to
 * every follower, and from there into their journals. The layout, little-endian:
 *
 *     0   kind    u8    1 no-op, 2 command, 3 configuration
 *     1   index   u48
 *     7   term    u48
 *     13  time    u48   the cluster's time in milliseconds, never less than the entry before
 *     19  data          to the end: what the kind says
 */

import { ByteReader, ByteWriter, DecodeError } from '../bytes';
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

const HEADER_BYTES = 19;
const KINDS: readonly EntryKind[] = ['noop', 'command', 'configuration'];

/** What an entry costs in memory and in a message, beyond its encoded bytes. */
export const ENTRY_OVERHEAD = 64;

export const entrySize = (entry: Entry): number => entry.encoded.length + ENTRY_OVERHEAD;

/** The size of an entry that is not made yet. */
export const entrySizeWith = (data: Uint8Array): number =>
  HEADER_BYTES + data.length + ENTRY_OVERHEAD;

export function makeEntry(
  kind: EntryKind,
  index: LogIndex,
  inTerm: Term,
  time: Millis,
  data: Uint8Array,
): Entry {
  const encoded = new ByteWriter(HEADER_BYTES + data.length)
    .u8(KINDS.indexOf(kind) + 1)
    .u48(index)
    .u48(inTerm)
    .u48(time)
    .raw(data)
    .finish();
  return { kind, index, term: inTerm, time, encoded };
}

/** Reads an entry from its bytes, which it then shares. Throws `DecodeError`. */
export function decodeEntry(encoded: Uint8Array): Entry {
  const reader = new ByteReader(encoded);
  const code = reader.u8();
  const kind = KINDS[code - 1];
  if (kind === undefined) throw new DecodeError(`there is no kind of entry ${code}`);
  const index = logIndex(reader.u48());
  const inTerm = term(reader.u48());
  if (index === 0 || inTerm === 0) throw new DecodeError('an entry needs an index and a term');
  return { kind, index, term: inTerm, time: millis(reader.u48()), encoded };
}

export const entryData = (entry: Entry): Uint8Array => entry.encoded.subarray(HEADER_BYTES);
