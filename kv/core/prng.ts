/**
 * Seeded randomness as state: the only randomness the pure half may use.
 *
 * The generator is xoshiro128** (Blackman and Vigna), on 32-bit integers, so that every engine
 * computes the same sequence. Named streams are derived from one seed: drawing once more in one
 * part (say, election timeouts) must not change what another part draws.
 */

import { invariant } from './assert';

/** Mixes a 32-bit number thoroughly (the finaliser of MurmurHash3). */
function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

const rotateLeft = (x: number, by: number): number => (x << by) | (x >>> (32 - by));

export class Prng {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  /** `seed` is any number; `stream` names the part that draws. */
  constructor(
    private readonly seed: number,
    stream = '',
  ) {
    let h = mix((seed >>> 0) ^ Math.imul(Math.floor(seed / 2 ** 32), 0x9e3779b1));
    for (let i = 0; i < stream.length; i++)
      h = mix(h ^ Math.imul(stream.charCodeAt(i), 0x9e3779b1));
    this.a = mix(h + 1);
    this.b = mix(h + 2);
    this.c = mix(h + 3);
    // An all-zero state would stay zero for ever, so one word is never zero.
    this.d = mix(h + 4) | 1;
  }

  /** A generator of its own for a part that has a name. */
  stream(name: string): Prng {
    return new Prng(this.seed, name);
  }

  /** 32 random bits, as a number from 0 to 2^32-1. */
  next(): number {
    const result = Math.imul(rotateLeft(Math.imul(this.b, 5), 7), 9) >>> 0;
    const t = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= t;
    this.d = rotateLeft(this.d, 11);
    return result;
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    const span = high - low + 1;
    invariant(span >= 1 && span <= 2 ** 32, 'a range must not be empty', { low, high });
    return low + Math.floor((this.next() / 2 ** 32) * span);
  }

  /** True `numerator` times out of `denominator`. */
  chance(numerator: number, denominator: number): boolean {
    return this.between(1, denominator) <= numerator;
  }

  /** One element of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    return list[this.between(0, list.length - 1)] as T;
  }
}
