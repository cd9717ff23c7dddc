/** The example of a page, as a user would have it: in a project that has the package installed. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { freePorts } from '../../bin/free_ports';
import { ROOT } from '../laws/sources';

export interface Outcome {
  /** What the compiler says. */
  readonly problems: readonly string[];
  /** What it prints, and what the page says that it prints. */
  readonly printed: string;
  readonly promised: string | undefined;
}

/** Compiles and runs the first example of a page in `docs`, with other ports in the place of these. */
export async function runExample(name: string, ports: readonly number[]): Promise<Outcome> {
  const page = readFileSync(join(ROOT, 'docs', name), 'utf8');
  const promised = /It prints\n\n```\n([\s\S]*?)```/.exec(page)?.[1];
  let source = /```ts\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
  const free = await freePorts('127.0.0.1', ports.length);
  for (const [i, port] of ports.entries()) source = source.replace(`${port}`, `${free[i]}`);
  const folder = mkdtempSync(join(tmpdir(), 'quorum-kv-docs-'));
  try {
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(ROOT, join(folder, 'node_modules', 'quorum-kv'), 'dir');
    return { promised, ...compileAndRun(folder, source) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function compileAndRun(folder: string, source: string): Omit<Outcome, 'promised'> {
  const file = join(folder, 'example.ts');
  writeFileSync(file, source);
  const program = ts.createProgram([file], {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.Node16,
    strict: true,
    types: ['node'],
    typeRoots: [join(ROOT, 'node_modules', '@types')],
  });
  const problems = ts
    .getPreEmitDiagnostics(program)
    .map((each) => ts.flattenDiagnosticMessageText(each.messageText, '\n'));
  program.emit();
  const env = { ...process.env, TMPDIR: folder };
  const settings = { cwd: folder, encoding: 'utf8', env } as const;
  const printed = execFileSync(process.execPath, [join(folder, 'example.js')], settings);
  return { problems, printed };
}
