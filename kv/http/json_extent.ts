/**
 * Where things are in the bytes of a JSON text.
 *
 * A value is stored and sent out as the bytes that came in, so it must be cut out of the body of
 * the request rather than parsed and written anew (which would also lose digits of long numbers).
 * `JSON.parse` says whether the text is valid; these scanners only find extents in it.
 */

/** A member of an object: its name with the quotes, and its value; ends are exclusive. */
export interface Member {
  readonly nameStart: number;
  readonly nameEnd: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

/**
 * Whether lists and objects are nested deeper than `limit`. Takes any bytes at all and does not
 * recurse, so it can guard the parser. Up to the first error in the text it sees what a parser
 * sees; a parser gets no further.
 */
export function nestsDeeperThan(text: Uint8Array, limit: number): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const byte = text[at] as number;
    if (byte === QUOTE) at = stringEnd(text, at) - 1;
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (++depth > limit) return true;
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth--;
  }
  return false;
}

/** The first `most` members of `json`, which must be the valid text of one object. */
export function objectMembers(json: Uint8Array, most: number): Member[] {
  const members: Member[] = [];
  let at = spaceEnd(json, spaceEnd(json, 0) + 1);
  while (json[at] === QUOTE && members.length < most) {
    const nameStart = at;
    const nameEnd = stringEnd(json, nameStart);
    const valueStart = spaceEnd(json, spaceEnd(json, nameEnd) + 1);
    const valueEnd = jsonValueEnd(json, valueStart);
    members.push({ nameStart, nameEnd, valueStart, valueEnd });
    at = spaceEnd(json, spaceEnd(json, valueEnd) + 1);
  }
  return members;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const SPACE = 0x20;

/** The end of the value that starts at `start`. */
function jsonValueEnd(json: Uint8Array, start: number): number {
  const first = json[start] as number;
  if (first === QUOTE) return stringEnd(json, start);
  if (first === OPEN_BRACE || first === OPEN_BRACKET) return nestEnd(json, start);
  let at = start;
  while (at < json.length && !endsScalar(json[at] as number)) at++;
  return at;
}

/** The end of the list or object that opens at `start`: where as many have closed as opened. */
function nestEnd(json: Uint8Array, start: number): number {
  let depth = 0;
  for (let at = start; at < json.length; at++) {
    const byte = json[at] as number;
    if (byte === QUOTE) at = stringEnd(json, at) - 1;
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++;
    else if ((byte === CLOSE_BRACE || byte === CLOSE_BRACKET) && --depth === 0) return at + 1;
  }
  return json.length;
}

/** The end of the string whose opening quote is at `start`; the end of the text if it has none. */
function stringEnd(text: Uint8Array, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const byte = text[at] as number;
    if (byte === QUOTE) return at + 1;
    if (byte === BACKSLASH) at++;
  }
  return text.length;
}

/** In valid JSON only white space is at or below the space. */
function spaceEnd(json: Uint8Array, start: number): number {
  let at = start;
  while (at < json.length && (json[at] as number) <= SPACE) at++;
  return at;
}

function endsScalar(byte: number): boolean {
  return byte <= SPACE || byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET;
}
