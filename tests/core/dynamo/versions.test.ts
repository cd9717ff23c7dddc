import fc from 'fast-check';
import {
  boundedPast,
  hasDot,
  isPast,
  joinPasts,
  NO_PAST,
  pastOf,
  WIDTH,
} from '../../../kv/core/dynamo/past';
import {
  digestOf,
  isVersionSet,
  lackedBy,
  mergeVersions,
  type Versions,
} from '../../../kv/core/dynamo/versions';
import { dotOf, histories, numbersIn, setOf, type TrueWrite } from './support';

/** A history and three parts of it, as three replicas may have got them. */
const replicas = histories.chain((writes) =>
  fc.tuple(
    fc.constant(writes),
    ...[0, 1, 2].map(() => fc.subarray([...writes]).map((part) => setOf(part))),
  ),
) as fc.Arbitrary<[readonly TrueWrite[], Versions, Versions, Versions]>;

describe('the merge of version sets', () => {
  test('is commutative, associative and idempotent', () => {
    fc.assert(
      fc.property(replicas, ([, a, b, c]) => {
        expect(mergeVersions(a, b)).toEqual(mergeVersions(b, a));
        expect(mergeVersions(mergeVersions(a, b), c)).toEqual(
          mergeVersions(a, mergeVersions(b, c)),
        );
        expect(mergeVersions(a, a)).toBe(a);
        expect(mergeVersions(mergeVersions(a, b), b)).toEqual(mergeVersions(a, b));
      }),
      { numRuns: 500 },
    );
  });

  test('keeps what nobody has seen, and nothing that somebody has: as the dumb oracle says', () => {
    fc.assert(
      fc.property(histories, fc.infiniteStream(fc.nat()), (writes, draws) => {
        // In any order, with repeats.
        const order = [...writes, ...writes].sort(() => ((draws.next().value ?? 0) % 3) - 1);
        const newest = writes.flatMap((_, number) =>
          writes.some(({ ancestors }) => ancestors.has(number)) ? [] : [number],
        );
        expect(numbersIn(setOf(order))).toEqual(newest);
      }),
      { numRuns: 500 },
    );
  });

  test('what one set lacks of another is what it needs to be the same', () => {
    fc.assert(
      fc.property(replicas, ([, a, b]) => {
        const merged = mergeVersions(a, b);
        expect(mergeVersions(a, lackedBy(a, merged))).toEqual(merged);
        expect(lackedBy(merged, a)).toEqual([]);
        expect(isVersionSet(merged)).toBe(true);
      }),
    );
  });

  test('equal sets have equal digests, other sets others', () => {
    fc.assert(
      fc.property(replicas, ([, a, b]) => {
        const isEqual = JSON.stringify(numbersIn(a)) === JSON.stringify(numbersIn(b));
        expect(digestOf('key', a) === digestOf('key', b)).toBe(isEqual);
        expect(digestOf('key', a) === digestOf('other', a)).toBe(a.length === 0);
      }),
    );
  });
});

describe('histories', () => {
  const dots = fc.array(
    fc.record({ author: fc.integer({ min: 1, max: 2 }), counter: fc.integer({ min: 1, max: 9 }) }),
  );

  test('a history is exactly the set of its dots', () => {
    fc.assert(
      fc.property(dots, (list) => {
        const past = list
          .map(({ author, counter }) => pastOf(dotOf(author, counter)))
          .reduce(joinPasts, NO_PAST);
        expect(isPast(past)).toBe(true);
        for (const author of [1, 2]) {
          for (let counter = 1; counter <= 10; counter++) {
            const isIn = list.some((one) => one.author === author && one.counter === counter);
            expect(hasDot(past, dotOf(author, counter))).toBe(isIn);
          }
        }
      }),
    );
  });

  test('what touches becomes one interval, so a history without gaps is as short as a vector', () => {
    const all = [3, 1, 2, 5, 4].map((counter) => pastOf(dotOf(7, counter))).reduce(joinPasts);
    expect(all).toEqual([7, 1, 1, 5]);
  });

  test('a version vector would hide a write that nobody has read; a history does not', () => {
    // 1 and 2 were written blindly at one node; somebody reads the second one only, and writes.
    const first = { dot: dotOf(1, 1), past: NO_PAST, value: Uint8Array.of(1) };
    const second = { dot: dotOf(1, 2), past: NO_PAST, value: Uint8Array.of(2) };
    const third = { dot: dotOf(2, 1), past: pastOf(second.dot), value: Uint8Array.of(3) };
    const merged = [[second], [third], [first]].reduce<Versions>(mergeVersions, []);
    expect(numbersIn(merged)).toEqual([1, 3]);
  });

  test('past its bound the oldest epochs are forgotten, which never adds a dot', () => {
    const past = Array.from({ length: 20 }, (_, i) => pastOf(dotOf(1 + (i % 3), 1, i + 1))).reduce(
      joinPasts,
    );
    const bounded = boundedPast(past, NO_PAST, 5);
    expect(bounded.length / WIDTH).toBe(5);
    expect(isPast(bounded)).toBe(true);
    for (let epoch = 1; epoch <= 20; epoch++) {
      expect(hasDot(bounded, dotOf(1 + ((epoch - 1) % 3), 1, epoch))).toBe(epoch > 15);
    }
  });
});
