import fc from 'fast-check';
import { InvariantViolation } from '../../../kv/core/assert';
import type { KeyAction, KeyOperation, KeyResult } from '../../../kv/sim/checkers/key_history';
import { checkLinearizable } from '../../../kv/sim/checkers/linearizability';
import { append, bruteForce, get, op, put, remove, value } from './history_support';
import { randomHistory, Service } from './random_history';

const LINEARIZABLE = { kind: 'linearizable' };

const kindOf = (history: readonly KeyOperation[]) => checkLinearizable(history).kind;

/** Both judges must say so. */
function expectKind(history: readonly KeyOperation[], kind: 'linearizable' | 'violation'): void {
  expect({ oracle: bruteForce(history), kind: kindOf(history) }).toEqual({
    oracle: kind === 'linearizable',
    kind,
  });
}

describe('histories that a right service may have', () => {
  const histories: Record<string, KeyOperation[]> = {
    'nothing at all': [],
    'a write and a read of it': [
      op('c1', put('1'), [1, 2], 'ok'),
      op('c2', get, [3, 4], value('1')),
    ],
    'a read beside a write sees the old value': [
      op('c1', put('1'), [1, 4], 'ok'),
      op('c2', get, [2, 3], value()),
    ],
    'a read beside a write sees the new value': [
      op('c1', put('1'), [1, 4], 'ok'),
      op('c2', get, [2, 3], value('1')),
    ],
    'two writes at once, in the order in which they were not sent': [
      op('c1', append('1'), [1, 4], 'ok'),
      op('c2', append('2'), [2, 3], 'ok'),
      op('c1', get, [5, 6], value('[2,1]')),
    ],
    'an unanswered write that happened': [
      op('c1', put('1'), [1]),
      op('c2', get, [2, 3], value('1')),
    ],
    'an unanswered write that never happened': [
      op('c1', put('1'), [1]),
      op('c2', get, [2, 3], value()),
    ],
    'an unanswered write that happened long after': [
      op('c1', append('1'), [1]),
      op('c2', append('2'), [2, 3], 'ok'),
      op('c2', get, [4, 5], value('[2]')),
      op('c2', get, [6, 7], value('[2,1]')),
    ],
    'an unanswered delete between two answered ones': [
      op('c1', put('1'), [1, 2], 'ok'),
      op('c2', remove, [3]),
      op('c1', remove, [4, 5], 'not_found'),
    ],
    'two unanswered deletes, both needed': [
      op('c2', remove, [1]),
      op('c3', remove, [2]),
      op('c1', put('1'), [3, 4], 'ok'),
      op('c1', get, [5, 6], value()),
      op('c1', put('2'), [7, 8], 'ok'),
      op('c1', get, [9, 10], value()),
    ],
    'an unanswered put that nobody reads, but an append stumbles over': [
      op('c2', put('7'), [1]),
      op('c1', append('1'), [2, 3], 'not_a_list'),
    ],
    'lists of every text': [
      op('c1', put('[ ]'), [1, 2], 'ok'),
      op('c1', append('3'), [3, 4], 'ok'),
      op('c1', remove, [5, 6], 'ok'),
      op('c1', append('[]'), [7, 8], 'ok'),
      op('c1', append('"]"'), [9, 10], 'ok'),
    ],
  };
  test.each(Object.entries(histories))('%s', (_, history) => expectKind(history, 'linearizable'));

  test('the texts of lists are those of the service, white space included', () => {
    const grown = (before: string, after: string) => [
      op('c1', put(before), [1, 2], 'ok'),
      op('c1', append('3'), [3, 4], 'ok'),
      op('c1', get, [5, 6], value(after)),
    ];
    expect(kindOf(grown('[]', '[3]'))).toBe('linearizable');
    expect(kindOf(grown('[ ]', '[ 3]'))).toBe('linearizable');
    expect(kindOf(grown('[1, 2 ]', '[1, 2 ,3]'))).toBe('linearizable');
    expect(kindOf(grown('["]"]', '["]",3]'))).toBe('linearizable');
    expect(kindOf(grown('[]', '[,3]'))).toBe('violation');
    expect(kindOf(grown('[ ]', '[3]'))).toBe('violation');
    expect(kindOf(grown('[1]', '[13]'))).toBe('violation');
  });
});

