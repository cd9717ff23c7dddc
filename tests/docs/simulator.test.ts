/**
 * The page on the simulator is true: its example compiles for a user and finds what it says, its
 * flags are understood, and its list of flags leaves none out.
 */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { readFlags } from '../../bin/sim_flags';
import { ROOT } from '../laws/sources';

const PAGE = readFileSync(join(ROOT, 'docs', 'simulator.md'), 'utf8');
const EXAMPLE = /```ts\n([\s\S]*?)```/.exec(PAGE)?.[1] ?? '';

let folder: string;
beforeAll(() => {
  // A project that has the package installed.
  folder = mkdtempSync(join(tmpdir(), 'quorum-kv-docs-'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(ROOT, join(folder, 'node_modules', 'quorum-kv'), 'dir');
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Compiles as strictly as a user may, and runs it; answers with what is printed. */
function run(name: string, source: string): string {
  const file = join(folder, `${name}.ts`);
  writeFileSync(file, source);
  const program = ts.createProgram([file], {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.Node16,
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    noUnusedLocals: true,
    types: ['node'],
    typeRoots: [join(ROOT, 'node_modules', '@types')],
  });
  const problems = ts.getPreEmitDiagnostics(program);
  expect(problems.map((one) => ts.flattenDiagnosticMessageText(one.messageText, '\n'))).toEqual([]);
  program.emit();
  const script = join(folder, `${name}.js`);
  return execFileSync(process.execPath, [script], { cwd: folder, encoding: 'utf8' });
}

test('the good bank holds, and the hasty one is found out', () => {
  const printed = run('bank', EXAMPLE);
  expect(printed).toMatch(/^40 seeds held\nseed \d+ fails: (rest|money): /);
  expect(printed).toMatch(/\nrun it again: --seed \d+ --duration \d+ --keep .* --trace\n$/);
});

test('the auditor sees money that is made of nothing', () => {
  const credit = '(balances[to] ?? 0) + amount';
  expect(EXAMPLE).toContain(credit);
  const printed = run('generous', EXAMPLE.replace(credit, `${credit} + 1`));
  expect(printed).toMatch(/^seed \d fails: money: \w+ was told \d+ in all$/m);
});

test('its commands are commands', () => {
  const commands = [...PAGE.matchAll(/^npm run sim -- (.*?)(?: {2,}.*)?$/gm)];
  expect(commands.length).toBeGreaterThanOrEqual(5);
  for (const [, flags = ''] of commands) expect(() => readFlags(flags.split(' '))).not.toThrow();
});
