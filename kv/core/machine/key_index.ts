/**
 * Finds the cell of a key. The keys of each shard are in order: by hash, and by the key's own bytes
 * where hashes are equal. A binary search looks at the hashes alone, which lie close together, until
 * it has found the one; and a client that picks keys of equal hashes makes it no slower.
 *
 * What a search looks at lies in pages too (`cell_pages.ts`), for each shard in one cell: with
 * objects and arrays on the way, most of the time would be spent on fetching them into the cache.
 */

import type { Cell, CellPages } from './cell_pages';

/** By turns: the hash of a key, and its cell; 4 bytes each. */
const WIDTH = 2;
const WORD_BYTES = 4;
const FIRST_ROOM = 4;

/** Says how a key that is looked for compares with the key of a cell: below 0, 0, or above 0. */
export type KeyOrder = (cell: Cell) => number;

export class KeyIndex {
  private readonly counts: Int32Array;
  /** The cell with the keys of each shard that has had any. */
  private readonly roots: Int32Array;

  constructor(
    shards: number,
    private readonly cells: CellPages,
  ) {
    this.counts = new Int32Array(shards);
    this.roots = new Int32Array(shards).fill(NONE);
  }

  /** How many keys a shard has. */
  size(shard: number): number {
    return this.counts[shard] as number;
  }

  cellAt(shard: number, place: number): Cell {
    const root = this.roots[shard] as Cell;
    return this.cells.wordsOf(root)[this.start(root) + WIDTH * place + 1] as Cell;
  }

  /** Where the key is; if it is absent, `-1 - place`, with the place where it belongs. */
  find(shard: number, hash: number, order: KeyOrder): number {
    let low = 0;
    let high = this.size(shard);
    if (high === 0) return -1;
    const root = this.roots[shard] as Cell;
    const words = this.cells.wordsOf(root);
    const start = this.start(root);
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = start + WIDTH * middle;
      const known = words[at] as number;
      const sign = hash === known ? order(words[at + 1] as Cell) : hash - known;
      if (sign === 0) return middle;
      if (sign < 0) high = middle;
      else low = middle + 1;
    }
    return -1 - low;
  }

  insert(shard: number, place: number, hash: number, cell: Cell): void {
    const count = this.size(shard);
    const root = this.rootFor(shard, count + 1);
    const words = this.cells.wordsOf(root);
    const start = this.start(root);
    const at = start + WIDTH * place;
    words.copyWithin(at + WIDTH, at, start + WIDTH * count);
    words[at] = hash;
    words[at + 1] = cell;
    this.counts[shard] = count + 1;
  }

  replace(shard: number, place: number, cell: Cell): void {
    const root = this.roots[shard] as Cell;
    this.cells.wordsOf(root)[this.start(root) + WIDTH * place + 1] = cell;
  }

  remove(shard: number, place: number): void {
    const count = this.size(shard);
    const root = this.roots[shard] as Cell;
    const start = this.start(root);
    const at = start + WIDTH * place;
    this.cells.wordsOf(root).copyWithin(at, at + WIDTH, start + WIDTH * count);
    this.counts[shard] = count - 1;
  }

  /** The cell of a shard, with room for `count` keys: twice as much as before where it was full. */
  private rootFor(shard: number, count: number): Cell {
    const known = this.roots[shard] as Cell;
    const keyBytes = WIDTH * WORD_BYTES;
    if (known !== NONE && count * keyBytes <= this.cells.sizeOf(known)) return known;
    const room = known === NONE ? FIRST_ROOM * keyBytes : 2 * this.cells.sizeOf(known);
    const root = this.cells.allocate(room);
    this.roots[shard] = root;
    if (known === NONE) return root;
    const from = this.start(known);
    const old = this.cells.wordsOf(known).subarray(from, from + WIDTH * (count - 1));
    this.cells.wordsOf(root).set(old, this.start(root));
    this.cells.free(known);
    return root;
  }

  /** Where the keys of a root begin, in words. */
  private start(root: Cell): number {
    return this.cells.offsetOf(root) / WORD_BYTES;
  }
}

const NONE = -1;
