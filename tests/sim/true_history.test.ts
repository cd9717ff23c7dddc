/** The oracle of the convergent system is cheap, and comes to what the dumb rule comes to. */

import fc from 'fast-check';
import type { Change } from '../../kv/core/convergent/requests';
import { TrueHistory } from '../../kv/sim/convergent/true_history';
import { bytesOf } from '../../kv/sim/convergent/true_update';
import { DumbHistory } from './dumb_history';

const REPLICAS = [1, 2, 3];
const KEYS = ['a', 'b'];

/** What replicas do, one after the other. */
type Deed =
  | { readonly kind: 'change'; readonly replica: number; readonly changes: [string, Change][] }
  | { readonly kind: 'catch up'; readonly replica: number; readonly from: number }
  | { readonly kind: 'crash'; readonly replica: number };

const text = fc.integer({ min: 0, max: 99 }).map((number) => bytesOf(`"${number}"`));
const elements = fc
  .subarray(['"x"', '"y"', '"z"'], { minLength: 1 })
  .map((all) => all.map(bytesOf));
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.constant<Change>({ kind: 'delete' }),
  text.map((value): Change => ({ kind: 'put', value })),
  text.map((value): Change => ({ kind: 'append', value })),
  text.map((value): Change => ({ kind: 'assign', value })),
  fc.integer({ min: -3, max: 9 }).map((by): Change => ({ kind: 'increment', by })),
  { weight: 2, arbitrary: elements.map((all): Change => ({ kind: 'add', elements: all })) },
  elements.map((all): Change => ({ kind: 'remove', elements: all })),
);
const replica = fc.constantFrom(...REPLICAS);
const changes = fc.uniqueArray(fc.tuple(fc.constantFrom(...KEYS), change), {
  minLength: 1,
  selector: ([key]) => key,
});
const deed: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('change' as const), replica, changes }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('catch up' as const), replica, from: replica }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const), replica }) },
);

/** Both oracles hear of the same deeds. */
class Both {
  readonly clever = new TrueHistory();
  readonly dumb = new DumbHistory();
  readonly seen = new Map(REPLICAS.map((one) => [one, new Map<number, number>()]));
  time = 0;

  carryOut(deed: Deed): void {
    const seen = this.seenBy(deed.replica);
    this.time++;
    if (deed.kind === 'change') {
      const past = new Map(seen);
      const list = deed.changes.map(([key, one]) => ({ key, change: one }));
      const update = this.clever.begin(`update ${this.time}`, list);
      this.clever.make(update, deed.replica, this.time, past);
      this.dumb.make(new Map(deed.changes), deed.replica, this.time, past);
      seen.set(deed.replica, this.time);
    } else if (deed.kind === 'catch up') {
      for (const [other, time] of this.seenBy(deed.from)) {
        seen.set(other, Math.max(time, seen.get(other) ?? 0));
      }
    } else this.crash(deed.replica);
  }

  /** Updates that nobody else has seen are lost. */
  private crash(one: number): void {
    const others = REPLICAS.filter((other) => other !== one);
    const told = Math.max(...others.map((other) => this.seenBy(other).get(one) ?? 0));
    this.clever.unmake(one, told);
    this.dumb.unmake(one, told);
    this.seenBy(one).set(one, told);
  }

  seenBy(one: number): Map<number, number> {
    return this.seen.get(one) as Map<number, number>;
  }
}

test('whatever was seen, also what nobody can have seen, is the same by the dumb rule', () => {
  let living = 0;
  const anySeen = fc.array(fc.tuple(replica, fc.integer({ min: 0, max: 60 })));
  fc.assert(
    fc.property(
      fc.array(deed, { maxLength: 60, size: 'max' }),
      fc.array(anySeen),
      (deeds, others) => {
        const both = new Both();
        for (const one of deeds) {
          both.carryOut(one);
          for (const key of KEYS) {
            const seen = both.seenBy(one.replica);
            const view = both.clever.view(key, seen);
            expect(view).toBe(both.dumb.view(key, seen));
            if (view !== '') living++;
          }
        }
        for (const seen of others) {
          for (const key of KEYS) {
            expect(both.clever.view(key, new Map(seen))).toBe(both.dumb.view(key, new Map(seen)));
          }
        }
      },
    ),
    { numRuns: 200, seed: 1 },
  );
  expect(living).toBeGreaterThan(3000);
});

test('a long history costs about as much for each update as a short one', () => {
  const looked = (updates: number): number => {
    const history = new TrueHistory();
    const seen = new Map<number, number>();
    let pasts = 0;
    for (let time = 1; time <= updates; time++) {
      const replica = 1 + (time % 3);
      const add: Change = { kind: 'add', elements: [bytesOf('"x"')] };
      const past = new Map(seen);
      const get = past.get.bind(past);
      past.get = (one) => {
        pasts++;
        return get(one);
      };
      history.make(history.begin(`${time}`, [{ key: 'a', change: add }]), replica, time, past);
      seen.set(replica, time);
      history.view('a', seen);
    }
    return pasts / updates;
  };
  expect(looked(2000)).toBeLessThan(2 * looked(200));
});

test('a replica that has forgotten what it had seen is found out', () => {
  const history = new TrueHistory();
  history.make(undefined, 1, 1, new Map());
  history.make(undefined, 2, 2, new Map([[1, 1]]));
  expect(() => history.make(undefined, 2, 3, new Map([[2, 2]]))).toThrow(/without knowing all/);
  expect(() => history.make(undefined, 1, 4, new Map())).toThrow(/without knowing all/);
});
