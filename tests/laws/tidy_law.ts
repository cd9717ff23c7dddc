/**
 * Habits that no reviewer should have to watch for: nothing impure in the pure half, no `any` and
 * no default exports anywhere, and files and functions of a size that fits a head.
 */

import { posix } from 'node:path';
import ts from 'typescript';
import { parse, place, type SourceText, walk } from './sources';

export const LIMITS = { fileLines: 300, testFileLines: 500, functionLines: 60 };

/** Everything untidy in the sources, each as one readable line. */
export function tidyProblems(sources: readonly SourceText[]): string[] {
  return sources.flatMap((source) => {
    const file = parse(source);
    const problems = [
      ...nameProblems(source),
      ...fileSizeProblems(source),
      ...commentProblems(file),
    ];
    walk(file, (node) => {
      const complaints = [
        everywhere(node),
        isPure(source.path) && impure(node),
        tooLong(file, node),
      ];
      for (const complaint of complaints) {
        if (complaint) problems.push(`${place(file, node)}: ${complaint}`);
      }
    });
    return problems;
  });
}

const isPure = (path: string): boolean => /^kv\/(core|sim)\//.test(path);
const isTest = (path: string): boolean => path.startsWith('tests/');

/** Globals that the pure half must do without, each with what to use instead. */
const IMPURE_NAMES: Readonly<Record<string, string>> = {
  Date: 'time is an argument of step',
  Promise: 'what takes time comes back as an event',
  Intl: 'its answers depend on the machine',
  performance: 'time is an argument of step',
  setTimeout: 'say wakeAt',
  setInterval: 'say wakeAt',
  setImmediate: 'say wakeAt',
  queueMicrotask: 'return an effect',
  console: 'return a trace line',
  process: 'the world is for drivers',
  globalThis: 'the world is for drivers',
  Buffer: 'use Uint8Array and bytes.ts',
  TextEncoder: 'use bytes.ts',
  TextDecoder: 'use bytes.ts',
};

/** Members that the pure half must not use: they draw, or differ between machines. */
const IMPURE_MEMBERS: Readonly<Record<string, string>> = {
  random: 'draw from a stream of prng.ts',
  localeCompare: 'it depends on the locale; compare with <',
  toLocaleString: 'it depends on the locale',
  toLocaleLowerCase: 'it depends on the locale',
  toLocaleUpperCase: 'it depends on the locale',
};

function impure(node: ts.Node): string | undefined {
  if (node.kind === ts.SyntaxKind.AsyncKeyword || ts.isAwaitExpression(node)) {
    return 'no async or await in the pure half: what takes time comes back as an event';
  }
  if (!ts.isIdentifier(node) && !ts.isStringLiteral(node)) return undefined;
  const table = isMemberName(node) ? IMPURE_MEMBERS : isReference(node) ? IMPURE_NAMES : {};
  const instead = Object.hasOwn(table, node.text) ? table[node.text] : undefined;
  return instead && `no ${node.text} in the pure half: ${instead}`;
}

/** `random` in `Math.random`, `Math['random']` and `const { random } = Math`. */
function isMemberName(node: ts.Identifier | ts.StringLiteral): boolean {
  const parent = node.parent;
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node;
  if (ts.isElementAccessExpression(parent)) return parent.argumentExpression === node;
  return ts.isBindingElement(parent) && ts.isObjectBindingPattern(parent.parent);
}

/** A name that stands for a value or a type, rather than being declared or being a label. */
function isReference(node: ts.Identifier | ts.StringLiteral): boolean {
  if (!ts.isIdentifier(node)) return false;
  const parent: ts.Node & { readonly name?: ts.Node } = node.parent;
  return parent.name !== node || ts.isShorthandPropertyAssignment(parent);
}

function everywhere(node: ts.Node): string | undefined {
  if (node.kind === ts.SyntaxKind.AnyKeyword) return 'no any: say what it is, or unknown';
  if (isDefaultExport(node)) return 'no default export: a thing has one name everywhere';
  if (ts.isDebuggerStatement(node)) return 'no debugger statement';
  if (ts.isPropertyAccessExpression(node) && /^(describe|it|test)\.only$/.test(node.getText())) {
    return `no ${node.getText()}: it silences the other tests`;
  }
  return undefined;
}

function isDefaultExport(node: ts.Node): boolean {
  if (ts.isExportAssignment(node)) return !node.isExportEquals;
  if (ts.isExportSpecifier(node)) return node.name.text === 'default';
  return node.kind === ts.SyntaxKind.DefaultKeyword && !ts.isDefaultClause(node.parent);
}

/** Functions of every form count whole; one that holds tests is a chapter, not a function. */
function tooLong(file: ts.SourceFile, node: ts.Node): string | undefined {
  if (!ts.isFunctionLike(node) || !('body' in node) || !node.body) return undefined;
  if (isTest(file.fileName) && holdsTests(node.body as ts.Node)) return undefined;
  const line = (position: number) => file.getLineAndCharacterOfPosition(position).line;
  const lines = line(node.end) - line(node.getStart()) + 1;
  if (lines <= LIMITS.functionLines) return undefined;
  return `a function of ${lines} lines; ${LIMITS.functionLines} are the limit: split it by idea`;
}

const holdsTests = (body: ts.Node): boolean =>
  ts.isBlock(body) &&
  body.statements.some((one) => /^(describe|it|test)\b[\w.]*\(/.test(one.getText()));

function fileSizeProblems({ path, text }: SourceText): string[] {
  const limit = isTest(path) ? LIMITS.testFileLines : LIMITS.fileLines;
  const lines = text.replace(/\n$/, '').split('\n').length;
  return lines > limit ? [`${path}: ${lines} lines; ${limit} are the limit: split it by idea`] : [];
}

function nameProblems({ path }: SourceText): string[] {
  const name = posix.basename(path);
  const wrong = !/^[a-z][a-z0-9_]*(\.test)?\.ts$/.test(name);
  return wrong ? [`${path}: file names are snake_case`] : [];
}

/** Switches that would turn the compiler off. */
function commentProblems(file: ts.SourceFile): string[] {
  const found = /^\s*\/\/\s*(@ts-(?:ignore|nocheck))/m.exec(file.text);
  return found ? [`${file.fileName}: no ${found[1]}: let the compiler do its work`] : [];
}
