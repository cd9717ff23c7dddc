/** Some seeds of the convergent system: they hold, and each has one trace. Many more: `npm run sim`. */

import { carryOut, type Run } from '../../bin/sim_run';

const run = (seed: number): Run => ({ seed, settings: { protocol: 'convergent', disk: 'mixed' } });

test.each([1, 2, 3, 4, 5, 6, 7])('seed %i holds', (seed) => {
  expect(carryOut(run(seed)).violation).toBeUndefined();
});

test('a seed has one trace', () => {
  const traces = [1, 2].map(() => {
    const lines: string[] = [];
    carryOut(run(2), (line) => lines.push(line));
    return lines;
  });
  expect(traces[0]?.length).toBeGreaterThan(1000);
  expect(traces[0]).toEqual(traces[1]);
});
