/**
 * A private copy of the compiled program in which a few sources are others.
 *
 * It is a copy and not a folder of links, because Node resolves a link to the file behind it, which
 * would then load its neighbours from the original.
 */

import { cpSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import ts from 'typescript';

/** Makes the copy; returns its folder, with `dist` in it. `sources` are new texts by path. */
export function makeCopy(root: string, sources: ReadonlyMap<string, string>): string {
  const options = compilerOptions(join(root, 'tsconfig.build.json'));
  const compiled = [...sources].map(
    ([path, text]) => [path, compile(join(root, path), text, options)] as const,
  );
  const copy = mkdtempSync(join(tmpdir(), 'quorum-kv-planted-'));
  const dist = join(copy, 'dist');
  cpSync(join(root, 'dist'), dist, {
    recursive: true,
    filter: (path) => path.endsWith('.js') || statSync(path).isDirectory(),
  });
  for (const [path, text] of compiled)
    writeFileSync(join(dist, path.replace(/\.ts$/, '.js')), text);
  return copy;
}

export function removeCopy(copy: string): void {
  rmSync(copy, { recursive: true, force: true });
}

export function compilerOptions(configuration: string): ts.CompilerOptions {
  const { config, error } = ts.readConfigFile(configuration, ts.sys.readFile);
  if (error !== undefined) throw new Error(textOf(error));
  return ts.parseJsonConfigFileContent(config, ts.sys, dirname(configuration)).options;
}

function compile(path: string, text: string, options: ts.CompilerOptions): string {
  const compilerOptions = { ...options, sourceMap: false, declaration: false };
  const result = ts.transpileModule(text, {
    fileName: path,
    compilerOptions,
    reportDiagnostics: true,
  });
  const [first] = result.diagnostics ?? [];
  if (first !== undefined) throw new Error(`${path} does not compile: ${textOf(first)}`);
  return result.outputText;
}

const textOf = ({ messageText }: ts.Diagnostic): string =>
  ts.flattenDiagnosticMessageText(messageText, '\n');
