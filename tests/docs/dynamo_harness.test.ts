/** The page on the core by itself is true: its example uses only what the package exports, and runs. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { ROOT } from '../laws/sources';

const PAGE = readFileSync(join(ROOT, 'docs', 'dynamo_harness.md'), 'utf8');
const EXAMPLE = /```ts\n([\s\S]*?)```/.exec(PAGE)?.[1] ?? '';
const PRINTED = /It prints\n\n```\n([\s\S]*?)```/.exec(PAGE)?.[1];

let folder: string;
beforeAll(() => {
  // A project that has the package installed.
  folder = mkdtempSync(join(tmpdir(), 'quorum-kv-docs-'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(ROOT, join(folder, 'node_modules', 'quorum-kv'), 'dir');
});
afterAll(() => rmSync(folder, { recursive: true }));

test('the example compiles for a user, imports nothing but the package, and prints what it says', () => {
  expect([...EXAMPLE.matchAll(/from '(.*)'/g)].map(([, name]) => name)).toEqual([
    'quorum-kv/dynamo',
  ]);
  const file = join(folder, 'harness.ts');
  writeFileSync(file, EXAMPLE);
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
  const script = join(folder, 'harness.js');
  expect(execFileSync(process.execPath, [script], { cwd: folder, encoding: 'utf8' })).toBe(PRINTED);
});
