/** The page on dependencies says what `package.json` says, and versions are exact everywhere. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../laws/sources';

type Versions = Readonly<Record<string, string>>;

interface Row {
  readonly concern: string;
  readonly name: string;
  readonly version: string;
  readonly reason: string;
}

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const { dependencies, devDependencies }: { dependencies: Versions; devDependencies: Versions } =
  JSON.parse(read('package.json'));

/** The rows of the page that name a library, below one of its headings. */
function rowsBelow(heading: string): Row[] {
  const section = read('docs/dependencies.md')
    .split(/^## /m)
    .find((part) => part.startsWith(heading));
  return (section ?? '').split('\n').flatMap((line) => {
    const [, concern = '', library = '', version = '', reason = ''] = line.split('|');
    const name = /^ `([^`]+)` $/.exec(library)?.[1];
    if (name === undefined) return [];
    return [{ concern: concern.trim(), name, version: version.trim(), reason: reason.trim() }];
  });
}

test.each([
  ['At run time', dependencies],
  ['For development', devDependencies],
])('%s: every dependency has one row, with its version and a reason', (heading, versions) => {
  const rows = rowsBelow(heading);
  expect(rows.map(({ name }) => name).sort()).toEqual(Object.keys(versions).sort());
  for (const { concern, name, version, reason } of rows) {
    expect([name, version]).toEqual([name, versions[name]]);
    expect(concern).not.toBe('');
    expect(reason).toMatch(/.{10,}\.$/);
  }
});

test('versions are exact, and what is installed is what was pinned', () => {
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
    expect([name, version]).toEqual([name, expect.stringMatching(/^\d+\.\d+\.\d+$/)]);
    const installed = JSON.parse(read(`node_modules/${name}/package.json`)).version;
    expect([name, installed]).toEqual([name, version]);
  }
});

test('the lock file agrees with package.json', () => {
  const root = JSON.parse(read('package-lock.json')).packages[''];
  expect(root).toMatchObject({ dependencies, devDependencies });
});

test.each(Object.keys(dependencies))('%s loads with require', (name) => {
  expect(() => jest.requireActual(name)).not.toThrow();
});
