/** The fields of messages that need more than a number's check: see `codec.ts`. */

import { type ByteReader, type ByteWriter, DecodeError } from '../bytes';
import {
  type LogIndex,
  logIndex,
  type Millis,
  millis,
  type SnapshotName,
  type StorageId,
  snapshotName,
  storageId,
  type Term,
  term,
} from '../ids';
import { checkEnvelope, decodeEnvelope, type Envelope } from '../machine/envelope';
import type { AppliedStatus } from '../machine/sessions';
import { type EntryRun, readEntryRun } from './entry_run';
import type { ForwardReject, InstallSnapshot } from './messages';
import { decodeSnapshotMeta } from './snapshot_meta';

/** Throws `DecodeError` unless `condition` holds. */
export function must(condition: boolean, what: string): asserts condition {
  if (!condition) throw new DecodeError(what);
}

export interface Position {
  readonly index: LogIndex;
  readonly term: Term;
}

export function writePosition(writer: ByteWriter, index: LogIndex, inTerm: Term): ByteWriter {
  return writer.u48(index).u48(inTerm);
}

/** A place in a log whose owner is in `current`: before its beginning, or in a real term. */
export function readPosition(reader: ByteReader, current: Term): Position {
  const position = { index: logIndex(reader.u48()), term: term(reader.u48()) };
  must((position.index === 0) === (position.term === 0), 'an entry has an index and a term');
  must(position.term <= current, 'no log has entries of a later term than its node');
  return position;
}

/** The same, for the end of a log or of a snapshot. */
export function readLast(
  reader: ByteReader,
  current: Term,
): { readonly lastIndex: LogIndex; readonly lastTerm: Term } {
  const last = readPosition(reader, current);
  return { lastIndex: last.index, lastTerm: last.term };
}

/** An index that is not "before the log". */
export function readIndex(reader: ByteReader): LogIndex {
  const index = logIndex(reader.u48());
  must(index > 0, 'the index of an entry is at least 1');
  return index;
}

/** The disk that a node runs on; every one has an identity. */
export function readOwnStorage(reader: ByteReader): StorageId {
  const storage = storageId(reader.u48());
  must(storage > 0, 'every disk has an identity');
  return storage;
}

/** A moment of somebody's monotonic clock, or a duration. */
export function readMillis(reader: ByteReader): Millis {
  const value = reader.f64();
  must(value >= 0 && value < Number.POSITIVE_INFINITY, 'a time must be a number of milliseconds');
  return millis(value);
}

/** A time or a duration, or -1 where it is not known. */
export function readKnownMillis(reader: ByteReader, what: string): Millis {
  const value = reader.f64();
  const known = value >= 0 && value < Number.POSITIVE_INFINITY;
  must(known || value === -1, `${what} must be a number of milliseconds or -1`);
  return millis(value);
}

const MAX_SNAPSHOT_NAME_BYTES = 64;

/** It becomes the name of a file, so it is held to letters, digits and dashes. */
export function readSnapshotName(reader: ByteReader): SnapshotName {
  const length = reader.u8();
  must(length >= 1 && length <= MAX_SNAPSHOT_NAME_BYTES, 'a snapshot needs a short name');
  const name = reader.latin1(length);
  must(/^[a-z0-9-]+$/.test(name), 'the name of a snapshot is of letters, digits and dashes');
  return snapshotName(name);
}

export const writeSnapshotName = (writer: ByteWriter, name: SnapshotName): ByteWriter =>
  writer.u8(name.length).latin1(name);

/** Entries that follow the base and each other, up to the end of the message. */
export function readEntries(reader: ByteReader, base: Position, current: Term): EntryRun {
  const entries = readEntryRun(reader.raw(reader.left), logIndex(base.index + 1));
  if (entries.length === 0) return entries;
  must(entries.termAt(0) >= base.term, 'terms never decrease along a log');
  const last = entries.termAt(entries.length - 1);
  must(last <= current, 'no entry is from a later term than its leader');
  return entries;
}

/** What a snapshot says of itself must be what the message says of it. */
export function checkSnapshot(message: InstallSnapshot): void {
  const { lastIndex, lastTerm, offset, bytes, size } = message;
  const meta = decodeSnapshotMeta(message.meta);
  must(lastIndex > 0, 'a snapshot holds at least one entry');
  must(meta.index === lastIndex && meta.term === lastTerm, 'the snapshot is another one');
  must(offset + bytes.length <= size, 'a slice must be within its snapshot');
}

const FORWARDED: readonly Envelope['kind'][] = ['keyed', 'session', 'open_session'];

/** A node may forward only what can be forwarded twice. */
export function readForwarded(
  reader: ByteReader,
  checkCommand: (command: Uint8Array) => void,
): Uint8Array {
  const envelope = reader.raw(reader.left);
  checkEnvelope(envelope, checkCommand);
  const { kind } = decodeEnvelope(envelope);
  must(FORWARDED.includes(kind), `what is ${kind} must not be forwarded`);
  return envelope;
}

/** One byte for each word of a closed list. */
export class Words<Word extends string> {
  private readonly words: ReadonlyMap<number, Word>;

  constructor(
    private readonly what: string,
    private readonly codes: Readonly<Record<Word, number>>,
  ) {
    const words = Object.keys(codes) as Word[];
    this.words = new Map(words.map((word) => [codes[word], word]));
  }

  code(word: Word): number {
    return this.codes[word];
  }

  read(reader: ByteReader): Word {
    const code = reader.u8();
    const word = this.words.get(code);
    must(word !== undefined, `there is no ${this.what} ${code}`);
    return word;
  }
}

export const STATUS_WORDS = new Words<AppliedStatus>('status of an applied command', {
  applied: 1,
  duplicate: 2,
  session_expired: 3,
  key_reused: 4,
  table_full: 5,
  session_opened: 6,
  settings: 7,
});

export const REFUSAL_WORDS = new Words<ForwardReject['code']>('reason to refuse a write', {
  no_leader: 1,
  no_quorum: 2,
  overloaded: 3,
  too_large: 4,
});
