/**
 * What a record of the node's journal can be (`../record_journal.ts` hands it to the disk).
 *
 * The journal is the log: each message is one record, and stays in the journal as long as the message
 * is kept. A snapshot (`snapshots.ts`) has only what is left of messages that were dropped.
 */

import { ByteReader, ByteWriter, DecodeError } from '../bytes';
import type { JournalRecord } from '../protocol';
import type { RecordJournal } from '../record_journal';
import { decodeEntry, type Entry } from './entry';
import { type Base, type LogName, readBase, readName, writeBase, writeName } from './log_name';

export type LogRecord =
  /** The message of the next order, at the master or from it. */
  | { readonly kind: 'entry'; readonly entry: Entry }
  /** A message that came from outside (`replicate`): in its place, or beyond a gap. */
  | { readonly kind: 'external'; readonly entry: Entry }
  /** Nothing is held any more; a log with this name begins at this order. */
  | { readonly kind: 'begun'; readonly name: LogName | undefined; readonly first: number }
  /** As `begun`, and the messages of another log from this order on are taken over, up to its end. */
  | {
      readonly kind: 'continued';
      readonly name: LogName;
      readonly first: number;
      readonly base: Base;
    }
  /** What is held is, as far as anybody knows, a beginning of the log with this name. */
  | { readonly kind: 'named'; readonly name: LogName }
  /** Only in snapshots: the id of a message that was dropped. */
  | { readonly kind: 'dropped'; readonly id: string; readonly order: number };

export type Journal = RecordJournal<LogRecord>;

const TYPES = { entry: 1, external: 2, begun: 3, named: 4, dropped: 5, continued: 6 } as const;

export function encodeRecord(record: LogRecord): JournalRecord {
  return { type: TYPES[record.kind], payload: payloadOf(record) };
}

function payloadOf(record: LogRecord): Uint8Array {
  switch (record.kind) {
    case 'entry':
    case 'external':
      return record.entry.encoded;
    case 'begun':
      return writeNameOrNone(new ByteWriter(), record.name).u48(record.first).finish();
    case 'continued':
      return writeBase(
        writeName(new ByteWriter(), record.name).u48(record.first),
        record.base,
      ).finish();
    case 'named':
      return writeName(new ByteWriter(), record.name).finish();
    case 'dropped':
      return new ByteWriter().u48(record.order).text(record.id).finish();
  }
}

/** Throws `DecodeError` for anything but the above. */
export function decodeRecord({ type, payload }: JournalRecord): LogRecord {
  if (type === TYPES.entry) return { kind: 'entry', entry: decodeEntry(payload) };
  if (type === TYPES.external) return { kind: 'external', entry: decodeEntry(payload) };
  const reader = new ByteReader(payload);
  const record = readRecord(type, reader);
  reader.end();
  return record;
}

function readRecord(type: number, reader: ByteReader): LogRecord {
  switch (type) {
    case TYPES.begun:
      return { kind: 'begun', name: readNameOrNone(reader), first: reader.u48() };
    case TYPES.continued:
      return {
        ...{ kind: 'continued', name: readName(reader), first: reader.u48() },
        base: readBase(reader),
      };
    case TYPES.named:
      return { kind: 'named', name: readName(reader) };
    case TYPES.dropped:
      return { kind: 'dropped', order: reader.u48(), id: reader.text() };
    default:
      throw new DecodeError(`a node of the log has no record of type ${type}`);
  }
}

export function writeNameOrNone(writer: ByteWriter, name: LogName | undefined): ByteWriter {
  writer.u8(Number(name !== undefined));
  return name === undefined ? writer : writeName(writer, name);
}

export const readNameOrNone = (reader: ByteReader): LogName | undefined =>
  reader.flag() ? readName(reader) : undefined;
