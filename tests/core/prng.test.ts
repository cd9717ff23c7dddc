import { InvariantViolation } from '../../kv/core/assert';
import { Prng } from '../../kv/core/prng';

const draws = (prng: Prng, count: number): number[] =>
  Array.from({ length: count }, () => prng.next());

/**
 * xoshiro128** once more, from its definition, on 32-bit unsigned arithmetic with BigInt. The state
 * is read out of the generator under test.
 */
function* reference(prng: Prng): Generator<number> {
  const word = (name: string) => BigInt(Number(Reflect.get(prng, name)) >>> 0);
  const s = ['a', 'b', 'c', 'd'].map(word) as [bigint, bigint, bigint, bigint];
  const low = (x: bigint) => x & 0xffffffffn;
  const rotate = (x: bigint, by: bigint) => low((x << by) | (x >> (32n - by)));
  for (;;) {
    yield Number(low(rotate(low(s[1] * 5n), 7n) * 9n));
    const t = low(s[1] << 9n);
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 11n);
  }
}

test('golden numbers: a seed means the same sequence for ever', () => {
  expect(draws(new Prng(0), 4)).toEqual([2200177482, 2305208586, 1865639222, 3793865045]);
  expect(draws(new Prng(1, 'election'), 4)).toEqual([
    1610448804, 3434238362, 3839843482, 3899357796,
  ]);
  expect(draws(new Prng(2 ** 40 + 1, 'election'), 4)).toEqual([
    2956601760, 1397639833, 3790283831, 1557746480,
  ]);
});

test('the sequence is that of xoshiro128**', () => {
  for (const seed of [0, 1, 42, 2 ** 32 - 1, 2 ** 45]) {
    const prng = new Prng(seed);
    const expected = reference(prng);
    for (let i = 0; i < 1000; i++) {
      // The reference is asked first: it reads the state when it is first asked.
      const { value } = expected.next();
      expect(prng.next()).toBe(value);
    }
  }
});

test('streams depend on seed and name, and not on what others have drawn', () => {
  const root = new Prng(7);
  const fresh = draws(root.stream('a'), 5);
  draws(root, 100);
  expect(draws(root.stream('a'), 5)).toEqual(fresh);
  expect(draws(new Prng(7, 'a'), 5)).toEqual(fresh);
  const others = [root.stream('b'), root.stream('aa'), new Prng(8, 'a'), new Prng(7)];
  for (const other of others) expect(draws(other, 5)).not.toEqual(fresh);
});

test('seeds above 32 bits matter in all their bits', () => {
  const firsts = Array.from({ length: 53 }, (_, bit) => new Prng(2 ** bit).next());
  expect(new Set(firsts).size).toBe(53);
});

test('a range is hit at both ends, evenly and never beyond', () => {
  const prng = new Prng(3);
  const counts = new Map<number, number>();
  for (let i = 0; i < 60_000; i++) {
    const value = prng.between(-2, 3);
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  expect([...counts.keys()].sort((x, y) => x - y)).toEqual([-2, -1, 0, 1, 2, 3]);
  for (const count of counts.values()) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  for (let i = 0; i < 100; i++) expect(prng.between(5, 5)).toBe(5);
});

test('an empty range or list is refused', () => {
  expect(() => new Prng(1).between(1, 0)).toThrow(InvariantViolation);
  expect(() => new Prng(1).pick([])).toThrow(InvariantViolation);
});

test('chances are what they say', () => {
  const prng = new Prng(4);
  let hits = 0;
  for (let i = 0; i < 30_000; i++) if (prng.chance(1, 3)) hits++;
  expect(Math.abs(hits - 10_000)).toBeLessThan(500);
  for (let i = 0; i < 100; i++) {
    expect(prng.chance(0, 3)).toBe(false);
    expect(prng.chance(3, 3)).toBe(true);
  }
});

test('picks every element', () => {
  const prng = new Prng(5);
  const picked = new Set(Array.from({ length: 200 }, () => prng.pick(['a', 'b', 'c'])));
  expect([...picked].sort()).toEqual(['a', 'b', 'c']);
});
