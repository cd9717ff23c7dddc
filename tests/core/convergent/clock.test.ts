/** The hybrid logical clock: never back, never behind what was seen, near the wall clock. */

import fc from 'fast-check';
import { HybridClock } from '../../../kv/core/convergent/clock';
import { millisOf, TICKS_PER_MS, ticksOf } from '../../../kv/core/convergent/stamps';
import { millis } from '../../../kv/core/ids';

const WALL = 1_700_000_000_000;
const DRIFT = 1000;
const clockAt = (wall = WALL, last = 0) =>
  new HybridClock(last, millis(wall), millis(0), millis(DRIFT));

/** A reading that an update has got. */
function used(clock: HybridClock, at: number): number {
  const reading = clock.next(millis(at));
  clock.saw(reading);
  return reading;
}

test('it follows the wall clock, and counts where that stands still', () => {
  const clock = clockAt();
  const first = used(clock, 0);
  expect(first).toBe(WALL * TICKS_PER_MS);
  expect(used(clock, 0)).toBe(first + 1);
  expect(used(clock, 10)).toBe(ticksOf(millis(WALL + 10)));
});

test('readings never go back, whatever the wall clock does and whatever is seen', () => {
  const event = fc.oneof(
    fc.integer({ min: -5000, max: 5000 }).map((ms) => ({ kind: 'jump' as const, ms })),
    fc.integer({ min: 0, max: 900 }).map((ms) => ({ kind: 'see' as const, ms })),
    fc.integer({ min: 0, max: 100 }).map((ms) => ({ kind: 'pass' as const, ms })),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 50 }), (events) => {
      const clock = clockAt();
      let [now, last] = [0, 0];
      for (const { kind, ms } of events) {
        if (kind === 'jump') clock.setWall(millis(WALL + now + ms), millis(now));
        if (kind === 'pass') now += ms;
        const seen = ticksOf(millis(WALL + now + ms));
        if (kind === 'see') clock.saw(seen);
        const reading = used(clock, now);
        expect(reading).toBeGreaterThan(last);
        if (kind === 'see') expect(reading).toBeGreaterThan(seen);
        last = reading;
      }
    }),
  );
});

test('what lies too far ahead is recognised; the bound itself is not too far', () => {
  const clock = clockAt();
  const at = (ms: number) => ticksOf(millis(WALL + ms));
  expect(clock.isTooFar(at(DRIFT), millis(0))).toBe(false);
  expect(clock.isTooFar(at(DRIFT) + 1, millis(0))).toBe(true);
  expect(clock.isTooFar(at(DRIFT) + 1, millis(1))).toBe(false);
  expect(clock.aheadMs(at(250), millis(0))).toBe(250);
});

test('a restarted clock goes on above what was seen, though the wall clock was set back', () => {
  const last = ticksOf(millis(WALL + 500));
  const clock = clockAt(WALL, last);
  expect(used(clock, 0)).toBe(last + 1);
  expect(clock.driftMs(millis(0))).toBeCloseTo(500, 1);
  expect(millisOf(used(clock, 1000))).toBe(WALL + 1000);
});

test('a reading that no update has got leaves no trace', () => {
  const clock = clockAt();
  clock.setWall(millis(WALL + 60_000), millis(0));
  expect(millisOf(clock.next(millis(0)))).toBe(WALL + 60_000);
  clock.setWall(millis(WALL), millis(0));
  expect(millisOf(clock.next(millis(0)))).toBe(WALL);
});
