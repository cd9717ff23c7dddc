/**
 * Every planted bug is one that can be planted: it says what is wrong, fits the present sources, and
 * makes another program of them that still compiles. That the simulator finds it is for
 * `bin/planted_bugs.ts` to show, which takes longer than a test may.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { compilerOptions } from '../../bin/mutated_copy';
import { applyMutation, parseMutation, readMutations } from '../../bin/mutation';
import { ROOT } from '../laws/sources';

const FOLDER = join(ROOT, 'tests', 'sim', 'planted_bugs');
const OF_DYNAMO = readMutations(join(FOLDER, 'dynamo'));
const OF_CONVERGENT = readMutations(join(FOLDER, 'convergent'));
const OF_LOG = readMutations(join(FOLDER, 'log'));
const OF_RAFT = readMutations(FOLDER);
const BUGS = [...OF_RAFT, ...OF_DYNAMO, ...OF_CONVERGENT, ...OF_LOG];
const readSource = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

describe('the planted bugs', () => {
  it('are enough to be a proof', () => {
    expect(OF_RAFT.length).toBeGreaterThanOrEqual(40);
    expect(OF_DYNAMO.length).toBeGreaterThanOrEqual(12);
    expect(OF_CONVERGENT.length).toBeGreaterThanOrEqual(12);
    expect(OF_LOG.length).toBeGreaterThanOrEqual(12);
  });

  it.each(BUGS)('$name says which rule it breaks', ({ why }) => {
    expect(why).toMatch(/pitfalls? \d|§\d|[JSM]\d|DESIGN\.md/);
  });

  it.each(BUGS)('$name fits the sources and changes them', (bug) => {
    for (const [path, mutated] of applyMutation(bug, readSource)) {
      expect(mutated).not.toBe(readSource(path));
    }
  });

  it('are all different', () => {
    const texts = BUGS.map((bug) => JSON.stringify([...applyMutation(bug, readSource)]));
    expect(new Set(texts).size).toBe(BUGS.length);
  });
});

describe('the planted bugs, compiled', () => {
  const check = typeChecker();

  it.each(BUGS)('$name has the types that its place wants', (bug) => {
    expect(check(applyMutation(bug, readSource))).toEqual([]);
  });

  it('would be found if they had not', () => {
    const source = readSource('kv/core/quorum.ts');
    const wrong = source.replace('Math.floor(members / 2)', "'half'");
    expect(check(new Map([['kv/core/quorum.ts', wrong]]))).toHaveLength(1);
  });
});

/**
 * Gives the type errors in some sources in the place of those on the disk. One service looks at them
 * all, so that what stays the same is read once.
 */
function typeChecker(): (sources: ReadonlyMap<string, string>) => string[] {
  // A bug that deletes a line may leave a name behind that nobody uses any more.
  const options = {
    ...compilerOptions(join(ROOT, 'tsconfig.build.json')),
    noUnusedLocals: false,
    noUnusedParameters: false,
  };
  let version = 0;
  let changed: ReadonlyMap<string, string> = new Map();
  const known = new Set<string>();
  const nameOf = (path: string): string => join(ROOT, path);
  const textOf = (name: string): string | undefined => {
    const path = [...changed.keys()].find((each) => nameOf(each) === name);
    return path === undefined ? ts.sys.readFile(name) : changed.get(path);
  };
  const isChanged = (name: string): boolean =>
    [...changed.keys()].some((path) => nameOf(path) === name);
  const service = ts.createLanguageService({
    getCompilationSettings: () => options,
    getScriptFileNames: () => [...known],
    getScriptVersion: (name) => (isChanged(name) ? `${version}` : 'as it is'),
    getScriptSnapshot: (name) => {
      const text = textOf(name);
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
    },
    getCurrentDirectory: () => ROOT,
    getDefaultLibFileName: ts.getDefaultLibFilePath,
    fileExists: ts.sys.fileExists,
    readFile: ts.sys.readFile,
    readDirectory: ts.sys.readDirectory,
    directoryExists: ts.sys.directoryExists,
    getDirectories: ts.sys.getDirectories,
  });
  return (sources) => {
    changed = sources;
    version++;
    for (const path of sources.keys()) known.add(nameOf(path));
    return [...sources.keys()].flatMap((path) => {
      const name = nameOf(path);
      const found = [
        ...service.getSyntacticDiagnostics(name),
        ...service.getSemanticDiagnostics(name),
      ];
      return found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
    });
  };
}

