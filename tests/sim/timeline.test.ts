/** Simulated time and clocks: what everything else of a run stands on. */

import fc from 'fast-check';
import { LocalClock } from '../../kv/sim/local_clock';
import { Timeline } from '../../kv/sim/timeline';

test('things happen in the order of their moments, and of their planning where these are equal', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { maxLength: 60 }), (moments) => {
      const timeline = new Timeline();
      const happened: [number, number][] = [];
      moments.forEach((at, i) => {
        timeline.at(at, () => happened.push([timeline.now, i]));
      });
      timeline.runUntil(100);
      const expected = moments
        .map((at, i): [number, number] => [at, i])
        .sort(([a, i], [b, j]) => a - b || i - j);
      expect(happened).toEqual(expected);
    }),
  );
});

test('what is planned while time passes happens in its turn, and nothing in the past', () => {
  const timeline = new Timeline();
  const happened: string[] = [];
  timeline.after(5, () => {
    happened.push(`a at ${timeline.now}`);
    timeline.at(1, () => happened.push(`late at ${timeline.now}`));
    timeline.after(1, () => happened.push(`b at ${timeline.now}`));
  });
  timeline.after(5.5, () => happened.push(`c at ${timeline.now}`));
  timeline.runUntil(10);
  expect(happened).toEqual(['a at 5', 'late at 5', 'c at 5.5', 'b at 6']);
  expect(timeline.now).toBe(10);
});

test('what is called off does not happen, and time stops where somebody says so', () => {
  const timeline = new Timeline();
  const happened: number[] = [];
  const plans = [1, 2, 3, 4].map((at) => timeline.at(at, () => happened.push(at)));
  for (const plan of plans.slice(1, 2)) plan.isCancelled = true;
  timeline.runUntil(10, () => happened.length === 2);
  expect(happened).toEqual([1, 3]);
  expect(timeline.now).toBe(3);
});

test('a clock never goes back, whatever is done to it, and is past a moment when that has come', () => {
  const change = fc.record({
    after: fc.integer({ min: 0, max: 5000 }).map((n) => n / 16),
    rate: fc.option(fc.integer({ min: 850, max: 1150 }).map((n) => n / 1000)),
    jump: fc.option(fc.nat(3000)),
    wait: fc.integer({ min: 1, max: 5000 }).map((n) => n / 7),
  });
  fc.assert(
    fc.property(fc.nat(1_000_000), fc.array(change, { maxLength: 20 }), (base, changes) => {
      const clock = new LocalClock(base);
      let now = 0;
      let shown: number = clock.read(0);
      for (const { after, rate, jump, wait } of changes) {
        now += after;
        if (rate !== null) clock.setRate(now, rate);
        if (jump !== null) clock.jump(now, jump);
        expect(clock.read(now)).toBeGreaterThanOrEqual(shown);
        shown = clock.read(now);
        const wanted = shown + wait;
        const moment = clock.momentOf(wanted, now);
        expect(clock.read(moment)).toBeGreaterThanOrEqual(wanted);
        // And not much later: a thousandth of a millisecond is the resolution.
        expect(clock.read(moment)).toBeLessThan(wanted + 0.01);
        expect(clock.momentOf(shown, now)).toBe(now);
      }
    }),
  );
});
