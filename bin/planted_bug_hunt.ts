/**
 * Runs the simulator over a range of seeds until one fails, and prints one line of JSON:
 * `{"seed":…,"checker":…,"message":…,"simulatedMs":…}`, or `{"clean":<how many>}` if none does.
 *
 *     node dist/bin/planted_bug_hunt.js <first seed> <last seed> model|journal
 *
 * A process of its own for `planted_bugs.ts`, which starts the one in a mutated copy of `dist`.
 */

import { simulate } from '../kv/sim/simulate';
import { journalDisk } from '../kv/sim_disk/journal_disk';

function hunt(first: number, last: number, disk: string): object {
  for (let seed = first; seed <= last; seed++) {
    try {
      const run = simulate({ seed, disk: disk === 'journal' ? journalDisk : undefined });
      const { violation, simulatedMs } = run;
      if (violation === undefined) continue;
      return { seed, checker: violation.checker, message: violation.message, simulatedMs };
    } catch (error) {
      // The core has given the simulator something that it does not understand.
      const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
      return { seed, checker: 'error', message, simulatedMs: 0 };
    }
  }
  return { clean: last - first + 1 };
}

const [first, last, disk = 'model'] = process.argv.slice(2);
console.log(JSON.stringify(hunt(Number(first), Number(last), disk)));
