/**
 * The lock file must name the packages of every platform, also of those that the machine which
 * wrote it could not see: `npm ci` refuses a lock file that leaves an optional package out.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Locked {
  readonly version?: string;
  readonly integrity?: string;
  readonly optional?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const file = join(__dirname, '..', '..', 'package-lock.json');
const { packages } = JSON.parse(readFileSync(file, 'utf8')) as {
  packages: Readonly<Record<string, Locked>>;
};

/** A package that is asked for from `path` is looked for below it, then further and further up. */
function isLocked(path: string, name: string): boolean {
  if (`${path}/node_modules/${name}`.replace(/^\//, '') in packages) return true;
  const parent = path.slice(0, Math.max(0, path.lastIndexOf('node_modules/') - 1));
  return path !== '' && isLocked(parent, name);
}

test('every package that another one asks for is in the lock file, optional ones too', () => {
  const missing = Object.entries(packages).flatMap(([path, locked]) =>
    Object.keys({ ...locked.dependencies, ...locked.optionalDependencies })
      .filter((name) => !isLocked(path, name))
      .map((name) => `${path} asks for ${name}`),
  );
  expect(missing).toEqual([]);
});

test('whatever every platform installs is pinned by its checksum', () => {
  const loose = Object.entries(packages)
    .filter(([path, { optional, integrity }]) => path !== '' && !optional && !integrity)
    .map(([path]) => path);
  expect(loose).toEqual([]);
});
