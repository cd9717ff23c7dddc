/**
 * The messages of `messages.ts` as bytes between nodes.
 *
 *     0   version  u8   2
 *     1   kind     u8   the `code` of the kind below
 *     2   fields        what the kind says, in the order of its `write`
 *
 * Decoding is strict: what the core takes for granted about a message by itself is checked here.
 * Entries travel as the bytes that they have in journals.
 */

import { ByteReader, ByteWriter, DecodeError } from '../bytes';
import { storageId } from '../ids';
import type { MessageCodec } from '../protocol';
import { decodeEntry, type Entry } from './entry';
import { readBaseOrNone, readName, writeBaseOrNone, writeName } from './log_name';
import type { LogMessage, MessageKind, MessageOf } from './messages';

interface KindCodec<Kind extends MessageKind> {
  readonly code: number;
  write(writer: ByteWriter, message: MessageOf<Kind>): void;
  read(reader: ByteReader): Omit<MessageOf<Kind>, 'kind'>;
}

const VERSION = 2;
/** The least that an entry takes: its length, an order, and an id of one byte. */
const LEAST_ENTRY_BYTES = 15;

export function logCodec(): MessageCodec<LogMessage> {
  return {
    encode(message) {
      const codec = CODECS[message.kind] as KindCodec<MessageKind>;
      const writer = new ByteWriter().u8(VERSION).u8(codec.code);
      codec.write(writer, message);
      if (message.kind !== 'append' && message.kind !== 'fetched') return [writer.finish()];
      return [writer.finish(), ...message.entries.flatMap(partsOf)];
    },
    decode(body) {
      const reader = new ByteReader(body);
      reader.version(VERSION, 'a message');
      const code = reader.u8();
      const kind = BY_CODE.get(code);
      if (kind === undefined) throw new DecodeError(`there is no message of kind ${code}`);
      // The kind's own codec reads the fields of that kind; the table below is complete by type.
      const message = { kind, ...CODECS[kind].read(reader) } as LogMessage;
      reader.end();
      return message;
    },
  };
}

const partsOf = ({ encoded }: Entry): Uint8Array[] => [
  new ByteWriter(4).u32(encoded.length).finish(),
  encoded,
];

function must(condition: boolean, what: string): asserts condition {
  if (!condition) throw new DecodeError(what);
}

function readEntries(reader: ByteReader): Entry[] {
  const count = reader.count(LEAST_ENTRY_BYTES);
  must(count > 0, 'there is something to be appended');
  const entries = Array.from({ length: count }, () => decodeEntry(reader.bytes()));
  const first = entries[0]?.order ?? 0;
  must(
    entries.every(({ order }, i) => order === first + i),
    'orders follow one another',
  );
  return entries;
}

function readRange(reader: ByteReader): { first: number; end: number } {
  const first = reader.u48();
  const end = reader.u48();
  must(first <= end, 'a log ends behind its beginning');
  return { first, end };
}

/** Of an attempt, or of a question. */
function readNumber(reader: ByteReader): number {
  const number = reader.u48();
  must(number > 0, 'an attempt or a question is not 0');
  return number;
}

const CODECS: { readonly [Kind in MessageKind]: KindCodec<Kind> } = {
  hello: {
    code: 1,
    write: (writer, { session, disk, name, first, end, isEmpty, asked }) => {
      writer.u48(session).u48(disk).u48(first).u48(end).u8(Number(isEmpty)).u48(asked);
      writer.u8(Number(name !== undefined));
      if (name !== undefined) writeName(writer, name);
    },
    read: (reader) => {
      const session = reader.u48();
      const disk = storageId(reader.u48());
      const range = readRange(reader);
      const isEmpty = reader.flag();
      must(!isEmpty || range.first === range.end, 'who holds nothing has an empty range');
      const asked = reader.u48();
      const name = reader.flag() ? readName(reader) : undefined;
      return { session, disk, ...range, isEmpty, asked, name };
    },
  },
  begin: {
    code: 2,
    write: (writer, { attempt, session, name, first, base }) => {
      writeName(writer.u48(attempt).u48(session).u48(first), name);
      writeBaseOrNone(writer, base);
    },
    read: (reader) => ({
      attempt: readNumber(reader),
      session: reader.u48(),
      first: reader.u48(),
      name: readName(reader),
      base: readBaseOrNone(reader),
    }),
  },
  append: {
    code: 3,
    write: (writer, { name, first, entries }) =>
      void writeName(writer, name).u48(first).u32(entries.length),
    read: (reader) => ({
      name: readName(reader),
      first: reader.u48(),
      entries: readEntries(reader),
    }),
  },
  heartbeat: {
    code: 4,
    write: (writer, { attempt, name, first, end }) =>
      void writeName(writer.u48(attempt).u48(first).u48(end), name),
    read: (reader) => ({
      attempt: reader.u48(),
      ...readRange(reader),
      name: readName(reader),
    }),
  },
  held: {
    code: 5,
    write: (writer, { attempt, end, conflict }) => {
      writer
        .u48(attempt)
        .u48(end)
        .u8(Number(conflict !== undefined));
      if (conflict !== undefined) writer.u48(conflict);
    },
    read: (reader) => {
      const attempt = readNumber(reader);
      const end = reader.u48();
      return { attempt, end, conflict: reader.flag() ? reader.u48() : undefined };
    },
  },
  failed: {
    code: 6,
    write: (writer, { attempt }) => void writer.u48(attempt),
    read: (reader) => ({ attempt: readNumber(reader) }),
  },
  ask: {
    code: 7,
    write: (writer, { number }) => void writer.u48(number),
    read: (reader) => ({ number: readNumber(reader) }),
  },
  fetch: {
    code: 8,
    write: (writer, { number, name, from }) => void writeName(writer.u48(number).u48(from), name),
    read: (reader) => ({
      number: readNumber(reader),
      from: reader.u48(),
      name: readName(reader),
    }),
  },
  fetched: {
    code: 9,
    write: (writer, { number, entries }) => void writer.u48(number).u32(entries.length),
    read: (reader) => ({ number: readNumber(reader), entries: readEntries(reader) }),
  },
};

const BY_CODE = new Map(
  (Object.keys(CODECS) as MessageKind[]).map((kind) => [CODECS[kind].code, kind] as const),
);
