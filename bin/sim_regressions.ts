/**
 * The file of runs that once failed: a line for each, with the flags that repeat it and, after `#`,
 * what it taught. What such a run found must never come back.
 */

import { Refusal, readFlags } from './sim_flags';
import type { Run } from './sim_run';

/** The runs of a file's text. Throws a {@link Refusal} that names the line which makes no sense. */
export function readRegressions(text: string, file: string): Run[] {
  return text.split('\n').flatMap((line, i) => {
    const flags = line.replace(/#.*/, '').trim();
    if (flags === '') return [];
    const place = `${file}, line ${i + 1}`;
    try {
      const command = readFlags(flags.split(/\s+/));
      if (command.kind === 'one') return [command.run];
    } catch (error) {
      if (error instanceof Refusal) throw new Refusal(`${place}: ${error.message}`, error.code);
      throw error;
    }
    throw new Refusal(`${place}: a run needs --seed`, 2);
  });
}
