/** Messages in the words of the trace (`../trace.ts`). */

import { textOfName } from './log_name';
import type { LogMessage } from './messages';

/** Numbers of sessions and attempts, short enough to be read. */
const short = (number: number): number => number % 1000;

export function describe(message: LogMessage): string {
  switch (message.kind) {
    case 'hello': {
      const { session, name, first, end } = message;
      return `Hello session=${short(session)} ${textOfName(name) || 'no log'} ${first}..${end}`;
    }
    case 'begin': {
      const { attempt, session, name, first } = message;
      const what = `${textOfName(name)} first=${first}`;
      return `Begin attempt=${short(attempt)} session=${short(session)} ${what}`;
    }
    case 'append': {
      const { name, entries } = message;
      const from = entries[0]?.order ?? 0;
      const ids = entries.length > 4 ? `${entries.length} messages` : entries.map(({ id }) => id);
      return `Append ${textOfName(name)} from=${from} [${ids}]`;
    }
    case 'heartbeat': {
      const { attempt, first, end } = message;
      return `Heartbeat attempt=${short(attempt)} ${first}..${end}`;
    }
    case 'held': {
      const { attempt, end, conflict } = message;
      const not = conflict === undefined ? '' : ` conflict=${conflict}`;
      return `Held attempt=${short(attempt)} end=${end}${not}`;
    }
    case 'failed':
      return `Failed attempt=${short(message.attempt)}`;
  }
}
