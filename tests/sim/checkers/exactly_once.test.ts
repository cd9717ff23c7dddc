import fc from 'fast-check';
import { InvariantViolation } from '../../../kv/core/assert';
import { checkExactlyOnce } from '../../../kv/sim/checkers/exactly_once';
import type { KeyOperation } from '../../../kv/sim/checkers/key_history';
import { Violation } from '../../../kv/sim/violation';
import { append, get, op, put, remove, value } from './history_support';
import { randomHistory } from './random_history';

const check = (operations: readonly KeyOperation[], final: string | undefined): void =>
  checkExactlyOnce(operations, new Map([['k', final]]));

const appended = [
  op('c1', append('1'), [1, 2], 'ok'),
  op('c2', append('2'), [3, 10], 'ok'),
  op('c1', append('"x"'), [4, 5], 'ok'),
  op('c3', append('[4]'), [6]),
];

describe('what may be', () => {
  test.each([
    '[1,2,"x"]',
    '[1,"x",2]',
    '[2,1,"x"]',
    '[1,2,"x",[4]]',
    '[[4],1,2,"x"]',
    '[ 1, 2, "x" ]',
  ])('%s', (final) => expect(() => check(appended, final)).not.toThrow());

  test('nothing, where nothing was acknowledged', () => {
    expect(() => check([op('c1', append('1'), [1])], undefined)).not.toThrow();
    expect(() => check([op('c1', append('1'), [1, 2], 'not_a_list')], undefined)).not.toThrow();
  });

  test('appends of one client that overlap may stand in any order', () => {
    const both = [op('c1', append('1'), [1, 4], 'ok'), op('c1', append('2'), [2, 3], 'ok')];
    expect(() => check(both, '[2,1]')).not.toThrow();
  });

  test('an unanswered append may take effect behind a later one of its client', () => {
    const both = [op('c1', append('1'), [1]), op('c1', append('2'), [2, 3], 'ok')];
    expect(() => check(both, '[2,1]')).not.toThrow();
  });

  test('anything, under a key that was written otherwise', () => {
    check([...appended, op('c1', put('7'), [20, 21], 'ok')], '7');
    check([...appended, op('c1', remove, [20])], undefined);
    check([op('c1', get, [1, 2], value('7'))], '7');
  });
});

describe('violations', () => {
  test.each([
    ['["x",2]', "c1's append of 1 to k (invoked 1, completed 2) was acknowledged, but is not in"],
    ['[1,2,"x",2]', 'k holds 2 twice, at 1 and 3'],
    ['[[4],1,2,"x",[4]]', 'k holds [4] twice, at 0 and 4'],
    ['[1,2,"x",9]', 'k[3] is 9, which nobody appended'],
    [
      '["x",2,1]',
      'c1\'s append of "x" to k (invoked 4, completed 5) stands before c1\'s append of 1',
    ],
    ['7', 'k was only ever appended to, but is no list: 7'],
    [undefined, "c1's append of 1 to k (invoked 1, completed 2) was acknowledged, but is not in"],
  ])('%s', (final, message) => {
    expect(() => check(appended, final)).toThrow(Violation);
    expect(() => check(appended, final)).toThrow(`exactly once: ${message}`);
  });

  test('the order of a client whose appends overlap', () => {
    const three = [
      op('c1', append('1'), [1, 4], 'ok'),
      op('c1', append('2'), [2, 3], 'ok'),
      op('c1', append('3'), [5, 6], 'ok'),
    ];
    for (const right of ['[1,2,3]', '[2,1,3]']) expect(() => check(three, right)).not.toThrow();
    for (const wrong of ['[1,3,2]', '[2,3,1]', '[3,1,2]']) {
      expect(() => check(three, wrong)).toThrow('stands before');
    }
    const long = [
      op('c1', append('1'), [1, 10], 'ok'),
      op('c1', append('2'), [2, 3], 'ok'),
      op('c1', append('3'), [4, 5], 'ok'),
    ];
    expect(() => check(long, '[2,3,1]')).not.toThrow();
    expect(() => check(long, '[3,2,1]')).toThrow('stands before');
  });

  test('an append that was refused, but is there', () => {
    const refused = [op('c1', append('1'), [1, 2], 'not_a_list')];
    expect(() => check(refused, '[1]')).toThrow('answered "not_a_list", but is in the list');
  });

  test('an unanswered append before one that its client had heard of', () => {
    const both = [op('c1', append('1'), [1, 2], 'ok'), op('c1', append('2'), [3])];
    expect(() => check(both, '[1,2]')).not.toThrow();
    expect(() => check(both, '[2,1]')).toThrow('stands before');
  });

  test('the wrong order is found past an append that is missing', () => {
    const three = [
      op('c1', append('1'), [1, 2], 'ok'),
      op('c1', append('2'), [3]),
      op('c1', append('3'), [4, 5], 'ok'),
    ];
    expect(() => check(three, '[1,3]')).not.toThrow();
    expect(() => check(three, '[3,1]')).toThrow('stands before');
  });
});

