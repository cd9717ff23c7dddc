import { monotonicNow } from '../../kv/runtime/clock';

test('the clock counts milliseconds and never goes back', () => {
  const start = process.hrtime.bigint();
  const first = monotonicNow();
  let last = first;
  while (last - first < 20) {
    const now = monotonicNow();
    expect(now).toBeGreaterThanOrEqual(last);
    last = now;
  }
  const elapsedMs = Number(process.hrtime.bigint() - start) / 1e6;
  // Another clock was read before the first and after the last, so it must have counted no less.
  expect(elapsedMs).toBeGreaterThanOrEqual(last - first);
});

test('setting the time of day does not move it', () => {
  const before = monotonicNow();
  const set = jest.spyOn(Date, 'now').mockReturnValue(0);
  const after = monotonicNow();
  set.mockRestore();
  expect(after).toBeGreaterThanOrEqual(before);
});
