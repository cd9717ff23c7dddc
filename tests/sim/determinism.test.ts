/**
 * The same seed gives the same trace, byte for byte, on any machine and any Node: the hashes of some
 * whole traces are in `trace_hashes.txt`. They change whenever the core or the simulator changes what
 * it does; `REWRITE=1 npx jest tests/sim/determinism` records them anew. What must never happen is
 * that they differ between two machines with the same sources.
 */

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readRegressions } from '../../bin/sim_regressions';
import { carryOut, flagsOfRun, type Run } from '../../bin/sim_run';

const FILE = join(__dirname, 'trace_hashes.txt');
const HEAD = `# Hashes (SHA-256) of whole traces: the flags of a run, then # and what its lines give.
# They change whenever the core or the simulator changes what it does: record them anew with
# REWRITE=1 npx jest tests/sim/determinism
`;

/** Small and large clusters, both kinds of disks, and one longer run. */
const RUNS = [
  ...Array.from({ length: 9 }, (_, i) => `--seed ${i + 1} --disk model`),
  '--seed 11 --disk journal',
  '--seed 22 --disk journal',
  '--seed 33 --disk model --keep none --simplify loss,order',
  '--seed 44 --disk mixed --duration 60000 --nodes 7',
].flatMap((flags) => readRegressions(flags, 'RUNS'));

const recorded = new Map(
  readFileSync(FILE, { encoding: 'utf8', flag: 'a+' })
    .split('\n')
    .flatMap((line) => {
      const [, flags, hash] = /^(--.*?) # ([0-9a-f]+)$/.exec(line) ?? [];
      return flags === undefined || hash === undefined ? [] : [[flags, hash] as const];
    }),
);

function hashOf(run: Run): string {
  const hash = createHash('sha256');
  const { violation } = carryOut(run, (line) => hash.update(`${line}\n`));
  return hash.update(violation?.message ?? 'held').digest('hex');
}

if (process.env.REWRITE === '1') {
  test('hashes are recorded anew', () => {
    const lines = RUNS.map((run) => `${flagsOfRun(run)} # ${hashOf(run)}\n`);
    writeFileSync(FILE, HEAD + lines.join(''));
  });
} else {
  test.each(RUNS.map((run) => [flagsOfRun(run), run] as const))('%s', (flags, run) => {
    expect(hashOf(run)).toBe(recorded.get(flags));
  });

  test('the file has these runs and no others', () => {
    expect([...recorded.keys()]).toEqual(RUNS.map(flagsOfRun));
  });
}

test('a trace that nobody hears changes nothing', () => {
  const run = RUNS[1] as Run;
  const heard = carryOut(run, () => undefined);
  expect(carryOut(run)).toEqual(heard);
});
