/**
 * From the body of a POST to a command: `{"type":"PUT"|"APPEND","value":<JSON>}` and nothing else.
 *
 * Strict on purpose. A member that is misspelt, doubled or not known is refused rather than
 * ignored, because the client meant something by it and a write must not guess what.
 *
 * A command as nearly everybody spells it is read in one pass over its bytes (`usualCommand`); all
 * else, right or wrong, goes the long way through `JSON.parse`, which can tell what is wrong.
 */

import { isUtf8 } from 'node:buffer';
import type { ByteString, Command } from '../core/command';
import { quoted, Refusal } from './error_status';
import { type Member, nestsDeeperThan, objectMembers } from './json_extent';
import { usualCommand } from './usual_command';

export function parseCommand(key: ByteString, body: Buffer, maxNesting: number): Command | Refusal {
  return usualCommand(key, body, maxNesting) ?? parseAnyCommand(key, body, maxNesting);
}

/** The long way, which decides alone about whatever the short one does not know. */
export function parseAnyCommand(
  key: ByteString,
  body: Buffer,
  maxNesting: number,
): Command | Refusal {
  const parsed = parseObject(body, maxNesting);
  if (parsed instanceof Refusal) return parsed;
  const members = objectMembers(body, 3);
  const wrongMembers = checkMembers(parsed, members);
  if (wrongMembers !== undefined) return wrongMembers;

  const { type } = parsed;
  if (type !== 'PUT' && type !== 'APPEND') {
    return new Refusal('type_not_correct', 'The member "type" must be "PUT" or "APPEND".');
  }
  const member = members.find((each) => isNamedValue(body, each));
  if (member === undefined) {
    return new Refusal(
      'value_not_valid',
      'The member "value" is missing; it may be any JSON value.',
    );
  }
  const value = body.subarray(member.valueStart, member.valueEnd);
  return { kind: type === 'PUT' ? 'put' : 'append', key, value };
}

function parseObject(body: Buffer, maxNesting: number): Record<string, unknown> | Refusal {
  if (body.length === 0) return notValid(`The body is empty; send ${EXAMPLE}.`);
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
    return notValid(`The body is not JSON; send ${EXAMPLE}.`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    return notValid(`The body is not a JSON object; send ${EXAMPLE}.`);
  }
  return parsed as Record<string, unknown>;
}

const EXAMPLE = '{"type":"PUT","value":"…"}';

/** `parsed` has each name once, `members` as often as it was sent. */
function checkMembers(
  parsed: Readonly<Record<string, unknown>>,
  members: readonly Member[],
): Refusal | undefined {
  let names = 0;
  for (const name in parsed) {
    names++;
    if (name !== 'type' && name !== 'value') {
      return notValid(`The member ${quoted(name)} is not known; only "type" and "value" are.`);
    }
  }
  return members.length === names ? undefined : notValid('A member is there twice.');
}

function isNamedValue(body: Buffer, { nameStart, nameEnd }: Member): boolean {
  const name = body.toString('utf8', nameStart, nameEnd);
  // A name may be spelt with escapes, as in "\u0076alue".
  return name === '"value"' || (name.includes('\\') && JSON.parse(name) === 'value');
}

function notValid(hint: string): Refusal {
  return new Refusal('request_not_valid', hint);
}