describe('anomalies', () => {
  const histories: Record<string, KeyOperation[]> = {
    'a stale read': [
      op('c1', put('1'), [1, 2], 'ok'),
      op('c1', put('2'), [3, 4], 'ok'),
      op('c2', get, [5, 6], value('1')),
    ],
    'reads that go back, beside one write': [
      op('c1', put('1'), [1, 8], 'ok'),
      op('c2', get, [2, 3], value('1')),
      op('c3', get, [4, 5], value()),
    ],
    'a lost update': [
      op('c1', append('1'), [1, 4], 'ok'),
      op('c2', append('2'), [2, 3], 'ok'),
      op('c3', get, [5, 6], value('[1]')),
    ],
    'an unanswered write that was read, and then never happened': [
      op('c1', put('1'), [1]),
      op('c2', get, [2, 3], value('1')),
      op('c2', get, [4, 5], value()),
    ],
    'an append that applied twice': [
      op('c1', append('1'), [1, 2], 'ok'),
      op('c2', get, [3, 4], value('[1,1]')),
    ],
    'an unanswered append that applied twice': [
      op('c1', append('1'), [1]),
      op('c2', get, [2, 3], value('[1,1]')),
    ],
    'appends in the wrong order': [
      op('c1', append('1'), [1, 2], 'ok'),
      op('c2', append('2'), [3, 4], 'ok'),
      op('c3', get, [5, 6], value('[2,1]')),
    ],
    'two readers who disagree about the order': [
      op('c1', append('1'), [1, 10], 'ok'),
      op('c2', append('2'), [2, 9], 'ok'),
      op('c3', get, [3, 6], value('[1]')),
      op('c4', get, [4, 5], value('[2]')),
    ],
    'a delete that resurrects': [
      op('c1', put('1'), [1, 2], 'ok'),
      op('c1', remove, [3, 4], 'ok'),
      op('c2', get, [5, 6], value('1')),
    ],
    'one value deleted twice': [
      op('c1', put('1'), [1, 2], 'ok'),
      op('c1', remove, [3, 6], 'ok'),
      op('c2', remove, [4, 5], 'ok'),
    ],
    'a delete that finds nothing where something is': [
      op('c1', put('1'), [1, 2], 'ok'),
      op('c2', remove, [3, 4], 'not_found'),
    ],
    'a refused append that took effect': [
      op('c1', put('1'), [1, 2], 'ok'),
      op('c1', append('2'), [3, 4], 'not_a_list'),
      op('c1', get, [5, 6], value('[2]')),
    ],
    'an append refused by a list': [
      op('c1', append('1'), [1, 2], 'ok'),
      op('c1', append('2'), [3, 4], 'not_a_list'),
    ],
    'an append taken by what is no list': [
      op('c1', put('1'), [1, 2], 'ok'),
      op('c1', append('2'), [3, 4], 'ok'),
    ],
    'a value that nobody wrote': [op('c1', get, [1, 2], value('1'))],
    'a read before the write was sent': [
      op('c1', get, [1, 2], value('1')),
      op('c2', put('1'), [3]),
    ],
    'one unanswered delete, needed twice': [
      op('c2', remove, [1]),
      op('c1', put('1'), [3, 4], 'ok'),
      op('c1', get, [5, 6], value()),
      op('c1', put('2'), [7, 8], 'ok'),
      op('c1', get, [9, 10], value()),
    ],
    'an answer that no state allows': [op('c1', put('1'), [1, 2], 'not_found')],
    'an answer of another kind': [op('c1', get, [1, 2], 'ok')],
  };
  test.each(Object.entries(histories))('%s', (_, history) => expectKind(history, 'violation'));
});

