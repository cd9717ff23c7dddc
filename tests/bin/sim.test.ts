/** `npm run sim` as a user runs it: what it prints, what it exits with, and that a seed is a seed. */

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCopy, removeCopy } from '../../bin/mutated_copy';
import { applyMutation, readMutations } from '../../bin/mutation';
import { ROOT } from '../laws/sources';

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Place {
  readonly root?: string;
  readonly node?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** On a busy machine even a short run takes long enough to tell how far it is. */
const withoutProgress = (stderr: string): string =>
  stderr.replace(/^sim: \d+ of \d+ seeds, [^\n]+ failed\n/gm, '');

function sim(args: readonly string[], { root = ROOT, node = [], env, cwd }: Place = {}) {
  const program = join(root, 'dist', 'bin', 'sim.js');
  const child = spawn(process.execPath, [...node, program, ...args], {
    cwd: cwd ?? ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (data) => {
    stdout += data;
  });
  child.stderr.setEncoding('utf8').on('data', (data) => {
    stderr += data;
  });
  return new Promise<Ended>((resolve) =>
    child.on('close', (code) => resolve({ code, stdout, stderr: withoutProgress(stderr) })),
  );
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quorum-kv-sim-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** All but what a clock has measured. */
const timeless = (text: string): string =>
  text.replace(/ \([\d.]+\/s\)/g, '').replace(/^(wall time|pace) .*\n/gm, '');

test('a clean run ends with a summary, the same for any number of processes', async () => {
  const args = ['--from', '5', '--seeds', '9', '--duration', '3000'];
  const [one, three] = await Promise.all([
    sim([...args, '--jobs', '1']),
    sim([...args, '--jobs', '3']),
  ]);
  expect([one.code, one.stderr, three.code]).toEqual([0, '', 0]);
  expect(timeless(three.stdout)).toBe(timeless(one.stdout));
  expect(one.stdout).toMatch(/^seeds {7}9 \([\d.]+\/s\)\nsimulated +0\.0\d+ hours\nwall time/);
  expect(one.stdout).toMatch(/^messages +sent [1-9]\d*, lost \d+, repeated \d+$/m);
  expect(one.stdout).toMatch(/^operations +answered [1-9]/m);
  expect(one.stdout).toMatch(/^faults +processes: kill \d+/m);
  expect(one.stdout).toMatch(/^ +R7 monotonic commit: /m);
  expect(one.stdout).toMatch(/\nall of them held\n$/);
});

test('a seed has one trace, whatever there is around it', async () => {
  const args = ['--seed', '7', '--trace'];
  const here = await sim(args);
  expect([here.code, here.stderr]).toEqual([0, '']);
  expect(here.stdout.split('\n').length).toBeGreaterThan(1000);
  expect(here.stdout).toMatch(/^ +0\.000 ! n1 starts\n/);
  expect(here.stdout).toMatch(/\nseed 7 held\n$/);
  const elsewhere = await Promise.all([
    sim(args),
    sim(args, { cwd: folder, env: { TZ: 'Asia/Kathmandu', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR' } }),
    sim(args, { node: ['--random-seed=1', '--hash-seed=2', '--no-opt'] }),
    sim(args, { env: { NODE_OPTIONS: '--max-old-space-size=200 --stack-trace-limit=1' } }),
    sim(args, { node: ['--stack-size=500', '--jitless', '--no-warnings'] }),
  ]);
  for (const { stdout } of elsewhere) expect(stdout === here.stdout).toBe(true);
});

test('the same for the real journal, and for a run of less', async () => {
  for (const args of [
    ['--seed', '8', '--trace', '--duration', '2000'],
    ['--seed', '8', '--trace', '--keep', '2', '--simplify', 'loss,one_client', '--nodes', '3'],
  ]) {
    const [here, there] = await Promise.all([
      sim(args),
      sim(args, { cwd: folder, node: ['--random-seed=4', '--no-opt'], env: { TZ: 'UTC+9' } }),
    ]);
    expect([here.code, there.stdout === here.stdout]).toEqual([0, true]);
  }
});

test('whoever has read enough of a trace may go', async () => {
  const program = join(ROOT, 'dist', 'bin', 'sim.js');
  const child = spawn(process.execPath, [program, '--seed', '9', '--trace'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  child.stdout.once('data', () => child.stdout.destroy());
  await new Promise((resolve) => child.on('close', resolve));
  expect(stderr).toBe('');
});

test.each<[string[], RegExp]>([
  [['--colour', 'red'], /Unknown argument: colour/],
  [['--seed', 'x'], /--seed must be a whole number from 0 to \d+, not "x"/],
  [['--seed', '-1'], /--seed must be a whole number/],
  [['--seed', '1', '--seed', '2'], /--seed was given more than once/],
  [['--seeds', '0'], /--seeds must be a whole number from 1/],
  [['--jobs', '0'], /--jobs must be a whole number from 1 to 256/],
  [['--nodes', '99'], /--nodes must be a whole number from 1 to 15/],
  [['--seeds'], /Not enough arguments following: seeds/],
  [['5'], /Unknown argument: 5/],
  [['--trace'], /--trace needs --seed/],
  [['--keep', '1'], /--keep needs --seed/],
  [['--seed', '1', '--seeds', '5'], /--seeds does not go with --seed; it goes with --seeds/],
  [['--seed', '1', '--keep', '1,x'], /--keep takes numbers of faults, like 3,7, not "x"/],
  [['--faults', 'kill,fire'], /--faults knows no "fire", only kill, /],
  [['--simplify', 'all'], /--simplify knows no "all", only loss, /],
  [['--disk', 'floppy'], /--disk must be one of mixed, model, journal, not "floppy"/],
  [['--protocol', 'paxos'], /--protocol must be one of raft, dynamo, convergent, log, not "paxos"/],
  [['--bug', 'x'], /--bug needs --planted-bugs/],
  [['--regressions', 'no/such/file'], /--regressions cannot be read: ENOENT/],
])('%j is one clear line and code 2', async (args, complaint) => {
  const { code, stdout, stderr } = await sim(args);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(complaint);
  expect(stderr).toMatch(/^sim: [^\n]+\n$/);
});

test('regressions are read from a file, and a bad line is named', async () => {
  const file = join(folder, 'regressions.txt');
  writeFileSync(file, '# two\n--seed 3 --duration 500\n--seed 4 --disk model --duration 500 # x\n');
  const good = await sim(['--regressions', file]);
  expect([good.code, good.stderr]).toEqual([0, '']);
  expect(good.stdout).toMatch(/^seeds +2 /);
  writeFileSync(file, '--seed 3\n\n--seed three\n');
  const bad = await sim(['--regressions', file]);
  expect([bad.code, bad.stdout]).toEqual([2, '']);
  expect(bad.stderr).toMatch(/^sim: \S+regressions\.txt, line 3: --seed must be [^\n]+\n$/);
});

test('planted bugs are handed on', async () => {
  const unknown = await sim(['--planted-bugs', '--bug', 'no_such_bug']);
  expect(unknown.code).toBe(1);
  expect(unknown.stderr).toMatch(/there is no planted bug no_such_bug/);
});

describe('with a bug', () => {
  let root: string;
  beforeAll(() => {
    const [bug] = readMutations(join(ROOT, 'tests', 'sim', 'planted_bugs')).filter(
      ({ name }) => name === 'term_not_persisted',
    );
    if (bug === undefined) throw new Error('the bug has another name now');
    const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
    root = makeCopy(ROOT, applyMutation(bug, read));
    symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  });
  afterAll(() => removeCopy(root));

  test('the first seed that fails is shrunk and reported; its command fails again', async () => {
    const failed = await sim(['--seeds', '200', '--jobs', '2'], { root });
    expect(failed.code).toBe(1);
    const [, seed, checker] = /^seed (\d+) failed: (.*)$/m.exec(failed.stdout) ?? [];
    expect(failed.stdout).toMatch(`\nseed ${seed} fails: ${checker}: `);
    expect(failed.stdout).toMatch(/^faults that it needs: /m);
    const [, flags = ''] = /\nrun it again: npm run sim -- (.*)\n$/.exec(failed.stdout) ?? [];
    expect(flags).toMatch(/^--seed \d+ --duration \d+ --keep .* --disk (model|journal) --trace$/);
    const again = await sim(flags.split(' '), { root });
    expect(again.code).toBe(1);
    expect(again.stdout).toMatch(`\nseed ${seed} fails: ${checker}: `);
    // It is the bug that fails.
    expect((await sim(flags.split(' '))).code).toBe(0);
  });

  test('the same seed is the first for any number of processes, and others follow', async () => {
    const args = ['--seeds', '16', '--duration', '4000', '--no-shrink'];
    const [one, three, all] = await Promise.all([
      sim([...args, '--jobs', '1'], { root }),
      sim([...args, '--jobs', '3'], { root }),
      sim([...args, '--keep-going'], { root }),
    ]);
    const failing = /^seed \d+ fails: [\s\S]*$/m;
    expect([one.code, three.code, all.code]).toEqual([1, 1, 1]);
    expect(failing.exec(one.stdout)?.[0]).toMatch(/\nrun it again: npm run sim -- --seed /);
    expect(failing.exec(three.stdout)?.[0]).toBe(failing.exec(one.stdout)?.[0]);
    expect(failing.exec(all.stdout)?.[0]).toBe(failing.exec(one.stdout)?.[0]);
    expect(all.stdout).toMatch(/^seeds +16 /);
    expect(all.stdout.match(/^seed \d+ failed: /gm)?.length).toBeGreaterThan(1);
  });
});

test('a worker that dies is one clear line, and code 1', async () => {
  const root = makeCopy(ROOT, new Map());
  try {
    symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
    writeFileSync(
      join(root, 'dist', 'bin', 'sim_worker.js'),
      `process.stdin.once('data', () => process.kill(process.pid, 'SIGKILL'));`,
    );
    const { code, stderr } = await sim(['--seeds', '4', '--jobs', '1'], { root });
    expect([code, stderr]).toEqual([
      1,
      'sim: a worker died (SIGKILL) somewhere in the seeds 1 to 4\n',
    ]);
  } finally {
    removeCopy(root);
  }
});
