/**
 * Keys in pieces, each of which fits a message and a record, and whole again. What several replicas
 * wrote to one key apart may be more than either takes, though each of them was allowed to write it;
 * so a key is cut between its parts. Of these each was in one request, which bounds it.
 */

import type { ByteString } from '../command';
import type { Part } from './parts';
import { type Cell, cellBytes, partBytes } from './parts_codec';

/**
 * Cells in lists of about so many bytes each; one part of more than that is alone. The slices of a
 * cell follow each other, and no two of them are in one list.
 */
export function inPieces(cells: readonly Cell[], maxBytes: number): Cell[][] {
  const pieces: Cell[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const cell of cells) {
    for (const slice of slicesOf(cell, maxBytes)) {
      const size = cellBytes(slice);
      if (bytes + size > maxBytes) {
        pieces.push([]);
        bytes = 0;
      }
      pieces.at(-1)?.push(slice);
      bytes += size;
    }
  }
  return pieces;
}

/** Each as long as it may be, so the next one never fits beside it. */
function* slicesOf(cell: Cell, maxBytes: number): Iterable<Cell> {
  if (cellBytes(cell) <= maxBytes) return yield cell;
  const { key, parts } = cell;
  let slice: Part[] = [];
  let bytes = cellBytes({ key, parts: slice });
  for (const part of parts) {
    const size = partBytes(part);
    if (slice.length > 0 && bytes + size > maxBytes) {
      yield { key, parts: slice };
      slice = [];
      bytes = cellBytes({ key, parts: slice });
    }
    slice.push(part);
    bytes += size;
  }
  yield { key, parts: slice };
}

/** The cells that were cut, one after the other. */
export function joined(slices: readonly Cell[]): Cell[] {
  const cells: { readonly key: ByteString; readonly parts: Part[] }[] = [];
  for (const { key, parts } of slices) {
    const last = cells.at(-1);
    if (last?.key !== key) cells.push({ key, parts: [...parts] });
    else for (const part of parts) last.parts.push(part);
  }
  return cells;
}