describe('the verdict', () => {
  const broken = [op('c1', put('1'), [1, 2], 'ok'), op('c1', get, [3, 4], value())];
  const onKey = (key: string, history: readonly KeyOperation[]) =>
    history.map((each) => ({ ...each, key }));

  test('keys have nothing to do with each other', () => {
    const writes = [op('c1', put('1'), [1, 2], 'ok', 'a'), op('c1', put('2'), [3, 4], 'ok', 'b')];
    const reads = (a: string, b: string) => [
      op('c1', get, [5, 6], value(a), 'a'),
      op('c1', get, [7, 8], value(b), 'b'),
    ];
    expect(checkLinearizable([...writes, ...reads('1', '2')])).toEqual(LINEARIZABLE);
    expect(checkLinearizable([...writes, ...reads('1', '1')])).toMatchObject({ key: 'b' });
  });

  test('a search out of its budget is undecided, never fine', () => {
    const small = randomHistory({
      operations: 60,
      clients: 4,
      keys: 2,
      unansweredPercent: 0,
      seed: 1,
    });
    expect(checkLinearizable(small)).toEqual(LINEARIZABLE);
    expect(checkLinearizable(small, { maxStates: 10 })).toEqual({
      kind: 'undecided',
      keys: expect.arrayContaining(['k1', 'k2']),
    });
    // A violation that is certain outweighs what is not.
    const both = [...small, ...onKey('z', broken)];
    expect(checkLinearizable(both, { maxStates: 10 })).toMatchObject({ key: 'z' });
  });

  test('the explanation shows how far an order gets, and why it ends there', () => {
    const history = [
      op('c1', append('1'), [1, 2], 'ok'),
      op('c1', append('2'), [3, 12], 'ok'),
      op('c2', get, [13, 14], value('[1,2]')),
      op('c3', get, [17, 20], value('[1]')),
      op('c4', append('3'), [21, 22], 'ok'),
    ];
    expect(checkLinearizable(history)).toEqual({
      kind: 'violation',
      key: 'k',
      explanation: [
        'no order explains all 5 answers; the furthest found explains 3:',
        '  c1 append 1 → ok (invoked 1, completed 2)',
        '  c1 append 2 → ok (invoked 3, completed 12)',
        '  c2 get → [1,2] (invoked 13, completed 14)',
        'state [1,2]',
        '  c3 get → [1] (invoked 17, completed 20) cannot come next:' +
          ' the value was changed by c1 append 2 → ok (invoked 3, completed 12)',
      ],
    });
  });

  test('of a value that was there more than once, the last change is named', () => {
    const history = [
      op('c1', put('1'), [1, 2], 'ok'),
      op('c2', put('2'), [3, 4], 'ok'),
      op('c1', put('1'), [5, 6], 'ok'),
      op('c3', remove, [7, 8], 'ok'),
      op('c4', get, [9, 10], value('1')),
    ];
    const verdict = checkLinearizable(history);
    expect(verdict.kind === 'violation' && verdict.explanation.at(-1)).toMatch(
      /the value was changed by c3 delete → ok \(invoked 7, completed 8\)$/,
    );
  });

  test('an explanation that is not certain to be the best is given, not withheld', () => {
    const clients = Array.from({ length: 7 }, (_, i) =>
      op(`c${i}`, append(`${i}`), [i, 20 + i], 'ok'),
    );
    const history = [...clients, op('c1', get, [40, 41], value('[9]'))];
    expect(checkLinearizable(history, { maxStates: 20 })).toMatchObject({
      kind: 'violation',
      explanation: expect.arrayContaining([expect.stringContaining('that never was the value')]),
    });
  });

  test.each<[string, KeyAction, KeyResult, KeyAction, string]>([
    ['a value nobody wrote', get, value('9'), put('1'), 'that never was the value'],
    ['nothing to delete', remove, 'ok', remove, 'there is no value'],
    ['something to delete', remove, 'not_found', put('1'), 'there is a value'],
    ['an append to no list', append('2'), 'ok', put('1'), 'the value is no list'],
    ['an append to a list', append('2'), 'not_a_list', put('[]'), 'the value is a list'],
    ['an append to nothing', append('2'), 'not_a_list', remove, 'there is no value, so it'],
    ['nonsense', put('2'), 'not_found', put('1'), 'no state allows that answer'],
  ])('the reason: %s', (_, action, result, before, reason) => {
    const answer = before.kind === 'delete' ? 'not_found' : 'ok';
    const history = [op('c1', before, [1, 2], answer), op('c1', action, [3, 4], result)];
    const verdict = checkLinearizable(history);
    expect(verdict.kind === 'violation' && verdict.explanation.at(-1)).toContain(reason);
  });

  test('a long order and a long value are cut, and it says so', () => {
    const history = Array.from({ length: 40 }, (_, i) =>
      op('c1', append(`${1000 + i}`), [2 * i, 2 * i + 1], 'ok'),
    );
    const verdict = checkLinearizable([...history, op('c1', get, [100, 101], value('[1000]'))]);
    const lines = verdict.kind === 'violation' ? verdict.explanation : [];
    expect(lines).toHaveLength(9);
    expect(lines[1]).toBe('  … 35 operations before');
    expect(lines[2]).toContain('append 1035');
    expect(lines[6]).toContain('append 1039');
    expect(lines[7]).toMatch(/^state \[1000,.*….*,1038,1039\]$/);
    expect(lines.every((line) => line.length < 200)).toBe(true);
  });

  test('a history that cannot be is refused', () => {
    const refused = (operation: KeyOperation) =>
      expect(() => checkLinearizable([operation])).toThrow(InvariantViolation);
    refused(op('c1', get, [2, 1], value()));
    refused(op('c1', get, [1, 2]));
    refused(op('c1', put('1'), [1], 'ok'));
  });
});

