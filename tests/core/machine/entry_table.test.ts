import fc from 'fast-check';
import { EntryTable } from '../../../kv/core/machine/entry_table';
import { keyHash, keyHashOf } from '../../../kv/core/machine/hash';
import { type Entry, ListText } from '../../../kv/core/machine/list_text';
import { bytesOf } from './support';

const textOf = (entry: Entry | undefined): string | undefined =>
  entry instanceof ListText ? entry.text() : entry;

/** Two different keys whose hashes are equal, found by trying. */
function twins(): readonly [string, string] {
  const seen = new Map<number, string>();
  for (let i = 0; i < 1_000_000; i++) {
    const key = `key ${i}`;
    const other = seen.get(keyHash(key));
    if (other !== undefined) return [other, key];
    seen.set(keyHash(key), key);
  }
  throw new Error('there are no twins');
}

/** Keys of one shard, so that they meet. */
function* neighbours(shard: number): Generator<string> {
  for (let i = 0; ; i++) if (keyHash(`n${i}`) % 4096 === shard) yield `n${i}`;
}

const [TWIN, OTHER_TWIN] = twins();
const NEIGHBOURS = ((): string[] => {
  const keys = neighbours(7);
  return Array.from({ length: 12 }, () => keys.next().value);
})();
const KEYS = [TWIN, OTHER_TWIN, '', 'a', '\xff\0', 'k'.repeat(1500), ...NEIGHBOURS];

type Step =
  | { readonly kind: 'put' | 'set'; readonly key: string; readonly text: string }
  | { readonly kind: 'append' | 'delete' | 'walk'; readonly key: string };

/** Lengths around which a value goes to another cell, or out of cells. */
const text = fc
  .tuple(fc.constantFrom(1, 12, 13, 100, 119, 120, 300, 1000, 1017, 1018, 1100, 70_000), fc.nat(25))
  .map(([length, letter]) => String.fromCharCode(97 + letter).repeat(length));
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('put' as const, 'put' as const, 'set' as const),
    key: fc.constantFrom(...KEYS),
    text,
  }),
  fc.record({
    kind: fc.constantFrom('append' as const, 'delete' as const, 'walk' as const),
    key: fc.constantFrom(...KEYS),
  }),
);

/** Does one step to the table and to the oracle, which is a map of texts. */
function perform(table: EntryTable, oracle: Map<string, string>, one: Step): void {
  const key = bytesOf(one.key);
  if (one.kind === 'put') {
    const record = bytesOf(`??${one.key}${one.text}`);
    table.put(record, 2, 2 + key.length, record.length);
    record.fill(0xee);
    oracle.set(one.key, one.text);
  } else if (one.kind === 'set') {
    table.set(key, 0, key.length, one.text);
    oracle.set(one.key, one.text);
  } else if (one.kind === 'append') {
    const known = table.find(key, 0, key.length);
    const list = known instanceof ListText ? known : (ListText.from('[1]') as ListText);
    const longer = list.append('2');
    table.set(key, 0, key.length, longer);
    oracle.set(one.key, longer.text());
  } else if (one.kind === 'delete') {
    expect(table.delete(key, 0, key.length)).toBe(oracle.delete(one.key));
  }
}

function expectSame(table: EntryTable, oracle: Map<string, string>): void {
  let bytes = 0;
  for (const [key, value] of oracle) bytes += key.length + value.length;
  expect([table.keys, table.bytes]).toEqual([oracle.size, bytes]);
  for (const key of KEYS) expect(textOf(table.get(key))).toBe(oracle.get(key));
}

const inOrder = (entries: Iterable<readonly [string, string]>): (readonly [string, string])[] =>
  [...entries].sort(([x], [y]) => {
    const [a, b] = [keyHash(x) % 4096, keyHash(y) % 4096];
    return a - b || (x < y ? -1 : 1);
  });

describe('the table', () => {
  test('does what a map of texts does, with a walk that sees what was there when it began', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
        const table = new EntryTable();
        const oracle = new Map<string, string>();
        let walk: { entries: Iterator<readonly [string, Entry]>; want: unknown[] } | undefined;
        const seen: unknown[] = [];
        /** Takes so many entries of the walk; ends it when they have run out. */
        const goOn = (count: number): void => {
          for (let i = 0; walk !== undefined && i < count; i++) {
            const next = walk.entries.next();
            if (next.done !== true) seen.push([next.value[0], textOf(next.value[1])]);
            else {
              expect(seen).toEqual(walk.want);
              walk = undefined;
              table.endWalk();
            }
          }
        };
        for (const one of steps) {
          if (one.kind === 'walk' && walk === undefined) {
            walk = { entries: table.beginWalk(), want: inOrder(oracle) };
            seen.length = 0;
          }
          goOn(one.kind === 'walk' ? 2 : 0);
          perform(table, oracle, one);
          expectSame(table, oracle);
        }
        goOn(Number.POSITIVE_INFINITY);
      }),
      { numRuns: 60 },
    );
  });

  test('keeps apart keys whose hashes are equal', () => {
    expect(TWIN).not.toBe(OTHER_TWIN);
    expect(keyHash(TWIN)).toBe(keyHash(OTHER_TWIN));
    const table = new EntryTable();
    perform(table, new Map(), { kind: 'put', key: TWIN, text: 'one' });
    expect(table.get(OTHER_TWIN)).toBeUndefined();
    perform(table, new Map(), { kind: 'put', key: OTHER_TWIN, text: 'two' });
    expect([table.get(TWIN), table.get(OTHER_TWIN)]).toEqual(['one', 'two']);
  });

  test('holds many keys, and gives up what is deleted', () => {
    const table = new EntryTable();
    const oracle = new Map<string, string>();
    for (let i = 0; i < 60_000; i++) {
      perform(table, oracle, {
        kind: 'put',
        key: `key ${(i * 7919) % 50_000}`,
        text: `value ${i}`,
      });
    }
    for (let i = 0; i < 50_000; i += 3) perform(table, oracle, { kind: 'delete', key: `key ${i}` });
    expectSame(table, oracle);
    for (let i = 0; i < 50_000; i++) {
      if (table.get(`key ${i}`) !== oracle.get(`key ${i}`)) throw new Error(`key ${i} is wrong`);
    }
  });

  test('a key as bytes and the same key as a string have one hash', () => {
    for (const key of KEYS) {
      const bytes = bytesOf(`?${key}?`);
      expect(keyHashOf(bytes, 1, 1 + key.length) >>> 0).toBe(keyHash(key));
    }
  });
});
