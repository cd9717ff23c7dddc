/** The page on the leaderless system is true: its example compiles for a user, and prints what it says. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { freePorts } from '../../bin/free_ports';
import { ROOT } from '../laws/sources';

const PAGE = readFileSync(join(ROOT, 'docs', 'dynamo.md'), 'utf8');
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

test('the example of embedding prints what it says, on other ports', async () => {
  const [one, two] = await freePorts('127.0.0.1', 2);
  const source = EXAMPLE.replace(':7201', `:${one}`).replace(':7202', `:${two}`);
  const file = join(folder, 'embedding.ts');
  writeFileSync(file, source);
  const program = ts.createProgram([file], {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.Node16,
    strict: true,
    types: ['node'],
    typeRoots: [join(ROOT, 'node_modules', '@types')],
  });
  const problems = ts.getPreEmitDiagnostics(program);
  expect(problems.map((each) => ts.flattenDiagnosticMessageText(each.messageText, '\n'))).toEqual(
    [],
  );
  program.emit();
  const script = join(folder, 'embedding.js');
  const settings = { cwd: folder, encoding: 'utf8', env: { ...process.env, TMPDIR: folder } };
  expect(execFileSync(process.execPath, [script], { ...settings, encoding: 'utf8' })).toBe(PRINTED);
});
