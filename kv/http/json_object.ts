/**
 * Bodies that are JSON objects with known members. Strict on purpose: a member that is not known
 * is refused, because the client meant something by it.
 */

import { quoted, Refusal } from './error_status';
import { nestsDeeperThan } from './json_extent';

/** `maxNesting` is how deep the members may be nested. */
export function parseObject(
  body: Buffer,
  maxNesting: number,
  names: readonly string[],
): Readonly<Record<string, unknown>> | Refusal {
  // The object around the members is one level more.
  if (nestsDeeperThan(body, maxNesting + 1)) {
    return new Refusal('value_not_valid', `The value is nested deeper than ${maxNesting} levels.`, {
      limit: maxNesting,
    });
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body));
  } catch {
    return notValid('The body is not JSON in UTF-8.');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    return notValid('The body is not a JSON object.');
  }
  const unknown = Object.keys(parsed).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    return notValid(`The member ${quoted(unknown)} is not known; only ${names.join(', ')} are.`);
  }
  return { ...parsed };
}

export const notValid = (hint: string): Refusal => new Refusal('request_not_valid', hint);
