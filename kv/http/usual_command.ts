/**
 * The short way from a body to a command: an object of the two members, spelt without escapes, in
 * either order and with any white space. Whatever else the bytes are, the long way decides.
 */

import { isUtf8 } from 'node:buffer';
import type { ByteString, Command } from '../core/command';
import { type JsonEnd, jsonSpaceEnd, readJsonValue } from './json_value';

/** The command, whose value shares memory with `body`; `undefined` if this is not the usual form. */
export function usualCommand(
  key: ByteString,
  body: Buffer,
  maxNesting: number,
): Command | undefined {
  const limit = body.length;
  let kind: 'put' | 'append' | undefined;
  let valueStart = 0;
  let valueEnd = 0;
  let at = jsonSpaceEnd(body, 0, limit);
  if (at >= limit || body[at] !== OPEN_BRACE) return undefined;
  for (let member = 0; member < 2; member++) {
    at = jsonSpaceEnd(body, at + 1, limit);
    if (kind === undefined && isAt(body, at, limit, TYPE_NAME)) {
      at = afterColon(body, at + TYPE_NAME.length, limit);
      kind = isAt(body, at, limit, PUT) ? 'put' : 'append';
      if (kind === 'append' && !isAt(body, at, limit, APPEND)) return undefined;
      at += kind === 'put' ? PUT.length : APPEND.length;
    } else if (valueEnd === 0 && isAt(body, at, limit, VALUE_NAME)) {
      valueStart = afterColon(body, at + VALUE_NAME.length, limit);
      readJsonValue(body, valueStart, limit, maxNesting, READ);
      valueEnd = READ.end;
      if (valueEnd < 0 || !(READ.ascii || isUtf8(body.subarray(valueStart, valueEnd)))) {
        return undefined;
      }
      at = valueEnd;
    } else return undefined;
    at = jsonSpaceEnd(body, at, limit);
    if (at >= limit || body[at] !== (member === 0 ? COMMA : CLOSE_BRACE)) return undefined;
  }
  if (kind === undefined || jsonSpaceEnd(body, at + 1, limit) !== limit) return undefined;
  return { kind, key, value: body.subarray(valueStart, valueEnd) };
}

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const COMMA = 0x2c;
const COLON = 0x3a;
const TYPE_NAME = Buffer.from('"type"');
const VALUE_NAME = Buffer.from('"value"');
const PUT = Buffer.from('"PUT"');
const APPEND = Buffer.from('"APPEND"');

/** Written by each reading and looked at right after it. */
const READ: JsonEnd = { end: 0, ascii: true };

function isAt(body: Buffer, at: number, limit: number, word: Buffer): boolean {
  if (at + word.length > limit) return false;
  for (let i = 0; i < word.length; i++) if (body[at + i] !== word[i]) return false;
  return true;
}

/** Where the value after a name begins; where there is no colon, a place at which nothing does. */
function afterColon(body: Buffer, nameEnd: number, limit: number): number {
  const colon = jsonSpaceEnd(body, nameEnd, limit);
  return colon < limit && body[colon] === COLON ? jsonSpaceEnd(body, colon + 1, limit) : limit;
}