test('what it cannot judge is refused', () => {
  const twice = [op('c1', append('1'), [1, 2], 'ok'), op('c2', append('1'), [3, 4], 'ok')];
  expect(() => check(twice, '[1,1]')).toThrow(InvariantViolation);
  expect(() => checkExactlyOnce(appended, new Map())).toThrow(InvariantViolation);
});

describe('random histories of a right service', () => {
  /** The appends to the one key that only grows, in an order that its gets did not object to. */
  const grown = (seed: number) => {
    const shape = { operations: 80, clients: 4, keys: 1, unansweredPercent: 15, seed };
    const history = randomHistory(shape);
    const last = history.filter(({ result }) => typeof result === 'object').at(-1)?.completed ?? 0;
    const read = history.find(({ completed }) => completed === last)?.result;
    const list: unknown[] = JSON.parse((typeof read === 'object' && read.value) || '[]');
    // Whatever is not in the last list read counts as unanswered.
    const known = history.map((each) => {
      const isThere = 'value' in each.action && list.includes(JSON.parse(each.action.value));
      return isThere ? each : { ...each, completed: undefined, result: undefined };
    });
    return { known, list };
  };
  const judge = (known: KeyOperation[], list: unknown[]) =>
    checkExactlyOnce(known, new Map([['k1', JSON.stringify(list)]]));

  test('pass; and with two elements exchanged they are judged as every pair of appends says', () => {
    let wrong = 0;
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.nat(), (seed, a, b) => {
        const { known, list } = grown(seed);
        judge(known, list);
        if (list.length === 0) return;
        const [i, j] = [a % list.length, b % list.length];
        [list[i], list[j]] = [list[j], list[i]];
        const place = ({ action }: KeyOperation): number =>
          'value' in action ? list.indexOf(JSON.parse(action.value)) : -1;
        const isWrong = known.some((before) =>
          known.some(
            (after) =>
              before.client === after.client &&
              (before.completed ?? Infinity) < after.invoked &&
              place(after) >= 0 &&
              place(before) > place(after),
          ),
        );
        if (!isWrong) return judge(known, list);
        wrong++;
        expect(() => judge(known, list)).toThrow(Violation);
      }),
      { numRuns: 200 },
    );
    expect(wrong).toBeGreaterThan(20);
  });

  test('fail with an element lost or doubled', () => {
    let judged = 0;
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (seed, a) => {
        const { known, list } = grown(seed);
        if (list.length === 0) return;
        const [i, element] = [a % list.length, list[a % list.length]];
        expect(() => judge(known, [...list, element])).toThrow('twice');
        const acknowledged = known.some(
          ({ action, result }) =>
            result === 'ok' && 'value' in action && JSON.parse(action.value) === element,
        );
        const without = () => judge(known, list.toSpliced(i, 1));
        if (acknowledged) expect(without).toThrow('acknowledged');
        else expect(without).not.toThrow();
        judged++;
      }),
      { numRuns: 100 },
    );
    expect(judged).toBeGreaterThan(50);
  });
});
