/** Messages in the words of the trace (`../trace.ts`). */

import { textOfName } from './log_name';
import type { LogMessage } from './messages';

/** Numbers of sessions and attempts, short enough to be read. */
const short = (number: number): number => number % 1000;

export function describe(message: LogMessage): string {
  switch (message.kind) {
    case 'hello': {
      const { session, name, first, end, asked } = message;
      const answer = asked === 0 ? '' : ` answers=${short(asked)}`;
      const what = `${textOfName(name) || 'no log'} ${first}..${end}`;
      return `Hello session=${short(session)} ${what}${answer}`;
    }
    case 'begin': {
      const { attempt, session, name, first, base } = message;
      const continues =
        base === undefined ? '' : ` from ${textOfName(base.name)} below ${base.end}`;
      const what = `${textOfName(name)} first=${first}${continues}`;
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
    case 'ask':
      return `Ask number=${short(message.number)}`;
    case 'fetch':
      return `Fetch number=${short(message.number)} ${textOfName(message.name)} from=${message.from}`;
    case 'fetched': {
      const { number, entries } = message;
      const from = entries[0]?.order ?? 0;
      return `Fetched number=${short(number)} from=${from} [${entries.length} messages]`;
    }
  }
}
