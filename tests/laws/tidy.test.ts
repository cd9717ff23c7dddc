import { readSources } from './sources';
import { LIMITS, tidyProblems } from './tidy_law';

const planted = (path: string, text: string) => tidyProblems([{ path, text }]);
const lines = (count: number, text = '') => `${text}\n`.repeat(count);

test('the project is tidy', () => {
  expect(tidyProblems(readSources('kv', 'bin', 'tests'))).toEqual([]);
});

const IMPURE = [
  'const x = Date.now();',
  'const x = new Date();',
  'const x = Math.random();',
  `const x = Math['random']();`,
  'const { random } = Math;',
  'async function f() {}',
  'const f = async () => 1;',
  'const f = () => Promise.resolve();',
  'let x: Promise<void>;',
  'setTimeout(f, 1);',
  'const x = { setInterval };',
  'setImmediate(f);',
  'queueMicrotask(f);',
  'const x = performance.now();',
  'const x = process.pid;',
  'let x: Buffer;',
  'const x = new TextEncoder();',
  'console.log(1);',
  'globalThis.f();',
  'a.localeCompare(b);',
  'Intl.f();',
];

test.each(IMPURE)('in the pure half, not: %s', (text) => {
  for (const path of ['kv/core/raft/raft.ts', 'kv/sim/timeline.ts']) {
    expect(planted(path, text)).toEqual([
      expect.stringMatching(/^kv\/.*\.ts:1: no .* in the pure half: /),
    ]);
  }
  expect(planted('kv/runtime/driver.ts', text)).toEqual([]);
});

test.each([
  '// Date.now(), Math.random() and Promise in a comment',
  `const x = 'setTimeout Math.random() Date';`,
  'const x = { process: 1, Date: 2 }; f(x.process, x.Date);',
  'interface X { Buffer: string; console(): void }',
])('in the pure half, harmless: %s', (text) => {
  expect(planted('kv/core/ids.ts', text)).toEqual([]);
});

// Texts that are planted here, for the law to complain of: none of them is code of this project.
test.each([
  ['let x: any;', 'no any'],
  ['function f(x: any[]) {}', 'no any'],
  ['const x = y as any;', 'no any'],
  ['export default function f() {}', 'no default export'],
  ['export default class {}', 'no default export'],
  ['export default 1;', 'no default export'],
  ['export { x as default };', 'no default export'],
  ['debugger;', 'no debugger'],
  [`it.only('x', f);`, 'no it.only'],
  [`describe.only.each([])('x', f);`, 'no describe.only'],
  ['// @ts-ignore\nf();', 'no @ts-ignore'],
])('nowhere: %s', (text, complaint) => {
  for (const path of ['kv/core/a.ts', 'kv/http/a.ts', 'bin/a.ts', 'tests/a.test.ts']) {
    expect(planted(path, text)).toEqual([expect.stringContaining(complaint)]);
  }
});

test('words that only look alike are fine', () => {
  const text = `const any = 'any'; switch (x) { default: f(any); } export = x;`;
  expect(planted('kv/http/a.ts', text)).toEqual([]);
});

test('files have a size', () => {
  expect(planted('kv/a.ts', lines(LIMITS.fileLines))).toEqual([]);
  expect(planted('kv/a.ts', lines(LIMITS.fileLines + 1))).toEqual([
    'kv/a.ts: 301 lines; 300 are the limit: split it by idea',
  ]);
  expect(planted('tests/a.test.ts', lines(LIMITS.testFileLines))).toEqual([]);
  expect(planted('tests/a.test.ts', lines(LIMITS.testFileLines + 1))).toHaveLength(1);
});

test.each([
  ['function f() {\n', '}'],
  ['class A {\n/** Not counted. */\nf() {\n', '}\n}'],
  ['class A {\nconstructor() {\n', '}\n}'],
  ['class A {\nget f() {\n', '}\n}'],
  ['const f = () => {\n', '};'],
  [`it('works', () => {\n`, '});'],
])('functions have a size: %j', (head, tail) => {
  const body = (count: number) => head + lines(count, 'x();') + tail;
  expect(planted('kv/a.ts', body(LIMITS.functionLines - 2))).toEqual([]);
  expect(planted('kv/a.ts', body(LIMITS.functionLines - 1))).toEqual([
    expect.stringMatching(/^kv\/a\.ts:\d: a function of 61 lines; 60 are the limit/),
  ]);
});

test.each([
  [`describe('x', () => {\n`, '});'],
  ['export function suite() {\n', '}'],
])('a function that holds tests is a chapter: %j', (head, tail) => {
  const chapter = `${head}test.each([1])('y', f);\n${lines(99)}${tail}`;
  expect(planted('tests/a.test.ts', chapter)).toEqual([]);
  expect(planted('kv/a.ts', chapter)).toHaveLength(1);
});

test('file names are snake_case', () => {
  expect(planted('kv/http/hotPath.ts', '')).toEqual([
    'kv/http/hotPath.ts: file names are snake_case',
  ]);
  expect(planted('tests/http/hot_path2.test.ts', '')).toEqual([]);
});