describe('against brute force', () => {
  const TEXTS = ['1', '2', '[]', '[1]', '[2]'];
  const anAction = fc.oneof(
    { weight: 3, arbitrary: fc.constant(get) },
    { weight: 3, arbitrary: fc.constantFrom('1', '2', '3').map(append) },
    { weight: 2, arbitrary: fc.constantFrom(...TEXTS).map(put) },
    { weight: 1, arbitrary: fc.constant(remove) },
  );
  interface Plan {
    readonly action: KeyAction;
    /** How often nobody hears the answer, and whether it takes effect then. */
    readonly fate: 'answered' | 'unanswered' | 'never';
    readonly moments: readonly [number, number, number];
  }
  const aPlan: fc.Arbitrary<Plan> = fc.record({
    action: anAction,
    fate: fc.constantFrom('answered', 'answered', 'answered', 'unanswered', 'never'),
    // From few moments, so that many operations overlap; ties are broken by place.
    moments: fc
      .tuple(fc.nat(15), fc.nat(4), fc.nat(4))
      .map(([sent, until, back]) => [sent, sent + until, sent + until + back] as const),
  });

  /** Each plan is sent, takes effect and is answered at different moments, in that order. */
  function carriedOut(plans: readonly Plan[]): KeyOperation[] {
    const events = plans.flatMap(({ moments }, plan) =>
      moments.map((at, step) => ({ at: at * 100 + plan * 3 + step, plan, step })),
    );
    events.sort((a, b) => a.at - b.at);
    const service = new Service();
    const results = new Map<number, KeyResult>();
    for (const { plan, step } of events) {
      const one = plans[plan];
      if (step !== 1 || one === undefined || one.fate === 'never') continue;
      results.set(plan, service.carryOut('k', one.action));
    }
    return plans.map(({ action, fate }, plan) => {
      const at = (step: number) => events.findIndex((e) => e.plan === plan && e.step === step);
      return fate === 'answered'
        ? op(`c${plan}`, action, [at(0), at(2)], results.get(plan))
        : op(`c${plan}`, action, [at(0)]);
    });
  }

  const plans = (most: number) => fc.array(aPlan, { minLength: 1, maxLength: most });
  const anAnswer: fc.Arbitrary<KeyResult> = fc.oneof(
    fc.constantFrom('ok', 'ok', 'not_found', 'not_a_list'),
    fc.constantFrom(undefined, '1', '2', '[1]', '[2]', '[1,2]', '[2,1]', '[1,1]', '[3]').map(value),
  );

  test('what a right service did is never a violation', () => {
    fc.assert(
      fc.property(plans(12), (all) => {
        expect(checkLinearizable(carriedOut(all))).toEqual(LINEARIZABLE);
      }),
      { numRuns: 1500 },
    );
  });

  test('with some answers changed, both judges agree', () => {
    const seen = { linearizable: 0, violation: 0 };
    const changes = fc.array(fc.tuple(fc.nat(), anAnswer), { minLength: 1, maxLength: 2 });
    fc.assert(
      fc.property(plans(6), changes, (all, changed) => {
        const history = carriedOut(all);
        for (const [place, result] of changed) {
          const one = history[place % history.length];
          if (one?.completed === undefined) continue;
          const isGet = one.action.kind === 'get';
          if (isGet === (typeof result === 'object')) {
            history[place % history.length] = { ...one, result };
          }
        }
        const kind = bruteForce(history) ? 'linearizable' : 'violation';
        seen[kind]++;
        expect(kindOf(history)).toBe(kind);
      }),
      { numRuns: 1500 },
    );
    expect(Math.min(seen.linearizable, seen.violation)).toBeGreaterThan(100);
  });

  test('with an operation lost or two answers swapped, both judges agree', () => {
    const seen = { linearizable: 0, violation: 0 };
    fc.assert(
      fc.property(plans(7), fc.nat(), fc.nat(), fc.boolean(), (all, a, b, swap) => {
        const history = carriedOut(all);
        const [first, second] = [history[a % history.length], history[b % history.length]];
        if (!swap) history.splice(a % history.length, 1);
        else if (first?.result !== undefined && second?.result !== undefined) {
          history[a % history.length] = { ...first, result: second.result };
          history[b % history.length] = { ...second, result: first.result };
        }
        const kind = bruteForce(history) ? 'linearizable' : 'violation';
        seen[kind]++;
        expect(kindOf(history)).toBe(kind);
      }),
      { numRuns: 400 },
    );
    expect(Math.min(seen.linearizable, seen.violation)).toBeGreaterThan(10);
  });
});

