/** When the event loop itself waits for a write, and when it leaves that to a thread. */

import { WritePace } from '../../kv/storage/write_pace';

/** Notes so many writes that took `ms`, each in the way that the pace asked for. */
function write(pace: WritePace, count: number, ms: number): void {
  for (let i = 0; i < count; i++) pace.note(ms, pace.isFast);
}

/** How many writes of `ms` it takes until the answer is `fast`; undefined if it never is. */
function until(pace: WritePace, fast: boolean, ms: number): number | undefined {
  for (let count = 0; count < 10_000; count++) {
    if (pace.isFast === fast) return count;
    write(pace, 1, ms);
  }
  return undefined;
}

test('a disk must have shown that it is fast', () => {
  expect(until(new WritePace(), true, 0.1)).toBe(32);
});

test.each([1.1, 2, 50])('a disk that takes %d ms by a thread is never waited for', (ms) => {
  expect(until(new WritePace(), true, ms)).toBeUndefined();
});

test('one that turns out to take long without a thread too is left to it, and tried again later', () => {
  const pace = new WritePace();
  write(pace, 32, 0.9);
  expect(pace.isFast).toBe(true);
  const tried = until(pace, false, 0.9);
  expect(tried).toBeGreaterThan(1);
  expect(tried).toBeLessThan(32);
  expect(until(pace, true, 0.9)).toBe(32);
});

test('one write that hesitates is enough, and the disk has to show itself anew', () => {
  const pace = new WritePace();
  write(pace, 500, 0.1);
  expect(pace.isFast).toBe(true);
  write(pace, 1, 10);
  expect(pace.isFast).toBe(false);
  write(pace, 20, 0.1);
  write(pace, 1, 10);
  expect(until(pace, true, 0.1)).toBeGreaterThanOrEqual(32);
});

test('a straggler now and then is no slow disk', () => {
  const pace = new WritePace();
  for (let i = 0; i < 1000; i++) write(pace, 1, i % 20 === 0 ? 3 : 0.1);
  expect(pace.isFast).toBe(true);
});

test('a disk that hesitates while a thread writes is not waited for either', () => {
  const pace = new WritePace();
  write(pace, 100, 0.1);
  pace.note(10, false);
  expect(pace.isFast).toBe(false);
});

test('a large batch that went by a thread says nothing about the small ones', () => {
  const pace = new WritePace();
  write(pace, 100, 0.1);
  for (let i = 0; i < 100; i++) pace.note(3, false);
  expect(pace.isFast).toBe(true);
});
