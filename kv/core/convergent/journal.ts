/**
 * What a record of a replica's journal can be (`../record_journal.ts` hands it to the disk).
 *
 * Every record says how something *is*: the last record about a key is all that counts, so a snapshot
 * may be taken of a state that goes on changing while it is walked, as long as all records since its
 * beginning are played again over it (`snapshots.ts`).
 *
 * What becomes visible together is in one record, so that a crash cannot take a part of it. Where it
 * would be too large for one, the first pieces are `piece` records, which mean nothing without the
 * `update` record behind them; a key may be cut over several (`pieces.ts`). That one says how many there are: a crash may have left pieces whose
 * own `update` never came, and what comes behind them must not take them for its own.
 */

import { ByteReader, ByteWriter, DecodeError } from '../bytes';
import type { JournalRecord } from '../protocol';
import { type Cell, readCells, writeCells } from './parts_codec';
import { readVector, type Vector, writeVector } from './vectors';

export type ConvergentRecord =
  | {
      readonly kind: 'update';
      /** What has changed of what this replica has seen, and of what was collected. */
      readonly seen: Vector;
      readonly collected: Vector;
      readonly cells: readonly Cell[];
      /** So many `piece` records right before this one belong to it. */
      readonly pieces: number;
    }
  | { readonly kind: 'piece'; readonly cells: readonly Cell[] };

const TYPES = { update: 1, piece: 2 } as const;

export function encodeRecord(record: ConvergentRecord): JournalRecord {
  const writer = new ByteWriter();
  if (record.kind === 'update') {
    writeVector(writer, record.seen);
    writeVector(writer, record.collected).u32(record.pieces);
  }
  return { type: TYPES[record.kind], payload: writeCells(writer, record.cells).finish() };
}

/** Throws `DecodeError` for anything but the above. */
export function decodeRecord({ type, payload }: JournalRecord): ConvergentRecord {
  const reader = new ByteReader(payload);
  const record = readRecord(type, reader);
  reader.end();
  return record;
}

function readRecord(type: number, reader: ByteReader): ConvergentRecord {
  if (type === TYPES.piece) return { kind: 'piece', cells: readCells(reader) };
  if (type !== TYPES.update) {
    throw new DecodeError(`a convergent replica has no record of type ${type}`);
  }
  const seen = readVector(reader);
  const collected = readVector(reader);
  const pieces = reader.u32();
  return { kind: 'update', seen, collected, pieces, cells: readCells(reader) };
}
