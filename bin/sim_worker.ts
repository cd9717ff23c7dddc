/**
 * A worker of `npm run sim`: takes chunks of seeds on stdin and answers each with a line on stdout,
 * both JSON. It ends when its stdin does.
 */

import { createInterface } from 'node:readline';
import { type Failure, failureOf, type Settings, tryOut } from './sim_run';
import { addTotals, noTotals, type Totals, totalsOf } from './sim_totals';

export interface Chunk {
  readonly first: number;
  readonly last: number;
  readonly settings: Settings;
  /** Whether to go on with the chunk after a seed of it has failed. */
  readonly keepGoing: boolean;
}

export interface ChunkResult {
  readonly totals: Totals;
  readonly failures: readonly Failure[];
}

export function work({ first, last, settings, keepGoing }: Chunk): ChunkResult {
  const totals = noTotals();
  const failures: Failure[] = [];
  for (let seed = first; seed <= last; seed++) {
    const run = { seed, settings };
    const result = tryOut(run);
    if (!('kind' in result)) addTotals(totals, totalsOf(result));
    const failure = failureOf(run, result);
    if (failure === undefined) continue;
    failures.push(failure);
    if (!keepGoing) break;
  }
  return { totals, failures };
}

function main(): void {
  // Ctrl-C reaches all processes of a terminal; it is for the parent to say when this one ends.
  process.on('SIGINT', () => undefined);
  createInterface({ input: process.stdin }).on('line', (line) => {
    const chunk: Chunk = JSON.parse(line);
    process.stdout.write(`${JSON.stringify(work(chunk))}\n`);
  });
}

if (require.main === module) main();
