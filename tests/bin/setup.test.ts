/**
 * The set-up and the start scripts, in a project of their own with a compiler and a package manager
 * that only write down that they were called.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { ROOT } from '../laws/sources';

let project: string;

function makeProject(): void {
  project = mkdtempSync(join(tmpdir(), 'quorum-kv-setup-'));
  cpSync(join(ROOT, 'bin'), join(project, 'bin'), { recursive: true });
  for (const file of [
    'tsconfig.json',
    'tsconfig.build.json',
    'package-lock.json',
    'kv/a.ts',
    'kv/deep/b.ts',
  ])
    put(file, '');
  put('calls.txt', '');
  // Installing brings the compiler; compiling brings the program. Both take their time.
  put('tools/tsc.js', tool('tsc', 'dist/kv/kvstorage_http.js', PROGRAM));
  put(
    'tools/npm.js',
    tool('npm', 'node_modules/typescript/bin/tsc', "require('../../../tools/tsc')"),
  );
  put('tools/npm', `#!/bin/sh\nexec "${process.execPath}" "${join(project, 'tools/npm.js')}"\n`);
  chmodSync(join(project, 'tools/npm'), 0o755);
}

const removeProject = (): void => rmSync(project, { recursive: true });

const PROGRAM = `console.log(JSON.stringify({ args: process.argv.slice(2), pid: process.pid,
  main: require.main === module, cwd: process.cwd() }));`;

/** A tool that writes down when it begins and ends, and leaves a file. */
function tool(name: string, makes: string, content: string): string {
  return `const fs = require('fs'); const path = require('path'); const at = ${JSON.stringify(project)};
    const note = (text) => fs.appendFileSync(path.join(at, 'calls.txt'), text + '\\n');
    note('${name} begins');
    if (fs.existsSync(path.join(at, '${name}.fails'))) { console.error('error TS1'); process.exit(2); }
    const file = path.join(at, '${makes}'); fs.mkdirSync(path.dirname(file), { recursive: true });
    setTimeout(() => { fs.writeFileSync(file, ${JSON.stringify(content)});
      if ('${name}' === 'npm') fs.writeFileSync(path.join(at, 'node_modules/.package-lock.json'), '');
      note('${name} ends'); }, 100);`;
}

function put(path: string, text: string): void {
  mkdirSync(dirname(join(project, path)), { recursive: true });
  writeFileSync(join(project, path), text);
}

/** Makes a file or folder newer than all that was made before. */
function touch(path: string): void {
  const later = new Date(Date.now() + 2000);
  utimesSync(join(project, path), later, later);
}

function deleteSource(): void {
  rmSync(join(project, 'kv/a.ts'));
  touch('kv');
}

const calls = (): string[] => readFileSync(join(project, 'calls.txt'), 'utf8').trim().split('\n');

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly pid: number | undefined;
}

interface Running {
  readonly ended: Promise<Result>;
  /** Resolves when this text was said on stderr. */
  heard(text: string): Promise<void>;
}

function begin(file: string, args: readonly string[] = [], cwd = tmpdir()): Running {
  const env: { PATH?: string } = process.env;
  const path = { PATH: `${join(project, 'tools')}${delimiter}${env.PATH}` };
  const program = file.endsWith('.js') ? process.execPath : 'sh';
  const child = spawn(program, [join(project, file), ...args], { cwd, env: { ...env, ...path } });
  const { pid } = child;
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data) => {
    stdout += data;
  });
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  const ended = new Promise<Result>((resolve) => {
    child.on('close', (code) => resolve({ code, stdout, stderr, pid }));
  });
  const heard = async (text: string) => {
    while (!stderr.includes(text)) await once(child.stderr, 'data');
  };
  return { ended, heard };
}

const run = (file: string, args: readonly string[] = [], cwd = tmpdir()): Promise<Result> =>
  begin(file, args, cwd).ended;

const ALL = ['npm begins', 'npm ends', 'tsc begins', 'tsc ends'];
const COMPILE = ['tsc begins', 'tsc ends'];

