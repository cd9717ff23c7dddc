import fc from 'fast-check';
import { InvariantViolation } from '../../../kv/core/assert';
import { type Cell, CellPages } from '../../../kv/core/machine/cell_pages';

/** Fills a cell, or says what is in it. */
function fill(pages: CellPages, cell: Cell, length: number, byte: number): void {
  const at = pages.offsetOf(cell);
  pages.bytesOf(cell).fill(byte, at, at + length);
}
const contentOf = (pages: CellPages, cell: Cell, length: number): number[] => {
  const at = pages.offsetOf(cell);
  return [...pages.bytesOf(cell).subarray(at, at + length)];
};

/** A length to allocate, or which of the cells under way is to be freed. */
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ length: fc.integer({ min: 1, max: 3000 }) }) },
  { weight: 2, arbitrary: fc.record({ freed: fc.nat() }) },
);

describe('cells', () => {
  test('never touch each other, however they come and go', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300, size: 'max' }), (steps) => {
        const pages = new CellPages();
        const live: { cell: Cell; length: number; byte: number }[] = [];
        for (const [number, one] of steps.entries()) {
          if ('length' in one) {
            const cell = pages.allocate(one.length);
            live.push({ cell, length: one.length, byte: number & 0xff });
            fill(pages, cell, one.length, number & 0xff);
          } else if (live.length > 0) {
            const [gone] = live.splice(one.freed % live.length, 1);
            pages.free((gone as { cell: Cell }).cell);
          }
        }
        for (const { cell, length, byte } of live) {
          expect(contentOf(pages, cell, length)).toEqual(new Array(length).fill(byte));
        }
      }),
      { numRuns: 50 },
    );
  });

  test('waste at most an eighth of what they are asked for, or 16 bytes', () => {
    const pages = new CellPages();
    for (let length = 1; length <= 70_000; length += length < 2000 ? 1 : 997) {
      const cell = pages.allocate(length);
      const wasted = pages.sizeOf(cell) - length;
      expect(wasted).toBeGreaterThanOrEqual(0);
      expect(wasted).toBeLessThan(Math.max(16, length / 8));
      expect(pages.fits(cell, length)).toBe(true);
      expect(pages.fits(cell, length + Math.max(16, length / 4))).toBe(false);
    }
  });

  test('begin where words of four bytes can be read, and the words are the same memory', () => {
    const pages = new CellPages();
    for (const length of [5, 17, 200, 1000]) {
      pages.allocate(length);
      const cell = pages.allocate(length);
      const at = pages.offsetOf(cell);
      expect(at % 16).toBe(0);
      pages.wordsOf(cell)[at / 4] = 0x0403_0201;
      expect([...contentOf(pages, cell, 4)].sort()).toEqual([1, 2, 3, 4]);
    }
  });

  test('are given back: what has been freed holds a page for each size and no more', () => {
    const pages = new CellPages();
    const cells = Array.from({ length: 20_000 }, (_, i) => pages.allocate(100 + 200 * (i % 2)));
    const most = pages.held;
    expect(most).toBeGreaterThan(10_000 * (100 + 300));
    for (const cell of cells) pages.free(cell);
    expect(pages.held).toBeLessThanOrEqual(2 * 64 * 1024);
    for (let i = 0; i < 20_000; i++) pages.allocate(100 + 200 * (i % 2));
    expect(pages.held).toBeLessThanOrEqual(most + 2 * 64 * 1024);
  });

  test('take little where there are few', () => {
    const pages = new CellPages();
    for (let length = 20; length < 100; length += 20) pages.allocate(length);
    expect(pages.held).toBeLessThanOrEqual(4 * 1024);
  });

  test('are not freed more often than there are any', () => {
    const pages = new CellPages();
    const cell = pages.allocate(10);
    pages.free(cell);
    expect(() => pages.free(cell)).toThrow(InvariantViolation);
  });
});
