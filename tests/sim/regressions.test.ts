/** Whatever a seed once taught us stays learnt: `npm test` runs the file that CI runs. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readRegressions } from '../../bin/sim_regressions';
import { carryOut, flagsOfRun } from '../../bin/sim_run';

const FILE = join(__dirname, 'regressions.txt');
const runs = readRegressions(readFileSync(FILE, 'utf8'), FILE);

test.each(runs.map((run) => [flagsOfRun(run), run] as const))('%s holds', (_, run) => {
  expect(carryOut(run).violation).toBeUndefined();
});

test('comments and empty lines are none, and a line without sense is named', () => {
  const read = (...lines: string[]) => readRegressions(lines.join('\n'), 'f');
  expect(read('# a', '', '  --seed 3 --disk model --keep 1,2 --trace # b')).toEqual([
    { seed: 3, settings: { protocol: 'raft', disk: 'model', keep: [1, 2] } },
  ]);
  expect(() => read('', '--seed x')).toThrow(/^f, line 2: --seed must be a whole number/);
  expect(() => read('--seeds 9')).toThrow('f, line 1: a run needs --seed');
});
