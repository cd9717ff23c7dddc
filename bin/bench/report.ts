/** The result as JSON: what was run, on what, and the rows; numbers are rounded to what they are worth. */

import { readFileSync } from 'node:fs';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import type { Row } from './row';

export interface Report {
  /** When the run began, ISO 8601 in UTC. */
  readonly date: string;
  readonly command: string;
  readonly machine: Machine;
  readonly rounds: number;
  readonly secondsPerRound: number;
  readonly warmUpSeconds: number;
  readonly rows: readonly Row[];
}

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
}

export function thisMachine(): Machine {
  const cores = cpus();
  return {
    processor: cores[0]?.model.trim() ?? 'unknown',
    cores: cores.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()} ${arch()}${distribution()}`,
    node: process.version,
  };
}

function distribution(): string {
  try {
    const name = /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
    return name === undefined ? '' : `, ${name}`;
  } catch {
    return '';
  }
}

/** The text of the file, one row in a line, so that a diff of two runs can be read. */
export function reportText(report: Report): string {
  const { rows, ...head } = report;
  const start = JSON.stringify(head, null, 2).slice(0, -2);
  const lines = rows.map((row) => `    ${JSON.stringify(row, rounded)}`);
  return `${start},\n  "rows": [\n${lines.join(',\n')}\n  ]\n}\n`;
}

const DIGITS = 4;

/** Four digits are more than such a measurement has. Whole numbers stay as they are. */
function rounded(_name: string, value: unknown): unknown {
  if (typeof value !== 'number' || Number.isInteger(value)) return value;
  return value >= 10 ** DIGITS ? Math.round(value) : Number(value.toPrecision(DIGITS));
}
