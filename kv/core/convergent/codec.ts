/**
 * The messages of `messages.ts` as bytes between nodes.
 *
 *     0   version  u8    1
 *     1   kind     u8    the `code` of the kind below
 *     2   replica  u48   the sender's disk
 *     8   fields         what the kind says, in the order of its `write`
 *
 * Decoding is strict: whatever the core takes for granted about a message by itself (parts are
 * sorted and of updates that the sender has seen, as are collected tombstones; keys are there once;
 * vectors have one form) is checked here.
 */

import { ByteReader, ByteWriter, DecodeError } from '../bytes';
import type { MessageCodec } from '../protocol';
import { type Fingerprint, LEAVES } from './fingerprint';
import type { ConvergentMessage, Holding, MessageKind, MessageOf, Said } from './messages';
import { type Cell, readCells, writeCells } from './parts_codec';
import { readReplica, readTime, writeTime } from './stamps';
import { covers, hasSeen, readVector, timeOf, type Vector, writeVector } from './vectors';

interface KindCodec<Kind extends MessageKind> {
  readonly code: number;
  write(writer: ByteWriter, message: MessageOf<Kind>): void;
  read(reader: ByteReader, replica: number): Omit<Said<MessageOf<Kind>>, 'kind'>;
}

const VERSION = 1;

export function convergentCodec(): MessageCodec<ConvergentMessage> {
  return {
    encode(message) {
      const codec = CODECS[message.kind] as KindCodec<MessageKind>;
      const writer = new ByteWriter().u8(VERSION).u8(codec.code).u48(message.replica);
      codec.write(writer, message);
      return [writer.finish()];
    },
    decode(body) {
      const reader = new ByteReader(body);
      reader.version(VERSION, 'a message');
      const code = reader.u8();
      const kind = BY_CODE.get(code);
      if (kind === undefined) throw new DecodeError(`there is no message of kind ${code}`);
      const replica = readReplica(reader);
      // The kind's own codec reads the fields of that kind; the table below is complete by type.
      const fields = CODECS[kind].read(reader, replica);
      reader.end();
      return { kind, replica, ...fields } as ConvergentMessage;
    },
  };
}

function must(condition: boolean, what: string): asserts condition {
  if (!condition) throw new DecodeError(what);
}

/** Cells whose every part the sender has seen. */
function readSeenCells(reader: ByteReader, seen: Vector): Cell[] {
  const cells = readCells(reader);
  for (const { parts } of cells) {
    must(
      parts.every(({ stamp }) => hasSeen(seen, stamp)),
      'nobody sends what he has not seen',
    );
  }
  return cells;
}

/** What was seen, and of that what was collected. */
function readSeenAndCollected(reader: ByteReader): { seen: Vector; collected: Vector } {
  const vectors = { seen: readVector(reader), collected: readVector(reader) };
  must(covers(vectors.seen, vectors.collected), 'nobody collects what he has not seen');
  return vectors;
}

const writePrint = (writer: ByteWriter, { high, low }: Fingerprint): ByteWriter =>
  writer.u32(high).u32(low);

const readPrint = (reader: ByteReader): Fingerprint => ({ high: reader.u32(), low: reader.u32() });

const HOLDINGS = ['seen', 'empty', 'leaves'] as const;

function writeHolding(writer: ByteWriter, holding: Holding): void {
  writer.u8(HOLDINGS.indexOf(holding.kind));
  if (holding.kind === 'leaves') for (const print of holding.prints) writePrint(writer, print);
}

function readHolding(reader: ByteReader): Holding {
  const kind = HOLDINGS[reader.u8()];
  must(kind !== undefined, 'there is no such holding');
  if (kind !== 'leaves') return { kind };
  return { kind, prints: Array.from({ length: LEAVES }, () => readPrint(reader)) };
}

function readLeaves(reader: ByteReader): number[] {
  const leaves = Array.from({ length: reader.count(4) }, () => reader.u32());
  const isSorted = leaves.every(
    (leaf, i) => leaf < LEAVES && (i === 0 || leaf > at(leaves, i - 1)),
  );
  must(isSorted, `groups of keys are sorted, and below ${LEAVES}`);
  return leaves;
}

const at = (list: readonly number[], i: number): number => list[i] as number;

/** A time that may also be 0, for "none". */
function readSince(reader: ByteReader): number {
  return reader.flag() ? readTime(reader) : 0;
}

function writeSince(writer: ByteWriter, time: number): void {
  writer.u8(Number(time > 0));
  if (time > 0) writeTime(writer, time);
}

const CODECS: { readonly [Kind in MessageKind]: KindCodec<Kind> } = {
  push: {
    code: 1,
    write: (writer, { since, seen, cells }) => {
      writeSince(writer, since);
      writeCells(writeVector(writer, seen), cells);
    },
    read: (reader, replica) => {
      const since = readSince(reader);
      const seen = readVector(reader);
      must(timeOf(seen, replica) > since, 'a push is about an update of its sender');
      return { since, seen, cells: readSeenCells(reader, seen) };
    },
  },
  report: {
    code: 2,
    write: (writer, { seen, collected, fingerprint, wantsReport }) => {
      writeVector(writeVector(writer, seen), collected);
      writePrint(writer, fingerprint).u8(Number(wantsReport));
    },
    read: (reader) => ({
      ...readSeenAndCollected(reader),
      fingerprint: readPrint(reader),
      wantsReport: reader.flag(),
    }),
  },
  pull: {
    code: 3,
    write: (writer, { transfer, part, seen, holding }) => {
      writeHolding(writeVector(writer.u48(transfer).u32(part), seen), holding);
    },
    read: (reader) => ({
      transfer: reader.u48(),
      part: reader.u32(),
      seen: readVector(reader),
      holding: readHolding(reader),
    }),
  },
  part: {
    code: 4,
    write: (writer, { transfer, beginning, part, isLast, seen, collected, leaves, cells }) => {
      writer.u48(transfer).u48(beginning).u32(part).u8(Number(isLast));
      writeVector(writeVector(writer, seen), collected).u32(leaves.length);
      for (const leaf of leaves) writer.u32(leaf);
      writeCells(writer, cells);
    },
    read: (reader) => {
      const [transfer, beginning] = [reader.u48(), reader.u48()];
      const [part, isLast] = [reader.u32(), reader.flag()];
      const { seen, collected } = readSeenAndCollected(reader);
      const leaves = readLeaves(reader);
      const cells = readSeenCells(reader, seen);
      return { transfer, beginning, part, isLast, seen, collected, leaves, cells };
    },
  },
};

const BY_CODE = new Map(
  (Object.keys(CODECS) as MessageKind[]).map((kind) => [CODECS[kind].code, kind] as const),
);