describe('the set-up', () => {
  beforeEach(makeProject);
  afterEach(removeProject);

  test('installs and compiles a fresh clone, once; then it is quiet', async () => {
    const first = await run('bin/setup.js');
    expect(first).toMatchObject({ code: 0, stdout: '' });
    expect(first.stderr).toBe('setup: installing packages (npm ci)\nsetup: compiling (tsc)\n');
    expect(calls()).toEqual(ALL);
    expect(await run('bin/setup.js')).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(calls()).toEqual(ALL);
  });

  test.each([
    ['a source is edited', () => touch('kv/deep/b.ts'), COMPILE],
    ['a source is deleted', deleteSource, COMPILE],
    ['the settings change', () => touch('tsconfig.json'), COMPILE],
    ['the settings of the build change', () => touch('tsconfig.build.json'), COMPILE],
    [
      'what was compiled is gone',
      () => rmSync(join(project, 'dist'), { recursive: true }),
      COMPILE,
    ],
    ['the lock file changes', () => touch('package-lock.json'), ALL],
    ['something else changes', () => touch('calls.txt'), []],
  ])('does what is needed when %s', async (_what, change, expected) => {
    await run('bin/setup.js');
    change();
    expect(await run('bin/setup.js')).toMatchObject({ code: 0 });
    expect(calls().slice(ALL.length)).toEqual(expected);
  });

  test('many at the same moment do the work once and all end with it done', async () => {
    const results = await Promise.all(
      Array.from({ length: 6 }, () => run('bin/create_server.js', ['0'])),
    );
    expect(results.map(({ code }) => code)).toEqual(Array(6).fill(0));
    expect(results.every(({ stdout }) => JSON.parse(stdout).main)).toBe(true);
    expect(calls()).toEqual(ALL);
    expect(readdirSync(join(project, 'dist')).filter((name) => name.includes('lock'))).toEqual([]);
  });

  test('the lock of a process that died is taken over, by one of many', async () => {
    const dead = await run('bin/setup.js', [], tmpdir());
    rmSync(join(project, 'dist/.compiled'));
    put('dist/.setup.lock', String(dead.pid));
    const results = await Promise.all([1, 2, 3, 4].map(() => run('bin/setup.js')));
    expect(results.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(calls()).toEqual([...ALL, ...COMPILE]);
  });

  test('waits for a process that lives, and says so', async () => {
    put('dist/.setup.lock', String(process.pid));
    const waiting = begin('bin/setup.js');
    await waiting.heard(`waiting for the set-up of process ${process.pid}`);
    expect(calls()).toEqual(['']);
    rmSync(join(project, 'dist/.setup.lock'));
    expect(await waiting.ended).toMatchObject({ code: 0 });
    expect(calls()).toEqual(ALL);
  });

  test('a failed compilation is told, does not count, and leaves no lock', async () => {
    await run('bin/setup.js');
    touch('kv/a.ts');
    put('tsc.fails', '');
    const failed = await run('bin/setup.js');
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(/error TS1\nsetup: .*tsc.* failed; see the lines above\.\n$/);
    expect(existsSync(join(project, 'dist/.setup.lock'))).toBe(false);
    rmSync(join(project, 'tsc.fails'));
    expect(await run('bin/setup.js')).toMatchObject({ code: 0 });
    expect(calls().slice(-2)).toEqual(COMPILE);
  });
});

describe('a start script', () => {
  beforeAll(async () => {
    makeProject();
    await run('bin/setup.js');
  });
  afterAll(removeProject);

  const id = (n: number) => `127.0.0.1:600${n}`;
  const argsFor = (n: number, nodes: number) => [
    `808${n}`,
    id(n),
    ...Array.from({ length: nodes }, (_, i) => id(i)).filter((one) => one !== id(n)),
    '--data-dir',
    join(project, 'data', `node${n}`),
  ];

  test.each([
    [0, [], 3],
    [1, [], 3],
    [2, [], 3],
    [3, [], 5],
    [4, [], 5],
    [0, ['--nodes', '5'], 5],
    [2, ['--nodes=5'], 5],
    [0, ['--nodes', '1'], 1],
  ])('create_server%d.sh %j starts one of %d nodes', async (n, flags, nodes) => {
    const { code, stdout, stderr } = await run(`bin/create_server${n}.sh`, flags);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout).args).toEqual(argsFor(n, nodes as number));
  });

  test('works from the bin folder, and is the very process of the node', async () => {
    const folder = join(project, 'bin');
    const { stdout, pid } = await run('bin/create_server1.sh', [], folder);
    expect(JSON.parse(stdout)).toMatchObject({ main: true, pid, args: argsFor(1, 3) });
  });

  test('passes further flags on, as they are', async () => {
    const flags = ['--log-level', 'debug', '--cluster-id=a b', '--x', ''];
    const { stdout } = await run('bin/create_server0.sh', flags);
    expect(JSON.parse(stdout).args).toEqual([...argsFor(0, 3), ...flags]);
  });

  test.each([[['--data-dir', 'here']], [['--data-dir=here']]])(
    'a data folder can be told: %j',
    async (flags) => {
      const { stdout } = await run('bin/create_server0.sh', flags);
      expect(JSON.parse(stdout).args).toEqual([...argsFor(0, 3).slice(0, -2), ...flags]);
    },
  );

  test.each([
    ['create_server0.sh', ['--nodes', 'many'], '--nodes must be a whole number from 1 to 99'],
    ['create_server0.sh', ['--nodes'], '--nodes must be a whole number from 1 to 99, not nothing'],
    ['create_server4.sh', ['--nodes', '3'], '--nodes must be a whole number from 5 to 99'],
    ['create_server.js', [], 'the number of the node must be a whole number from 0 to 98'],
    ['create_server.js', ['7'], 'node 7 needs --nodes 8 or more'],
  ])('%s %j is one clear line and code 2', async (script, args, complaint) => {
    const { code, stdout, stderr } = await run(`bin/${script}`, args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^create_server: ${complaint}[^\\n]*\\n$`));
  });

  test.each([0, 1, 2, 3, 4])('create_server%d has a twin for Windows that does the same', (n) => {
    const twin = readFileSync(join(ROOT, `bin/create_server${n}.bat`), 'utf8');
    expect(twin.split(/\r?\n/)).toContain(
      `node --no-parallel-scavenge --no-memory-reducer --min-semi-space-size=8 --max-semi-space-size=8 --heap-growing-percent=200 "%~dp0create_server.js" ${n} %*`,
    );
  });

  test.each([
    [['1'], ['8701', '127.0.0.1:9701', '--node-name', 'node01'], []],
    [
      ['2', '127.0.0.1:9701'],
      ['8702', '127.0.0.1:9702', '--node-name', 'node02'],
      ['--seed', '127.0.0.1:9701'],
    ],
    [
      ['12', 'host:1', '--replicas', '2'],
      ['8712', '127.0.0.1:9712', '--node-name', 'node12'],
      ['--seed', 'host:1'],
    ],
  ])('create_dynamo.sh %j', async (args, [http, peers, ...name], seed) => {
    const { code, stdout, stderr } = await run('bin/create_dynamo.sh', args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const folder = join(project, 'data', `dynamo${args[0]}`);
    const flags = args.filter((_, i) => i > 0 && args[i] !== seed[1]);
    expect(JSON.parse(stdout).args).toEqual([
      ...[http, peers, '--protocol', 'dynamo', ...name, ...seed, '--data-dir', folder, ...flags],
    ]);
  });

  test.each([
    [[], 'the number of the node must be from 1 to 99, not nothing'],
    [['0'], 'the number of the node must be from 1 to 99, not 0'],
    [['x'], 'the number of the node must be from 1 to 99, not x'],
    [['1', 'nowhere'], 'the seed must be host:port, like 127.0.0.1:9701, not nowhere'],
  ])('create_dynamo.sh %j is one clear line and code 2', async (args, complaint) => {
    const { code, stdout, stderr } = await run('bin/create_dynamo.sh', args);
    expect({ code, stdout, stderr }).toEqual({
      ...{ code: 2, stdout: '', stderr: `create_dynamo: ${complaint}\n` },
    });
  });

  test.each([
    ['create_server.js', ['--help']],
    ['create_server0.sh', ['--help']],
    ['create_dynamo.sh', ['--help']],
    ['create_dynamo.sh', ['1', '--help']],
    ['create_log_master.sh', ['--help']],
    ['create_log_secondary.sh', ['--help']],
    ['create_log_secondary.sh', ['5001', '--help']],
    ['create_convergent.sh', ['--help']],
  ])('%s %j lists the flags of a node', async (script, args) => {
    const { code, stdout, stderr } = await run(`bin/${script}`, args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout).args).toContain('--help');
  });

  test('create_dynamo has a twin for Windows that does the same', () => {
    const twin = readFileSync(join(ROOT, 'bin/create_dynamo.bat'), 'utf8');
    expect(twin.split(/\r?\n/)).toContain(
      'node --no-parallel-scavenge --no-memory-reducer --min-semi-space-size=8 --max-semi-space-size=8 --heap-growing-percent=200 "%~dp0create_dynamo.js" %*',
    );
  });
});
