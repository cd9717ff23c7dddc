/**
 * From the body of a request to the members of one JSON object, and nothing else.
 *
 * Strict on purpose. A member that is misspelt, doubled or not known is refused rather than
 * ignored, because the client meant something by it and a write must not guess what. A value is
 * given as the very bytes that were sent: parsed and written anew it would lose digits of numbers.
 */

import { isUtf8 } from 'node:buffer';
import { quoted, Refusal } from './error_status';
import { type Member, nestsDeeperThan, objectMembers } from './json_extent';

export interface ObjectShape {
  /** The members that are known, in the order in which messages name them. */
  readonly names: readonly string[];
  /** What to send instead, for messages. */
  readonly example: string;
}

export interface JsonObject {
  readonly members: Readonly<Record<string, unknown>>;
  /** The text of a member's value, sharing memory with the body; undefined if it is not there. */
  textOf(name: string): Buffer | undefined;
}

export function parseJsonObject(
  body: Buffer,
  maxNesting: number,
  shape: ObjectShape,
): JsonObject | Refusal {
  const parsed = parseAny(body, maxNesting, shape.example);
  if (parsed instanceof Refusal) return parsed;
  const members = objectMembers(body, shape.names.length + 1);
  const wrong = checkMembers(parsed, members, shape.names);
  if (wrong !== undefined) return wrong;
  const textOf = (name: string): Buffer | undefined => {
    const member = members.find((each) => isNamed(body, each, name));
    return member && body.subarray(member.valueStart, member.valueEnd);
  };
  return { members: parsed, textOf };
}

/** The members of an object of which no value is kept as it was spelt. */
export function parseObject(
  body: Buffer,
  maxNesting: number,
  names: readonly string[],
): Readonly<Record<string, unknown>> | Refusal {
  const example = `an object with ${listed(names)}`;
  const parsed = parseJsonObject(body, maxNesting, { names, example });
  return parsed instanceof Refusal ? parsed : parsed.members;
}

function parseAny(
  body: Buffer,
  maxNesting: number,
  example: string,
): Record<string, unknown> | Refusal {
  if (body.length === 0) return notValid(`The body is empty; send ${example}.`);
  if (!isUtf8(body)) return notValid('The body is not UTF-8.');
  if (body[0] === 0xef) {
    return notValid('The body begins with a byte order mark or another character outside JSON.');
  }
  // The object around the value is one level more.
  if (nestsDeeperThan(body, maxNesting + 1)) {
    return new Refusal('value_not_valid', `The value is nested deeper than ${maxNesting} levels.`, {
      limit: maxNesting,
    });
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString('utf8'));
  } catch {
    return notValid(`The body is not JSON; send ${example}.`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    return notValid(`The body is not a JSON object; send ${example}.`);
  }
  return parsed as Record<string, unknown>;
}

/** `parsed` has each name once, `members` as often as it was sent. */
function checkMembers(
  parsed: Readonly<Record<string, unknown>>,
  members: readonly Member[],
  known: readonly string[],
): Refusal | undefined {
  let names = 0;
  for (const name in parsed) {
    names++;
    if (known.includes(name)) continue;
    return notValid(`The member ${quoted(name)} is not known; only ${listed(known)} are.`);
  }
  return members.length === names ? undefined : notValid('A member is there twice.');
}

/** `"type", "value" and "quorum"` */
function listed(names: readonly string[]): string {
  const all = names.map((name) => `"${name}"`);
  return all.length < 2 ? all.join('') : `${all.slice(0, -1).join(', ')} and ${all.at(-1)}`;
}

function isNamed(body: Buffer, { nameStart, nameEnd }: Member, wanted: string): boolean {
  const name = body.toString('utf8', nameStart, nameEnd);
  // A name may be spelt with escapes, as in "\u0076alue".
  return name === `"${wanted}"` || (name.includes('\\') && JSON.parse(name) === wanted);
}

export function notValid(hint: string): Refusal {
  return new Refusal('request_not_valid', hint);
}
