/**
 * A planted bug as text: a paragraph that says what is wrong with it and which rule it breaks, an
 * empty line, then what to change, as blocks of lines that may have empty lines between them:
 *
 *     kv/core/quorum.ts
 *      // a line that stays,
 *     -a line that goes,
 *     +a line that comes
 *
 * There are no line numbers: the lines that stay and go must be in the file exactly once, one after
 * another. So a bug survives edits elsewhere, and one whose place has changed is an error, rather
 * than a bug that is not planted and not found.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One run of lines in one file that is replaced by another. */
export interface Hunk {
  /** Relative to the root of the project. */
  readonly path: string;
  readonly before: readonly string[];
  readonly after: readonly string[];
}

export interface Mutation {
  readonly name: string;
  /** What is wrong, and which rule it breaks. */
  readonly why: string;
  readonly hunks: readonly Hunk[];
}

const ENDING = '.txt';
const NAME = /^[a-z][a-z0-9_]*$/;

/** All planted bugs of a folder, by name. */
export function readMutations(folder: string): Mutation[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(ENDING))
    .sort()
    .map((file) =>
      parseMutation(file.slice(0, -ENDING.length), readFileSync(join(folder, file), 'utf8')),
    );
}

export function parseMutation(name: string, text: string): Mutation {
  if (!NAME.test(name)) throw problem(name, 'names are snake_case');
  const [paragraph, ...blocks] = text.trimEnd().split(/\n(?:[ \t]*\n)+/);
  const why = (paragraph ?? '').split('\n').join(' ').trim();
  if (why === '' || why.startsWith('kv/')) {
    throw problem(name, 'it must begin with a paragraph that says what is wrong');
  }
  if (blocks.length === 0) throw problem(name, 'nothing is changed: there is no block of lines');
  return { name, why, hunks: blocks.map((block) => parseHunk(name, block)) };
}

/**
 * The files that the bug changes, with their new texts. Later blocks see what earlier ones did.
 * `readFile` is given paths relative to the root of the project.
 */
export function applyMutation(
  mutation: Mutation,
  readFile: (path: string) => string,
): Map<string, string> {
  const mutated = new Map<string, string>();
  for (const hunk of mutation.hunks) {
    const source = mutated.get(hunk.path) ?? readFile(hunk.path);
    mutated.set(hunk.path, replace(mutation.name, hunk, source));
  }
  return mutated;
}

function parseHunk(name: string, block: string): Hunk {
  const [path = '', ...lines] = block.split('\n');
  if (!/^kv\/.+\.ts$/.test(path)) {
    throw problem(name, `a block must begin with the name of a file below kv/, not with "${path}"`);
  }
  const wrong = lines.find((line) => !/^[ +-]/.test(line));
  if (wrong !== undefined) {
    throw problem(name, `a line must begin with "-", "+" or a space: "${wrong}"`);
  }
  const before = lines.filter((line) => !line.startsWith('+')).map((line) => line.slice(1));
  const after = lines.filter((line) => !line.startsWith('-')).map((line) => line.slice(1));
  if (before.length === 0) {
    throw problem(name, `a block for ${path} has only new lines: nothing says where they go`);
  }
  if (before.join('\n') === after.join('\n')) {
    throw problem(name, `a block for ${path} changes nothing`);
  }
  return { path, before, after };
}

function replace(name: string, { path, before, after }: Hunk, source: string): string {
  const lines = source.split('\n');
  const places = lines.flatMap((_, at) =>
    before.every((line, i) => lines[at + i] === line) ? [at] : [],
  );
  const [place] = places;
  if (place === undefined || places.length > 1) {
    const found = place === undefined ? 'are not there' : `are there ${places.length} times`;
    const what = `these lines must be in ${path} once, one after another, and ${found}`;
    throw problem(name, `${what}:\n${before.join('\n')}`);
  }
  lines.splice(place, before.length, ...after);
  return lines.join('\n');
}

const problem = (name: string, what: string): Error => new Error(`planted bug ${name}: ${what}`);
