/**
 * The headers of a request in the fast lane.
 *
 * Each line must be a name of token characters, a colon, and a value of visible ASCII, spaces and
 * tabs, ended by CR LF: what is folded, padded or ended otherwise is `STRANGE`. Of the headers that
 * decide how long a request is, who else reads it, or what is done with it, only the plain forms
 * are taken, and each once; whatever `node:http` ignores is ignored here too.
 */

/** Right so far, but the bytes end. */
export const NOT_WHOLE = -1;
/** Something that only `node:http` may judge. */
export const STRANGE = -2;

/** What the fast lane reads from the headers. */
export interface Head {
  host: boolean;
  /** The Content-Length; -1 if there is none. */
  length: number;
  contentType: string | undefined;
  idempotencyKey: string | undefined;
}

/** The end of `word` at `at`, {@link NOT_WHOLE} if the bytes end within it, or {@link STRANGE}. */
export function wordEnd(bytes: Buffer, at: number, limit: number, word: Buffer): number {
  const end = at + word.length;
  const most = Math.min(end, limit);
  for (let i = at, j = 0; i < most; i++, j++) if (bytes[i] !== word[j]) return STRANGE;
  return end <= limit ? end : NOT_WHOLE;
}

/** Reads the lines from `start` on into `head`; the end of the empty line, or one of the two above. */
export function readHeaders(bytes: Buffer, start: number, limit: number, head: Head): number {
  let at = start;
  for (;;) {
    const nameStart = at;
    while (at < limit && IS_TOKEN[bytes[at] as number] === 1) at++;
    const nameEnd = at;
    if (at >= limit) return NOT_WHOLE;
    if (nameEnd === nameStart) {
      // Only the empty line that ends the headers begins with no name.
      const end = wordEnd(bytes, at, limit, LINE_END);
      return end >= 0 && !head.host ? STRANGE : end;
    }
    if (bytes[at] !== COLON) return STRANGE;
    at++;
    if (at < limit && bytes[at] === SPACE) at++;
    const valueStart = at;
    while (at < limit && IS_VALUE[bytes[at] as number] === 1) at++;
    const valueEnd = at;
    at = wordEnd(bytes, valueEnd, limit, LINE_END);
    if (at < 0) return at;

    const meaning = MEANINGS[nameEnd - nameStart];
    if (meaning === undefined) continue;
    for (const { name, take } of meaning) {
      if (!isName(bytes, nameStart, name)) continue;
      if (!take(bytes, valueStart, valueEnd, head)) return STRANGE;
    }
  }
}

const COLON = 0x3a;
const SPACE = 0x20;
const TAB = 0x09;
const LINE_END = Buffer.from('\r\n');

/** RFC 9110 §5.6.2. */
const IS_TOKEN = Uint8Array.from({ length: 256 }, (_, byte) =>
  /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(byte)) ? 1 : 0,
);

const IS_VALUE = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte === TAB || (byte >= SPACE && byte < 0x7f) ? 1 : 0,
);

/** Whether the fast lane takes this value of a header; what it says is kept in `head`. */
type Take = (bytes: Buffer, start: number, end: number, head: Head) => boolean;

interface Meaning {
  /** In lower case. */
  readonly name: Buffer;
  readonly take: Take;
}

/**
 * The headers that mean something, by the length of their names; all others may be ignored.
 * `Proxy-Connection` is one that the parser of Node obeys.
 */
const MEANINGS = byLength({
  host: takeHost,
  connection: takeKeepAlive,
  'content-length': takeLength,
  'content-type': takeType,
  'idempotency-key': takeIdempotencyKey,
  expect: takeNone,
  upgrade: takeNone,
  'content-encoding': takeNone,
  'transfer-encoding': takeNone,
  'proxy-connection': takeNone,
});

function byLength(takes: Readonly<Record<string, Take>>): (Meaning[] | undefined)[] {
  const table: (Meaning[] | undefined)[] = [];
  for (const [name, take] of Object.entries(takes)) {
    for (let length = table.length; length <= name.length; length++) table.push(undefined);
    const meanings = table[name.length] ?? [];
    table[name.length] = meanings;
    meanings.push({ name: Buffer.from(name), take });
  }
  return table;
}

/** Compares without case. The bytes are token characters, of which setting a bit makes no other. */
function isName(bytes: Buffer, start: number, name: Buffer): boolean {
  for (let i = 0; i < name.length; i++) {
    if (((bytes[start + i] as number) | LOWER) !== name[i]) return false;
  }
  return true;
}

const LOWER = 0x20;

function takeNone(): boolean {
  return false;
}

/** Once, and a host without escapes: what is wrong with another one is for `host.ts` to say. */
function takeHost(bytes: Buffer, start: number, end: number, head: Head): boolean {
  if (head.host) return false;
  head.host = true;
  let at = start;
  if (bytes[start] === BRACKET) {
    at++;
    while (at < end && (IS_HOST[bytes[at] as number] === 1 || bytes[at] === COLON)) at++;
    if (at === start + 1 || bytes[at] !== CLOSING_BRACKET) return false;
    at++;
  } else while (at < end && IS_HOST[bytes[at] as number] === 1) at++;
  if (at < end && bytes[at] === COLON) at++;
  else return at === end;
  while (at < end && isDigit(bytes[at] as number)) at++;
  return at === end;
}

const BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;

/** What stands for itself in the name of a host (RFC 3986 §3.2.2). */
const IS_HOST = Uint8Array.from({ length: 256 }, (_, byte) =>
  /[\w\-.~!$&'()*+,;=]/.test(String.fromCharCode(byte)) ? 1 : 0,
);

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;

function takeKeepAlive(bytes: Buffer, start: number, end: number): boolean {
  return bytes.toString('latin1', start, end).toLowerCase() === 'keep-alive';
}

/** Digits without a leading zero, so few of them that the number is exact. */
function takeLength(bytes: Buffer, start: number, end: number, head: Head): boolean {
  if (head.length >= 0 || end === start || end - start > 15) return false;
  let length = 0;
  for (let at = start; at < end; at++) {
    const digit = (bytes[at] as number) - 0x30;
    if (digit < 0 || digit > 9) return false;
    length = 10 * length + digit;
  }
  if (bytes[start] === 0x30 && end - start > 1) return false;
  head.length = length;
  return true;
}

function takeType(bytes: Buffer, start: number, end: number, head: Head): boolean {
  if (head.contentType !== undefined || isPadded(bytes, start, end)) return false;
  head.contentType = isJson(bytes, start, end) ? JSON_TYPE : bytes.toString('latin1', start, end);
  return true;
}

const JSON_TYPE = 'application/json';
const JSON_BYTES = Buffer.from(JSON_TYPE);

function isJson(bytes: Buffer, start: number, end: number): boolean {
  return end - start === JSON_BYTES.length && wordEnd(bytes, start, end, JSON_BYTES) === end;
}

function takeIdempotencyKey(bytes: Buffer, start: number, end: number, head: Head): boolean {
  if (head.idempotencyKey !== undefined || isPadded(bytes, start, end)) return false;
  head.idempotencyKey = bytes.toString('latin1', start, end);
  return true;
}

/** Space around a value is no part of it; who sends more than the usual one is left to Node. */
function isPadded(bytes: Buffer, start: number, end: number): boolean {
  const isSpace = (byte: number | undefined): boolean => byte === SPACE || byte === TAB;
  return end > start && (isSpace(bytes[start]) || isSpace(bytes[end - 1]));
}
