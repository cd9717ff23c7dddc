/** Writes that wait, against a dumb count of copies. */

import fc from 'fast-check';
import { millis, NEVER, requestId } from '../../../kv/core/ids';
import { copiesOf, isEnough, type WaitingWrite } from '../../../kv/core/log/waiting_write';
import { WaitingWrites } from '../../../kv/core/log/waiting_writes';

const ends = fc.array(fc.nat(10), { minLength: 1, maxLength: 5 });
const write = (order: number, w: number, deadline = NEVER, request = 1): WaitingWrite => ({
  ...{ request: requestId(request), id: `${order}`, order, w, deadline },
  ...{ isNew: true, isSame: true },
});
const writes = fc.array(fc.tuple(fc.nat(9), fc.integer({ min: 1, max: 5 })), { maxLength: 20 });

test('enough is the own copy and any w - 1 others', () => {
  fc.assert(
    fc.property(ends, fc.nat(10), fc.integer({ min: 1, max: 5 }), (all, order, w) => {
      fc.pre(w <= all.length);
      const [own = 0, ...others] = all;
      const count = others.filter((end) => end > order).length;
      expect(isEnough(write(order, w), all)).toBe(own > order && 1 + count >= w);
    }),
  );
});

test('more copies are never less, and in what order secondaries stand does not matter', () => {
  fc.assert(
    fc.property(ends, fc.nat(10), fc.nat(4), fc.nat(3), (all, order, at, more) => {
      const grown = all.map((end, i) => (i === at % all.length ? end + more : end));
      expect(copiesOf(order, grown)).toBeGreaterThanOrEqual(copiesOf(order, all));
      const [own = 0, ...others] = all;
      const w = 1 + (at % all.length);
      const turned = [own, ...others.reverse()];
      expect(isEnough(write(order, w), turned)).toBe(isEnough(write(order, w), all));
    }),
  );
});

test('all and only those are taken that have enough, and nobody waits for another', () => {
  fc.assert(
    fc.property(writes, ends, (list, all) => {
      const waiting = new WaitingWrites();
      const made = list.map(([order, w], i) => write(order, w, NEVER, i + 1));
      for (const one of made) waiting.add(one);
      const taken = waiting.takeEnough(all).map(({ request }) => request);
      const expected = made.filter((one) => isEnough(one, all)).map(({ request }) => request);
      expect(taken.sort((x, y) => x - y)).toEqual(expected);
      expect(waiting.size).toBe(made.length - expected.length);
    }),
  );
});

test('who has waited long enough is taken once, the others stay', () => {
  const waiting = new WaitingWrites();
  waiting.add(write(0, 3, millis(100), 1));
  waiting.add(write(1, 3, NEVER, 2));
  waiting.add(write(2, 2, millis(500), 3));
  expect(waiting.takeExpired(millis(99))).toEqual([]);
  expect(waiting.takeExpired(millis(100)).map(({ request }) => request)).toEqual([1]);
  expect(waiting.takeExpired(millis(1000)).map(({ request }) => request)).toEqual([3]);
  expect(waiting.size).toBe(1);
  expect(waiting.nextDeadline).toBe(NEVER);
});
