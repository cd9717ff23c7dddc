import { millis } from '../../kv/core/ids';
import { LoopLag } from '../../kv/runtime/loop_lag';

const INTERVAL_MS = 20;
let now = 0;
let lag: LoopLag;

beforeEach(() => {
  jest.useFakeTimers();
  now = 1000;
  lag = new LoopLag(() => millis(now));
});
afterEach(() => {
  lag.stop();
  jest.useRealTimers();
});

/** The timer fires, having been due after its interval but running `late` milliseconds later. */
function turn(late: number): void {
  now += INTERVAL_MS + late;
  jest.advanceTimersByTime(INTERVAL_MS);
}

test('a loop on time has no lag', () => {
  for (let i = 0; i < 10; i++) turn(0);
  expect(lag.takeMaxMs()).toBe(0);
  expect(lag.maxSinceStartMs).toBe(0);
});

test('the longest delay is told once, and stays the worst', () => {
  for (const late of [3, 500, 7]) turn(late);
  expect(lag.takeMaxMs()).toBe(500);
  expect(lag.takeMaxMs()).toBe(0);
  turn(40);
  expect(lag.takeMaxMs()).toBe(40);
  expect(lag.maxSinceStartMs).toBe(500);
});

test('a delay shows before its late timer runs, and only once', () => {
  now += INTERVAL_MS + 300;
  expect(lag.takeMaxMs()).toBe(300);
  jest.advanceTimersByTime(INTERVAL_MS);
  expect(lag.takeMaxMs()).toBe(0);
  expect(lag.maxSinceStartMs).toBe(300);
});

test('reading often loses no delay', () => {
  let total = 0;
  for (let i = 0; i < 50; i++) {
    now += 1;
    total += lag.takeMaxMs();
  }
  turn(100);
  total += lag.takeMaxMs();
  expect(total).toBe(100);
});

test('once stopped, no timer is left', () => {
  expect(jest.getTimerCount()).toBe(1);
  lag.stop();
  expect(jest.getTimerCount()).toBe(0);
});

test('a loop that is really blocked shows up', () => {
  jest.useRealTimers();
  const real = new LoopLag();
  const start = performance.now();
  while (performance.now() - start < 100) Math.sqrt(start);
  expect(real.takeMaxMs()).toBeGreaterThanOrEqual(100 - INTERVAL_MS);
  real.stop();
});