describe('histories of the size that the simulator makes', () => {
  const shape = { operations: 3000, clients: 10, unansweredPercent: 10 };

  test.each([5, 10, 20])('3000 operations on %i keys are decided', (keys) => {
    for (let seed = 1; seed <= 3; seed++) {
      const history = randomHistory({ ...shape, keys, seed });
      expect(checkLinearizable(history)).toEqual(LINEARIZABLE);
      // Hardly more positions than operations: the search seldom goes back far.
      expect(checkLinearizable(history, { maxStates: 20_000 / keys })).toEqual(LINEARIZABLE);
    }
  });

  test('a stale read among them is found, and soon', () => {
    for (let seed = 1; seed <= 3; seed++) {
      const history = randomHistory({ ...shape, keys: 2, seed });
      const gets = history.filter(
        ({ action, completed, key }) =>
          action.kind === 'get' && completed !== undefined && key === 'k1',
      );
      const [late, early] = [gets.at(-10), gets.at(-40)];
      const stale = history.map((each) =>
        each === late ? { ...each, result: early?.result } : each,
      );
      // Four times as many without looking ahead to that read.
      const verdict = checkLinearizable(stale, { maxStates: 14_000 });
      expect(verdict).toMatchObject({ kind: 'violation', key: 'k1' });
    }
  });
});
