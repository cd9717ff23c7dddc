/** What the clients of a load ask, and when they stop. */

import type { LoadOrder } from '../../../bin/bench/load/load_order';
import { Run } from '../../../bin/bench/load/run';
import { operationOf, operationsOf } from '../../../bin/bench/workload';

const ORDER: LoadOrder = {
  ...{ protocol: 'http', ports: [], workload: 'put', clients: 2, keys: 100, valueBytes: 8 },
};

/** Clients whose answers come at once. */
function drive(run: Run, clients: number, complaint?: (n: number) => string | undefined) {
  const asked: number[] = [];
  const client = {
    start(now: number) {
      for (let n = run.next(now); n >= 0; n = run.next(performance.now())) {
        asked.push(run.keyOf(n));
        run.done(n, complaint?.(n));
      }
    },
  };
  return { asked, result: run.go(Array.from({ length: clients }, () => client)) };
}

test('a fill writes every key once, in order', async () => {
  const { asked, result } = drive(new Run({ ...ORDER, workload: 'fill' }), 2);
  expect(asked).toEqual(Array.from({ length: 100 }, (_, i) => i));
  expect(await result).toMatchObject({ operations: 100, errors: 0, p50Ms: 49, worstMs: 99 });
});

test.each([100, 7919, 2 * 7919])('a load visits all of %d keys', async (keys) => {
  const { asked } = drive(new Run({ ...ORDER, keys, requests: keys }), 1);
  expect(new Set(asked).size).toBe(keys);
});

test('a hot key is one key', () => {
  const { asked } = drive(new Run({ ...ORDER, workload: 'hot', requests: 5 }), 1);
  expect(asked).toEqual([0, 0, 0, 0, 0]);
});

test('time is up at some moment', async () => {
  const { result } = drive(new Run({ ...ORDER, seconds: 0.05 }), 3);
  expect((await result).seconds).toBeGreaterThanOrEqual(0.05);
});

test('errors are counted apart, and the first one is told', async () => {
  const complaint = (n: number) => (n % 10 === 3 ? `at ${n}` : undefined);
  const { result } = drive(new Run({ ...ORDER, requests: 100 }), 2, complaint);
  expect(await result).toMatchObject({ operations: 90, errors: 10, firstError: 'at 3' });
});

test('a broken connection ends the run', async () => {
  const run = new Run(ORDER);
  const result = run.go([{ start: () => undefined }]);
  run.fail(new Error('reset'));
  await expect(result).rejects.toThrow('reset');
});

test('a mix is one put among nine reads', () => {
  const operations = Array.from({ length: 100 }, (_, n) => operationOf('mix', n));
  expect(operations.filter((operation) => operation === 'put')).toHaveLength(10);
  expect(operations.filter((operation) => operation === 'get')).toHaveLength(90);
  expect([...operationsOf('mix')].sort()).toEqual(['get', 'put']);
  expect(operationsOf('embedded')).toEqual(['put']);
});
