/**
 * The map from keys to entries, and a walk that sees none of what happens later.
 *
 * **Cells.** A key and a value of usual size are bytes in a cell (`cell_pages.ts`): a write copies
 * them there from the entry of the log and makes no object. Longer values and lists are kept as
 * what they are. A cell, little-endian:
 *
 *     0   length of the key     u16
 *     2   length of the value   u16, or 0xffff if the value is `elsewhere`
 *     4   the key, and behind it the value
 *
 * **Shards.** What grows has to be moved at times. In 4096 shards that is never much at once.
 *
 * **The walk** goes from shard to shard. When it enters one, it takes copies of all entries of it,
 * sorted by key, so from then on writes to that shard cannot matter. A write to a shard that the
 * walk has not entered yet first puts aside what the key held before.
 */

import { invariant } from '../assert';
import type { ByteString } from '../command';
import { latin1Text, plainPutLatin1, putLatin1 } from '../latin1';
import { type Cell, CellPages } from './cell_pages';
import { keyHashOf } from './hash';
import { KeyIndex } from './key_index';
import type { Entry } from './list_text';

const SHARDS = 4096;
const HEADER_BYTES = 4;
const ELSEWHERE = 0xffff;
/** For what takes more, a string is as cheap: the copying is what counts. */
const LARGEST_CELL = 1024;

const NOTHING: Uint8Array = new Uint8Array(0);

/** What a key held when the walk began; undefined where it was absent. */
type Former = Map<ByteString, Entry | undefined>;

export class EntryTable {
  private readonly cells = new CellPages();
  private readonly index = new KeyIndex(SHARDS, this.cells);
  /** For each shard the entries that are not in their cells. */
  private readonly elsewhere: (Map<Cell, Entry> | undefined)[] = new Array(SHARDS).fill(undefined);
  private keyCount = 0;
  private byteCount = 0;
  private walk: { entered: number; former: Map<number, Former> } | undefined;

  /** The key that was looked for last, and where it is: see {@link KeyIndex.find}. */
  private readonly sought = { bytes: NOTHING, from: 0, to: 0, hash: 0, shard: 0, place: -1 };
  private readonly soughtToCell = (cell: Cell): number => this.compareSought(cell);
  /** For keys that come as strings. */
  private scratch = new Uint8Array(64);

  get keys(): number {
    return this.keyCount;
  }

  /** The bytes of all keys and values together. */
  get bytes(): number {
    return this.byteCount;
  }

  get(key: ByteString): Entry | undefined {
    if (key.length > this.scratch.length) this.scratch = new Uint8Array(key.length);
    plainPutLatin1(key, this.scratch, 0);
    return this.find(this.scratch, 0, key.length);
  }

  /** As `get`; the key is the bytes from `from` up to but not including `to`. */
  find(bytes: Uint8Array, from: number, to: number): Entry | undefined {
    const { shard, place } = this.seek(bytes, from, to);
    return place < 0 ? undefined : this.entryOf(shard, this.index.cellAt(shard, place));
  }

  /** The value is what lies behind the key, from `to` up to but not including `end`. */
  put(bytes: Uint8Array, from: number, to: number, end: number): void {
    if (!fitsCell(to - from, end - to)) {
      return this.set(bytes, from, to, latin1Text(bytes, to, end));
    }
    this.seek(bytes, from, to);
    const cell = this.cellFor(end - to);
    const value = bytes.subarray(to, end);
    this.cells.bytesOf(cell).set(value, this.valueAt(cell));
  }

  set(bytes: Uint8Array, from: number, to: number, entry: Entry): void {
    const { shard } = this.seek(bytes, from, to);
    if (typeof entry === 'string' && fitsCell(to - from, entry.length)) {
      const cell = this.cellFor(entry.length);
      putLatin1(entry, this.cells.bytesOf(cell), this.valueAt(cell));
    } else {
      const cell = this.cellFor(entry.length, ELSEWHERE);
      const elsewhere = this.elsewhere[shard] ?? new Map<Cell, Entry>();
      this.elsewhere[shard] = elsewhere.set(cell, entry);
    }
  }

  /** Whether there was anything to delete. */
  delete(bytes: Uint8Array, from: number, to: number): boolean {
    const { shard, place } = this.seek(bytes, from, to);
    if (place < 0) return false;
    const cell = this.index.cellAt(shard, place);
    if (this.walk !== undefined) this.putAside(cell);
    this.byteCount -= to - from + this.lengthOf(shard, cell);
    this.keyCount--;
    this.elsewhere[shard]?.delete(cell);
    this.index.remove(shard, place);
    this.cells.free(cell);
    return true;
  }

  /** All entries as they are now: by shard, and by key within it. Ends with `endWalk`. */
  beginWalk(): Generator<readonly [ByteString, Entry], void> {
    invariant(this.walk === undefined, 'one walk at a time', {});
    this.walk = { entered: -1, former: new Map() };
    return this.entries(this.walk);
  }

  endWalk(): void {
    this.walk = undefined;
  }

  private *entries(walk: {
    entered: number;
    former: Map<number, Former>;
  }): Generator<readonly [ByteString, Entry], void> {
    for (let shard = 0; shard < SHARDS; shard++) {
      const entries = this.asItWas(shard, walk.former.get(shard));
      walk.entered = shard;
      walk.former.delete(shard);
      yield* entries;
    }
  }

