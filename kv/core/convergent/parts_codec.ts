/** Parts of keys as bytes, in messages and in the journal; what is decoded is as `parts.ts` says. */

import { type ByteReader, type ByteWriter, DecodeError } from '../bytes';
import type { ByteString } from '../command';
import { compareParts, MAX_COUNT, type Part, type PartKind, type Parts } from './parts';
import { readStamp, type Stamp, TIME_BYTES, writeStamp } from './stamps';

/** A key and all its parts; none: the key is held no more. */
export interface Cell {
  readonly key: ByteString;
  readonly parts: Parts;
}

const CODES: Readonly<Record<PartKind, number>> = {
  value: 1,
  deleted: 2,
  removed: 3,
  count: 4,
  element: 5,
  sibling: 6,
};
const KINDS = new Map(
  (Object.keys(CODES) as PartKind[]).map((kind) => [CODES[kind], kind] as const),
);
/** A kind and a stamp. */
const LEAST_PART_BYTES = 1 + TIME_BYTES + 6;
const LEAST_CELL_BYTES = 8;
/** A key may be as long as 16 bits say. */
const MAX_KEY_BYTES = 65_535;

export function writeParts(writer: ByteWriter, parts: Parts): ByteWriter {
  writer.u32(parts.length);
  for (const part of parts) {
    writeStamp(writer.u8(CODES[part.kind]), part.stamp);
    if ('text' in part) writer.u32(part.text.length).latin1(part.text);
    else if (part.kind === 'count') writer.f64(part.amount);
  }
  return writer;
}

export function readParts(reader: ByteReader): Parts {
  const parts = Array.from({ length: reader.count(LEAST_PART_BYTES) }, () => readPart(reader));
  const isSorted = parts.every(
    (part, i) => i === 0 || compareParts(parts[i - 1] as Part, part) < 0,
  );
  if (!isSorted) throw new DecodeError('the parts of a key are sorted');
  const values = parts.filter(({ kind }) => kind === 'value' || kind === 'deleted');
  if (values.length > 1) throw new DecodeError('a key has one value');
  return parts;
}

function readPart(reader: ByteReader): Part {
  const code = reader.u8();
  const kind = KINDS.get(code);
  if (kind === undefined) throw new DecodeError(`there is no part of kind ${code}`);
  return readRest(reader, kind, readStamp(reader));
}

function readRest(reader: ByteReader, kind: PartKind, stamp: Stamp): Part {
  switch (kind) {
    case 'deleted':
    case 'removed':
      return { kind, stamp };
    case 'count': {
      const amount = reader.f64();
      const isValid = Number.isInteger(amount) && Math.abs(amount) <= MAX_COUNT;
      if (!isValid) throw new DecodeError('an amount is a whole number that is not too large');
      // A zero has one form, so that what is equal is equal byte for byte.
      return { kind, stamp, amount: amount + 0 };
    }
    case 'value':
    case 'element':
    case 'sibling':
      return { kind, stamp, text: reader.latin1(reader.u32()) };
  }
}

export function writeCell(writer: ByteWriter, { key, parts }: Cell): ByteWriter {
  return writeParts(writer.u32(key.length).latin1(key), parts);
}

export function writeCells(writer: ByteWriter, cells: readonly Cell[]): ByteWriter {
  writer.u32(cells.length);
  for (const cell of cells) writeCell(writer, cell);
  return writer;
}

export function readCells(reader: ByteReader): Cell[] {
  const cells = Array.from({ length: reader.count(LEAST_CELL_BYTES) }, () => {
    const length = reader.u32();
    if (length > MAX_KEY_BYTES) throw new DecodeError('a key is not so long');
    return { key: reader.latin1(length), parts: readParts(reader) };
  });
  if (new Set(cells.map(({ key }) => key)).size < cells.length) {
    throw new DecodeError('each key is there once');
  }
  return cells;
}

/** How many bytes a cell takes, exactly. */
export function cellBytes({ key, parts }: Cell): number {
  let bytes = LEAST_CELL_BYTES + key.length;
  for (const part of parts) bytes += partBytes(part);
  return bytes;
}

/** And a part of it. */
export function partBytes(part: Part): number {
  const rest = 'text' in part ? 4 + part.text.length : part.kind === 'count' ? 8 : 0;
  return LEAST_PART_BYTES + rest;
}
