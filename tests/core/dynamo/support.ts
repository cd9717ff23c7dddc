/** Version sets, rings and messages for tests, small enough that they collide. */

import fc from 'fast-check';
import { type Dot, joinPasts, NO_PAST, type Past, pastOf } from '../../../kv/core/dynamo/past';
import { mergeVersions, type Version, type Versions } from '../../../kv/core/dynamo/versions';
import { storageId } from '../../../kv/core/ids';

export const SECRET = Uint8Array.from({ length: 16 }, (_, i) => i);

/** What a client of the dumb oracle did: it has seen some of the writes before, and writes. */
interface Act {
  readonly author: number;
  readonly seen: readonly number[];
}

/** Writes with what they have really seen: sets of numbers, followed back one by one. */
export interface TrueWrite {
  readonly version: Version;
  readonly ancestors: ReadonlySet<number>;
}

const act: fc.Arbitrary<Act> = fc.record({
  author: fc.integer({ min: 1, max: 3 }),
  seen: fc.array(fc.nat(30), { maxLength: 3 }),
});

/** A history of one key: each write knows exactly which others its client had seen. */
export const histories: fc.Arbitrary<readonly TrueWrite[]> = fc
  .array(act, { minLength: 1, maxLength: 12 })
  .map((acts) => {
    const counters = new Map<number, number>();
    const writes: TrueWrite[] = [];
    acts.forEach(({ author, seen }, number) => {
      const counter = (counters.get(author) ?? 0) + 1;
      counters.set(author, counter);
      const ancestors = new Set<number>();
      let past: Past = NO_PAST;
      for (const one of seen.filter((place) => place < number)) {
        const parent = writes[one] as TrueWrite;
        past = joinPasts(past, joinPasts(parent.version.past, pastOf(parent.version.dot)));
        for (const each of [one, ...parent.ancestors]) ancestors.add(each);
      }
      const dot = dotOf(author, counter);
      writes.push({ version: { dot, past, value: Uint8Array.of(number) }, ancestors });
    });
    return writes;
  });

export const dotOf = (author: number, counter: number, epoch = 1): Dot => ({
  storage: storageId(author),
  epoch,
  counter,
});

/** The set that holds what these writes amount to. */
export const setOf = (writes: readonly TrueWrite[]): Versions =>
  writes.map(({ version }) => [version]).reduce<Versions>(mergeVersions, []);

/** The numbers of the writes in a set. */
export const numbersIn = (versions: Versions): number[] =>
  versions.map(({ value }) => value[0] as number).sort((x, y) => x - y);
