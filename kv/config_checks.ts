/** How settings are checked: every problem is found at once, and each is one sentence. */

import type { NumberSetting } from './config_numbers';

export type Numbers<Table> = { readonly [Name in keyof Table]: number };

export interface ConfigProblem {
  /** The option to change, such as `raft.heartbeatMs`. */
  readonly option: string;
  /** One sentence; option names stand in it in single quotes. */
  readonly message: string;
}

export class Problems {
  readonly found: ConfigProblem[] = [];

  unless(fine: boolean, option: string, message: string): void {
    if (!fine) this.found.push({ option, message: `'${option}' ${message}` });
  }
}

export function numbers<Table extends Readonly<Record<string, NumberSetting>>>(
  table: Table,
  given: Readonly<Record<string, unknown>>,
  prefix: string,
  problems: Problems,
): Numbers<Table> {
  const filled = Object.entries(table).map(([name, { standard, min, max }]) => {
    const value = given[name] ?? standard;
    const fine =
      Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
    const wanted = `must be a whole number from ${min} to ${max}, not ${shown(value)}`;
    problems.unless(fine, prefix + name, wanted);
    return [name, value];
  });
  return Object.fromEntries(filled) as Numbers<Table>;
}

export function choice<T extends string>(
  option: string,
  given: T | undefined,
  allowed: readonly [T, ...T[]],
  problems: Problems,
  standard: T = allowed[0],
): T {
  const value = given ?? standard;
  const wanted = `must be one of ${allowed.join(', ')}, not ${shown(value)}`;
  problems.unless(allowed.includes(value), option, wanted);
  return value;
}

/** A program may give us anything, also what has no text of its own. */
function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return typeof value;
  }
}

/** A value as it may stand in a message: one line, not too long. */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : textOf(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