  private asItWas(shard: number, former: Former | undefined) {
    const entries: (readonly [ByteString, Entry])[] = [];
    for (let place = 0; place < this.index.size(shard); place++) {
      const cell = this.index.cellAt(shard, place);
      const key = this.keyOf(cell);
      if (former?.has(key) !== true) entries.push([key, this.entryOf(shard, cell)]);
    }
    for (const [key, old] of former ?? []) if (old !== undefined) entries.push([key, old]);
    return entries.sort(([x], [y]) => (x < y ? -1 : 1));
  }

  /** Keeps for the walk what the sought key holds: the entry of `cell`, or nothing without one. */
  private putAside(cell: Cell | undefined): void {
    const { bytes, from, to, shard } = this.sought;
    if (this.walk === undefined || shard <= this.walk.entered) return;
    let former = this.walk.former.get(shard);
    if (former === undefined) {
      former = new Map();
      this.walk.former.set(shard, former);
    }
    const key = latin1Text(bytes, from, to);
    // Only the first write of the walk to a key sees what the key held when the walk began.
    if (former.has(key)) return;
    former.set(key, cell === undefined ? undefined : this.entryOf(shard, cell));
  }

  /** Looks for a key; what it returns is overwritten by the next call. */
  private seek(bytes: Uint8Array, from: number, to: number) {
    const { sought } = this;
    const hash = keyHashOf(bytes, from, to);
    sought.bytes = bytes;
    sought.from = from;
    sought.to = to;
    sought.hash = hash;
    sought.shard = hash & (SHARDS - 1);
    sought.place = this.index.find(sought.shard, hash, this.soughtToCell);
    return sought;
  }

  /**
   * The cell of the sought key, with room for a value of `length` bytes, or without any where the
   * value goes `ELSEWHERE`. What the key held before is counted off, and gone.
   */
  private cellFor(length: number, valueField = length): Cell {
    const { shard, place, from, to } = this.sought;
    const known = place < 0 ? undefined : this.index.cellAt(shard, place);
    if (this.walk !== undefined) this.putAside(known);
    if (known === undefined) this.keyCount++;
    this.byteCount += length - (known === undefined ? from - to : this.lengthOf(shard, known));
    const cell = this.replaceCell(known, valueField === ELSEWHERE ? 0 : length);
    const page = this.cells.bytesOf(cell);
    const at = this.cells.offsetOf(cell);
    page[at + 2] = valueField;
    page[at + 3] = valueField >> 8;
    return cell;
  }

  /** `known` if a value of this size belongs in it, or a new cell with the key in its place. */
  private replaceCell(known: Cell | undefined, valueBytes: number): Cell {
    const { bytes, from, to, hash, shard, place } = this.sought;
    const needed = HEADER_BYTES + to - from + valueBytes;
    if (known !== undefined) {
      this.elsewhere[shard]?.delete(known);
      if (this.cells.fits(known, needed)) return known;
      this.cells.free(known);
    }
    const cell = this.cells.allocate(needed);
    const page = this.cells.bytesOf(cell);
    const at = this.cells.offsetOf(cell);
    page[at] = to - from;
    page[at + 1] = (to - from) >> 8;
    for (let i = from; i < to; i++) page[at + HEADER_BYTES + i - from] = bytes[i] as number;
    if (known === undefined) this.index.insert(shard, -1 - place, hash, cell);
    else this.index.replace(shard, place, cell);
    return cell;
  }

  private compareSought(cell: Cell): number {
    const { bytes, from, to } = this.sought;
    const page = this.cells.bytesOf(cell);
    const at = this.cells.offsetOf(cell);
    const longer = to - from - u16(page, at);
    if (longer !== 0) return longer;
    const shift = at + HEADER_BYTES - from;
    for (let i = from; i < to; i++) {
      const difference = (bytes[i] as number) - (page[i + shift] as number);
      if (difference !== 0) return difference;
    }
    return 0;
  }

  private keyOf(cell: Cell): ByteString {
    const at = this.cells.offsetOf(cell) + HEADER_BYTES;
    return latin1Text(this.cells.bytesOf(cell), at, this.valueAt(cell));
  }

  private entryOf(shard: number, cell: Cell): Entry {
    const page = this.cells.bytesOf(cell);
    const length = u16(page, this.cells.offsetOf(cell) + 2);
    if (length === ELSEWHERE) return this.entryElsewhere(shard, cell);
    const at = this.valueAt(cell);
    return latin1Text(page, at, at + length);
  }

  /** How long the value of a cell is. */
  private lengthOf(shard: number, cell: Cell): number {
    const length = u16(this.cells.bytesOf(cell), this.cells.offsetOf(cell) + 2);
    return length === ELSEWHERE ? this.entryElsewhere(shard, cell).length : length;
  }

  private entryElsewhere(shard: number, cell: Cell): Entry {
    const entry = this.elsewhere[shard]?.get(cell);
    invariant(entry !== undefined, 'what is not in its cell is elsewhere', { shard, cell });
    return entry;
  }

  /** Where the value of a cell is in its page. */
  private valueAt(cell: Cell): number {
    const at = this.cells.offsetOf(cell);
    return at + HEADER_BYTES + u16(this.cells.bytesOf(cell), at);
  }
}

const fitsCell = (keyBytes: number, valueBytes: number): boolean =>
  HEADER_BYTES + keyBytes + valueBytes <= LARGEST_CELL;

const u16 = (bytes: Uint8Array, at: number): number =>
  (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
