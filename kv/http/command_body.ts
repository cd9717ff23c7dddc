/**
 * From the body of a POST to a command: `{"type":"PUT"|"APPEND","value":<JSON>}` and nothing else.
 *
 * A command as nearly everybody spells it is read in one pass over its bytes (`usualCommand`); all
 * else, right or wrong, goes the long way through `JSON.parse`, which can tell what is wrong.
 */

import type { ByteString, Command } from '../core/command';
import { Refusal } from './error_status';
import { type ObjectShape, parseJsonObject } from './json_object';
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
  const parsed = parseJsonObject(body, maxNesting, SHAPE);
  if (parsed instanceof Refusal) return parsed;
  const { type } = parsed.members;
  if (type !== 'PUT' && type !== 'APPEND') {
    return new Refusal('type_not_correct', 'The member "type" must be "PUT" or "APPEND".');
  }
  const value = parsed.textOf('value');
  if (value === undefined) return VALUE_MISSING;
  return { kind: type === 'PUT' ? 'put' : 'append', key, value };
}

const SHAPE: ObjectShape = { names: ['type', 'value'], example: '{"type":"PUT","value":"…"}' };

export const VALUE_MISSING = new Refusal(
  'value_not_valid',
  'The member "value" is missing; it may be any JSON value.',
);
