/** Which part of the log a reader asks for: the parameters `from` and `limit`. */

import { quoted, Refusal } from './error_status';

/** What is undefined was not said: then it is everything that there is. */
export interface LogRange {
  readonly from: number | undefined;
  readonly limit: number | undefined;
}

type Name = keyof LogRange;
const LEAST: Readonly<Record<Name, number>> = { from: 0, limit: 1 };

export function parseRange(query: string, known: readonly Name[]): LogRange | Refusal {
  const range: { [One in Name]: number | undefined } = { from: undefined, limit: undefined };
  if (query === '') return range;
  for (const part of query.split('&', known.length + 1)) {
    const equals = part.indexOf('=');
    const given = equals < 0 ? part : part.slice(0, equals);
    const name = known.find((one) => one === given);
    if (name === undefined) {
      const hint = `The parameter ${quoted(given)} is not known; known here: ${known.join(', ')}.`;
      return new Refusal('parameter_not_valid', hint, { parameter: given.slice(0, 64) });
    }
    if (range[name] !== undefined) return notValid(name, 'sent once');
    const digits = part.slice(name.length + 1);
    const value = /^[0-9]{1,15}$/.test(digits) ? Number(digits) : -1;
    if (value < LEAST[name]) return notValid(name, `a whole number, ${LEAST[name]} or more`);
    range[name] = value;
  }
  return range;
}

function notValid(name: string, mustBe: string): Refusal {
  return new Refusal('parameter_not_valid', `The parameter ${name} must be ${mustBe}.`, {
    parameter: name,
  });
}
