/**
 * Golden scripts: commands, a line `---`, and the trace that they gave when a person looked at it
 * and vouched for it. A run must give the same trace, letter for letter.
 *
 *     # What to look at.
 *     cluster 3
 *     elect n1
 *     ---
 *     > cluster 3
 *     > elect n1
 *     n1@0 election timeout → ask for pre-votes
 *     …
 *
 * The output of each command stands under its echo. `quietly` before a command hides its output:
 * for what leads up to the point of a script.
 */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Runs one command and returns its output, one line each. Throws if the command is wrong. */
export type RunCommand = (command: string) => readonly string[];

export interface Script {
  /** The lines before the `---`: comments, commands and blank lines. */
  readonly commands: readonly string[];
  /** The recorded output; undefined where nothing has been recorded yet. */
  readonly recorded: string | undefined;
}

/** Every script below a folder, by its path within it, in order. */
export function findScripts(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map((each) => join(each.parentPath, each.name).slice(folder.length + 1))
    .sort();
}

export function readScript(path: string): Script {
  const lines = readFileSync(path, 'utf8').replace(/\n$/, '').split('\n');
  const end = lines.indexOf('---');
  if (end === -1) return { commands: lines, recorded: undefined };
  return { commands: lines.slice(0, end), recorded: lines.slice(end + 1).join('\n') };
}

export function writeScript(path: string, script: Script): void {
  writeFileSync(path, `${[...script.commands, '---', script.recorded ?? ''].join('\n')}\n`);
}

/** The comment at the head of a script: what to look at. */
export const headOf = (script: Script): string =>
  script.commands
    .slice(
      0,
      script.commands.findIndex((line) => !line.startsWith('#')),
    )
    .join('\n');

/** Runs all commands of a script; a wrong one is reported with its line number. */
export function runScript(script: Script, run: RunCommand): string {
  const groups: string[] = [];
  script.commands.forEach((line, i) => {
    const command = line.replace(/\s+#.*$/, '').trim();
    if (command === '' || command.startsWith('#')) return;
    const quiet = /^quietly\s+/.exec(command)?.[0] ?? '';
    try {
      const output = run(command.slice(quiet.length));
      groups.push([`> ${command}`, ...(quiet === '' ? output : [])].join('\n'));
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error);
      const before = groups.slice(-3).join('\n');
      throw new Error(`line ${i + 1}: ${command}: ${what}\nbefore it:\n${before}`, {
        cause: error,
      });
    }
  });
  return joinGroups(groups);
}

/** A blank line sets a group with output apart; commands without output stand together. */
function joinGroups(groups: readonly string[]): string {
  let text = '';
  groups.forEach((group, i) => {
    const apart = i > 0 && (group.includes('\n') || groups[i - 1]?.includes('\n'));
    text += `${i === 0 ? '' : apart ? '\n\n' : '\n'}${group}`;
  });
  return text;
}
