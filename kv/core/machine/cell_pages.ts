/**
 * Memory for many small pieces of bytes, in pages that an engine's garbage collector need not look
 * into.
 *
 * A string for each value would be made with each write, copied twice while it is young, and
 * collected when the next write replaces it. Bytes in a page are written over where they lie.
 *
 * A page has cells of one size. Sizes are at most an eighth apart (16 bytes among the small ones),
 * so that is all that a cell may waste. A page is given back when its last cell is freed.
 */

import { invariant } from '../assert';

/** Where a cell is: the number of its page, and its offset in units of 16 bytes. */
export type Cell = number;

/** A size has small pages at first, because a simulator makes many tables and fills few. */
const SMALLEST_PAGE = 1024;
const LARGEST_PAGE = 64 * 1024;

const UNIT_BITS = 4;
const UNIT = 1 << UNIT_BITS;
const UNITS_OF_A_PAGE = LARGEST_PAGE / UNIT;
const NUMBER_SHIFT = Math.log2(UNITS_OF_A_PAGE);
/** So many that a cell is a small integer for every engine. */
const MOST_PAGES = 2 ** 31 / UNITS_OF_A_PAGE;

interface Page {
  readonly number: number;
  readonly bytes: Uint8Array;
  /** The same memory, four bytes at a time. */
  readonly words: Int32Array;
  readonly cellBytes: number;
  /** How many cells are in use. */
  live: number;
  /** Where the part begins that was never in use. */
  fresh: number;
  /** Offsets of cells that were freed. */
  readonly freed: number[];
}

/** The pages of one size. */
interface SizeClass {
  readonly cellBytes: number;
  /** Those with room, in no order. */
  readonly open: Page[];
  /** The bytes of all of them, those without room included. */
  bytes: number;
}

export class CellPages {
  private readonly pages: (Page | undefined)[] = [];
  private readonly unusedNumbers: number[] = [];
  private readonly classes = new Map<number, SizeClass>();
  private heldBytes = 0;

  /** The bytes of all pages. */
  get held(): number {
    return this.heldBytes;
  }

  /** A cell with room for `length` bytes; what is in it is left from whoever had it before. */
  allocate(length: number): Cell {
    const size = cellBytes(length);
    const sizeClass = this.classOf(size);
    const page = sizeClass.open.at(-1) ?? this.addPage(sizeClass);
    const offset = page.freed.pop() ?? page.fresh;
    if (offset === page.fresh) page.fresh += size;
    page.live++;
    if (isFull(page)) sizeClass.open.pop();
    return page.number * UNITS_OF_A_PAGE + offset / UNIT;
  }

  free(cell: Cell): void {
    const page = this.pageOf(cell);
    const sizeClass = this.classOf(page.cellBytes);
    const { open } = sizeClass;
    if (isFull(page)) open.push(page);
    page.freed.push(this.offsetOf(cell));
    page.live--;
    invariant(page.live >= 0, 'a cell is freed once', { cell });
    // One page with room stays, so that a single cell that comes and goes costs no page each time.
    if (page.live === 0 && open.length > 1) this.dropPage(page, sizeClass);
  }

  /** Whether a new cell for `length` bytes would be of just this size. */
  fits(cell: Cell, length: number): boolean {
    return this.pageOf(cell).cellBytes === cellBytes(length);
  }

  /** How many bytes a cell has room for. */
  sizeOf(cell: Cell): number {
    return this.pageOf(cell).cellBytes;
  }

  /** The page around a cell. Valid until the cell is freed. */
  bytesOf(cell: Cell): Uint8Array {
    return this.pageOf(cell).bytes;
  }

  /** As `bytesOf`, four bytes at a time. */
  wordsOf(cell: Cell): Int32Array {
    return this.pageOf(cell).words;
  }

  /** Where in its page a cell begins, in bytes: a multiple of 16. */
  offsetOf(cell: Cell): number {
    return (cell & (UNITS_OF_A_PAGE - 1)) << UNIT_BITS;
  }

  private pageOf(cell: Cell): Page {
    return this.pages[cell >>> NUMBER_SHIFT] as Page;
  }

  private classOf(size: number): SizeClass {
    let sizeClass = this.classes.get(size);
    if (sizeClass === undefined) {
      sizeClass = { cellBytes: size, open: [], bytes: 0 };
      this.classes.set(size, sizeClass);
    }
    return sizeClass;
  }

  /** Each page as large as all those of its size before it, within limits. */
  private addPage(sizeClass: SizeClass): Page {
    const { cellBytes: size } = sizeClass;
    const target = Math.min(LARGEST_PAGE, Math.max(SMALLEST_PAGE, sizeClass.bytes));
    const bytes = new Uint8Array(Math.max(1, Math.floor(target / size)) * size);
    const number = this.unusedNumbers.pop() ?? this.pages.length;
    invariant(number < MOST_PAGES, 'there are no more numbers for pages', { number });
    const words = new Int32Array(bytes.buffer);
    const page: Page = { number, bytes, words, cellBytes: size, live: 0, fresh: 0, freed: [] };
    this.pages[number] = page;
    sizeClass.open.push(page);
    sizeClass.bytes += bytes.length;
    this.heldBytes += bytes.length;
    return page;
  }

  private dropPage(page: Page, sizeClass: SizeClass): void {
    this.pages[page.number] = undefined;
    this.unusedNumbers.push(page.number);
    sizeClass.open.splice(sizeClass.open.indexOf(page), 1);
    sizeClass.bytes -= page.bytes.length;
    this.heldBytes -= page.bytes.length;
  }
}

const isFull = ({ freed, fresh, cellBytes: size, bytes }: Page): boolean =>
  freed.length === 0 && fresh + size > bytes.length;

/** The size of the cells that `length` bytes are kept in. */
function cellBytes(length: number): number {
  // An eighth of the power of two below: 31 - clz32 is the logarithm, and 3 less an eighth.
  const step = length <= 8 * UNIT ? UNIT : 1 << (28 - Math.clz32(length - 1));
  return (length + step - 1) & -step;
}
