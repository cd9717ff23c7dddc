/**
 * The compiler fence of the pure half: its own tsconfig knows no clock, no timer and nothing of
 * Node, so that impure code does not compile. This proves that the fence stands, by planting files
 * that try to climb it.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { ROOT, readSources } from './sources';

const FENCED = ['kv/core', 'kv/sim'].filter((folder) => existsSync(join(ROOT, folder)));

const CLIMBERS = [
  'setTimeout(() => undefined, 1);',
  'setInterval(() => undefined, 1);',
  'queueMicrotask(() => undefined);',
  'export const x = process.pid;',
  'export const x = Buffer.alloc(1);',
  'export const x = new TextEncoder();',
  'export const x = performance.now();',
  'console.log(1);',
  `import { readFileSync } from 'node:fs'; readFileSync('x');`,
  `import * as fs from 'fs'; export const x = fs;`,
  'fetch("http://x");',
  `export const x = require('./ids');`,
  'export const x: NodeJS.Timeout | undefined = undefined;',
];

const HARMLESS = `import { invariant } from './assert'; invariant(Math.max(1, 2) === 2, 'x', {});`;

function settingsOf(folder: string): ts.ParsedCommandLine {
  const file = join(ROOT, folder, 'tsconfig.json');
  const { config } = ts.readConfigFile(file, ts.sys.readFile);
  return ts.parseJsonConfigFileContent(config, ts.sys, join(ROOT, folder));
}

/** Compiles files that exist only here, under the settings of a folder; answers what is wrong. */
function compile(folder: string, texts: readonly string[]): string[][] {
  const { options } = settingsOf(folder);
  const planted = new Map(
    texts.map((text, i) => [join(ROOT, folder, `planted_${i}.ts`), `${text}\nexport {};\n`]),
  );
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (path) => planted.has(path) || fileExists(path);
  host.readFile = (path) => planted.get(path) ?? readFile(path);
  host.getSourceFile = (path, target, ...rest) => {
    const text = planted.get(path);
    if (text === undefined) return getSourceFile(path, target, ...rest);
    return ts.createSourceFile(path, text, target);
  };
  const program = ts.createProgram([...planted.keys()], options, host);
  return [...planted.keys()].map((path) =>
    program
      .getSemanticDiagnostics(program.getSourceFile(path))
      .map((one) => ts.flattenDiagnosticMessageText(one.messageText, ' ')),
  );
}

describe.each(FENCED)('the fence of %s', (folder) => {
  test('stops everything that the pure half must not touch', () => {
    const climbed = compile(folder, CLIMBERS).flatMap((found, i) =>
      found.some((message) => /Cannot find (name|module|namespace)/.test(message))
        ? []
        : [`${CLIMBERS[i]} gave ${JSON.stringify(found)}`],
    );
    expect(climbed).toEqual([]);
  });

  test('lets ordinary code through', () => {
    const harmless = folder === 'kv/core' ? HARMLESS : HARMLESS.replace('./', '../core/');
    expect(compile(folder, [harmless])).toEqual([[]]);
  });

  test('encloses every file of the folder', () => {
    const enclosed = new Set(settingsOf(folder).fileNames);
    const outside = readSources(folder).filter(({ path }) => !enclosed.has(join(ROOT, path)));
    expect(outside.map(({ path }) => path)).toEqual([]);
  });
});
