/** Vectors are compared and joined as the sets of updates that they stand for. */

import fc from 'fast-check';
import {
  changes,
  covers,
  intersection,
  isEqual,
  union,
  type Vector,
} from '../../../kv/core/convergent/vectors';

const REPLICAS = [1, 2, 3];
const vector: fc.Arbitrary<Vector> = fc
  .array(fc.tuple(fc.constantFrom(...REPLICAS), fc.integer({ min: 1, max: 4 })), { maxLength: 4 })
  .map((entries) => new Map(entries));

/** The updates themselves: each replica makes one at each time. */
function setOf(seen: Vector): Set<string> {
  const all = [...seen].flatMap(([replica, time]) =>
    Array.from({ length: time }, (_, i) => `${replica} ${i + 1}`),
  );
  return new Set(all.sort());
}

const isWithin = (inner: Set<string>, outer: Set<string>): boolean =>
  [...inner].every((one) => outer.has(one));

test('equal, covering, joined, in common', () => {
  let [equal, covering] = [0, 0];
  fc.assert(
    fc.property(vector, vector, (one, other) => {
      const [a, b] = [setOf(one), setOf(other)];
      const [isWithinIt, isAround] = [isWithin(b, a), isWithin(a, b)];
      expect(covers(one, other)).toBe(isWithinIt);
      expect(isEqual(one, other)).toBe(isWithinIt && isAround);
      expect(setOf(union(one, other))).toEqual(new Set([...a, ...b].sort()));
      expect(setOf(intersection(one, other))).toEqual(
        new Set([...a].filter((each) => b.has(each))),
      );
      expect(isEqual(union(one, changes(one, union(one, other))), union(one, other))).toBe(true);
      if (isWithinIt && isAround) equal++;
      else if (isWithinIt && one.size === other.size) covering++;
    }),
    { numRuns: 2000, seed: 1 },
  );
  // One that is ahead of another in all replicas that both know is not equal to it.
  expect(equal).toBeGreaterThan(20);
  expect(covering).toBeGreaterThan(20);
});