describe('a planted bug as text', () => {
  const SOURCES: Record<string, string> = {
    'kv/a.ts': 'one\n  two\nthree\nfour\n  two\n',
    'kv/b.ts': 'five\n',
  };
  const read = (path: string): string => {
    const text = SOURCES[path];
    if (text === undefined) throw new Error(`there is no ${path}`);
    return text;
  };
  const planted = (...lines: string[]) =>
    applyMutation(parseMutation('bug', ['Wrong', 'somehow.', '', ...lines, ''].join('\n')), read);

  it('has a paragraph, and blocks of lines', () => {
    const bug = parseMutation(
      'a_bug',
      'Wrong\nsomehow.\n\nkv/a.ts\n-one\n+1\n\n\nkv/b.ts\n five\n+6\n',
    );
    expect(bug).toEqual({
      name: 'a_bug',
      why: 'Wrong somehow.',
      hunks: [
        { path: 'kv/a.ts', before: ['one'], after: ['1'] },
        { path: 'kv/b.ts', before: ['five'], after: ['five', '6'] },
      ],
    });
  });

  it('replaces, adds and deletes lines', () => {
    const mutated = planted('kv/a.ts', '-one', '+1', '+1.5', '   two', '-three', ' four');
    expect(mutated).toEqual(new Map([['kv/a.ts', '1\n1.5\n  two\nfour\n  two\n']]));
  });

  it('may change several places and several files', () => {
    const mutated = planted(
      ...['kv/a.ts', '-one', '+1', '', 'kv/b.ts', '-five', '+5', ''],
      ...['kv/a.ts', ' 1', '-  two', '+  2'],
    );
    expect(mutated).toEqual(
      new Map([
        ['kv/a.ts', '1\n  2\nthree\nfour\n  two\n'],
        ['kv/b.ts', '5\n'],
      ]),
    );
  });

  it.each<[string, string[], RegExp]>([
    ['is not there', ['kv/a.ts', '-two', '+2'], /bug: .*kv\/a\.ts once.* are not there:\ntwo/s],
    ['is not there in this order', ['kv/a.ts', '-three', '-  two'], /are not there/],
    ['is there twice', ['kv/a.ts', '-  two', '+  2'], /are there 2 times/],
    ['changes nothing', ['kv/a.ts', '-one', '+one'], /changes nothing/],
    ['only confirms', ['kv/a.ts', ' one'], /changes nothing/],
    ['says no place', ['kv/a.ts', '+zero'], /nothing says where they go/],
    ['has a line without a sign', ['kv/a.ts', '-one', 'two'], /must begin with "-", "\+"/],
    ['names no file', ['-one', '+1'], /name of a file below kv\//],
    ['names a file elsewhere', ['tests/a.ts', '-one', '+1'], /name of a file below kv\//],
    ['names a missing file', ['kv/c.ts', '-one', '+1'], /there is no kv\/c\.ts/],
  ])('is refused when a block %s', (_, lines, message) => {
    expect(() => planted(...lines)).toThrow(message);
  });

  it.each<[string, string, string, RegExp]>([
    ['no block', 'bug', 'Wrong somehow.\n', /no block of lines/],
    ['no paragraph', 'bug', 'kv/a.ts\n-one\n+1\n\nkv/b.ts\n-five\n', /begin with a paragraph/],
    ['nothing', 'bug', '', /begin with a paragraph/],
    ['a bad name', 'A bug', 'Wrong.\n\nkv/a.ts\n-one\n', /snake_case/],
  ])('is refused with %s', (_, name, text, message) => {
    expect(() => parseMutation(name, text)).toThrow(message);
  });
});
