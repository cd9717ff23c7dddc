/**
 * Requests that are wrong, each with the answer it must get. Two suites read this table: one shows
 * that each answer is clear and harms nothing, the other that the hot path and Express agree.
 */

import { request } from './raw_client';

/** What the servers of both suites are set to, so that "too large" stays small. */
export const LIMITS = { maxKeyBytes: 64, maxBodyBytes: 10_000, maxNesting: 16 } as const;

export interface Malformed {
  readonly name: string;
  /** The bytes to send, one character for each. */
  readonly send: string;
  /** The answers that must come, in order. */
  readonly answers: readonly (readonly [status: number, code: string])[];
  /** The client sends the end of its stream after the bytes. */
  readonly halfClose?: boolean;
}

const NOT_VALID = [400, 'request_not_valid'] as const;
const KEY = [400, 'key_not_valid'] as const;
const PARAMETER = [400, 'parameter_not_valid'] as const;
const MEDIA_TYPE = [415, 'media_type_not_supported'] as const;
const TOO_LARGE = [413, 'too_large'] as const;
const PUT = '{"type":"PUT","value":1}';

function one(name: string, send: string, answer: readonly [number, string]): Malformed {
  return { name, send, answers: [answer] };
}

function body(name: string, text: string | Buffer, answer: readonly [number, string]): Malformed {
  return one(`body: ${name}`, request('POST', '/keys/a', text), answer);
}

function header(name: string, line: string, answer: readonly [number, string]): Malformed {
  return one(`header: ${name}`, request('POST', '/keys/a', PUT, [line]), answer);
}

function chunked(chunks: string, ...more: string[]): string {
  return request('POST', '/keys/a', '', ['Transfer-Encoding: chunked', ...more]) + chunks;
}

const BODIES: Malformed[] = [
  body('empty', '', NOT_VALID),
  body('only space', '  \n', NOT_VALID),
  body('not JSON', 'hello', NOT_VALID),
  body('single quotes', "{'type':'PUT','value':1}", NOT_VALID),
  body('truncated', '{"type":"PUT","value":', NOT_VALID),
  body('truncated in a string', '{"type":"PUT","value":"abc', NOT_VALID),
  body('trailing comma', '{"type":"PUT","value":1,}', NOT_VALID),
  body('two texts', `${PUT}${PUT}`, NOT_VALID),
  body('a comment', `/* */${PUT}`, NOT_VALID),
  body('NaN', '{"type":"PUT","value":NaN}', NOT_VALID),
  body('leading zero', '{"type":"PUT","value":01}', NOT_VALID),
  body('a control character in a string', '{"type":"PUT","value":"a\nb"}', NOT_VALID),
  body('an unknown escape', '{"type":"PUT","value":"\\x41"}', NOT_VALID),
  body('a list', '["PUT",1]', NOT_VALID),
  body('a string', '"PUT"', NOT_VALID),
  body('null', 'null', NOT_VALID),
  body('a number', '42', NOT_VALID),
  body('an unknown member', '{"type":"PUT","value":1,"ttl":5}', NOT_VALID),
  body('a member of another case', '{"type":"PUT","value":1,"Value":1}', NOT_VALID),
  body('__proto__', '{"type":"PUT","value":1,"__proto__":{"x":1}}', NOT_VALID),
  body('type twice', '{"type":"PUT","type":"PUT","value":1}', NOT_VALID),
  body('value twice', '{"type":"PUT","value":1,"value":2}', NOT_VALID),
  body('value twice, once in escapes', '{"type":"PUT","\\u0076alue":1,"value":2}', NOT_VALID),
  body('a byte order mark', `\ufeff${PUT}`, NOT_VALID),
  body('UTF-16', Buffer.from(PUT, 'utf16le'), NOT_VALID),
  body('Latin-1', Buffer.from('{"type":"PUT","value":"\xfc"}', 'latin1'), NOT_VALID),
  body('overlong UTF-8', Buffer.from('{"type":"PUT","value":"\xc0\xaf"}', 'latin1'), NOT_VALID),
  body('a surrogate', Buffer.from('{"type":"PUT","value":"\xed\xa0\x80"}', 'latin1'), NOT_VALID),
  body('truncated UTF-8', Buffer.from('{"type":"PUT","value":"\xe2\x82"}', 'latin1'), NOT_VALID),
  body('binary', Buffer.from([0, 1, 2, 255, 254, 0]), NOT_VALID),
  body('zeros', Buffer.alloc(100), NOT_VALID),
  body('no type', '{"value":1}', [400, 'type_not_correct']),
  body('an empty object', '{}', [400, 'type_not_correct']),
  body('an unknown type', '{"type":"DELETE","value":1}', [400, 'type_not_correct']),
  body('a type in lower case', '{"type":"put","value":1}', [400, 'type_not_correct']),
  body('a type that is a list', '{"type":["PUT"],"value":1}', [400, 'type_not_correct']),
  body('a type that is null', '{"type":null,"value":1}', [400, 'type_not_correct']),
  body('no value', '{"type":"PUT"}', [400, 'value_not_valid']),
  body('APPEND without a value', '{"type":"APPEND"}', [400, 'value_not_valid']),
  body('nested too deep', `{"type":"PUT","value":${'['.repeat(17)}${']'.repeat(17)}}`, [
    400,
    'value_not_valid',
  ]),
  body('brackets without end', '['.repeat(9_999), [400, 'value_not_valid']),
  body('objects without end', '{"a":'.repeat(1_999), [400, 'value_not_valid']),
  body('one byte too large', `{"type":"PUT","value":"${'x'.repeat(9_976)}"}`, TOO_LARGE),
  body('much too large', 'x'.repeat(300_000), TOO_LARGE),
];

const KEYS: Malformed[] = [
  one('key: empty', request('GET', '/keys/'), KEY),
  one('key: empty, with a query', request('GET', '/keys/?level=stale'), KEY),
  one('key: a percent sign at the end', request('GET', '/keys/a%'), KEY),
  one('key: half an escape', request('GET', '/keys/a%4'), KEY),
  one('key: an escape cut by the query', request('GET', '/keys/a%4?level=stale'), KEY),
  one('key: an escape that is no hex', request('GET', '/keys/%zz'), KEY),
  one('key: an escape with a sign', request('GET', '/keys/%+1'), KEY),
  one('key: escaped bytes that are not UTF-8', request('GET', '/keys/%ff%fe'), KEY),
  one('key: an overlong escape', request('GET', '/keys/%c0%af'), KEY),
  one('target: a byte beyond ASCII', request('GET', '/keys/\xfc'), NOT_VALID),
  one('key: a fragment', request('GET', '/keys/a#b'), KEY),
  one('key: too long', request('GET', `/keys/${'k'.repeat(65)}`), [400, 'key_too_long']),
  one('key: too long to write', request('POST', `/keys/${'k'.repeat(65)}`, PUT), [
    400,
    'key_too_long',
  ]),
  one('key: too long to delete', request('DELETE', `/keys/${'k'.repeat(65)}`), [
    400,
    'key_too_long',
  ]),
  one('target: too long', request('GET', `/keys/${'k'.repeat(40_000)}`), [
    431,
    'headers_too_large',
  ]),
  one('target: no slash', request('GET', 'keys/a'), NOT_VALID),
  one('target: another path', request('GET', '/key/a'), [404, 'route_not_found']),
  one('target: no key', request('GET', '/keys'), [404, 'route_not_found']),
  one('target: another case', request('GET', '/Keys/a'), [404, 'route_not_found']),
  one('target: two slashes', request('GET', '//keys/a'), [404, 'route_not_found']),
  one('target: a bad escape elsewhere', request('GET', '/%zz'), [404, 'route_not_found']),
  one('target: above the root', request('GET', '/../keys/a'), [404, 'route_not_found']),
  one('target: a slash at the end', request('GET', '/admin/status/'), [404, 'route_not_found']),
];

const PARAMETERS: Malformed[] = [
  one('query: unknown', request('GET', '/keys/a?min_indx=1'), PARAMETER),
  one('query: another case', request('GET', '/keys/a?Level=stale'), PARAMETER),
  one('query: of a read on a write', request('POST', '/keys/a?level=stale', PUT), PARAMETER),
  one('query: of a read on a delete', request('DELETE', '/keys/a?min_index=1'), PARAMETER),
  one('query: twice', request('GET', '/keys/a?level=stale&level=lease'), PARAMETER),
  one('query: unknown level', request('GET', '/keys/a?level=eventual'), PARAMETER),
  one('query: no value', request('GET', '/keys/a?level'), PARAMETER),
  one('query: an empty number', request('GET', '/keys/a?min_index='), PARAMETER),
  one('query: a negative number', request('GET', '/keys/a?min_index=-1'), PARAMETER),
  one('query: a fraction', request('GET', '/keys/a?timeout_ms=1.5'), PARAMETER),
  one('query: an exponent', request('GET', '/keys/a?timeout_ms=1e3'), PARAMETER),
  one('query: a huge number', request('GET', `/keys/a?min_index=${'9'.repeat(400)}`), PARAMETER),
  one('query: no time at all', request('DELETE', '/keys/a?timeout_ms=0'), PARAMETER),
  one('query: too much time', request('GET', '/keys/a?timeout_ms=999999999'), PARAMETER),
  one('query: in escapes', request('GET', '/keys/a?min_index=%31'), PARAMETER),
  one('query: empty part', request('GET', '/keys/a?level=stale&'), PARAMETER),
  one('query: many', request('GET', `/keys/a?${'a&'.repeat(5_000)}`), PARAMETER),
  one('query: staleness of a fresh read', request('GET', '/keys/a?max_staleness_ms=5'), PARAMETER),
];

const IDEMPOTENCY = [400, 'idempotency_key_not_valid'] as const;

const HEADERS: Malformed[] = [
  header('idempotency key: empty', 'Idempotency-Key:', IDEMPOTENCY),
  header('idempotency key: too long', `Idempotency-Key: ${'k'.repeat(256)}`, IDEMPOTENCY),
  header('idempotency key: a space', 'Idempotency-Key: a b', IDEMPOTENCY),
  header('idempotency key: a list', 'Idempotency-Key: a,b', IDEMPOTENCY),
  header('idempotency key: not ASCII', 'Idempotency-Key: \xfc', IDEMPOTENCY),
  header('idempotency key: twice', 'Idempotency-Key: a\r\nIdempotency-Key: a', IDEMPOTENCY),
  one(
    'header: idempotency key of a delete',
    request('DELETE', '/keys/a', undefined, ['Idempotency-Key: ']),
    IDEMPOTENCY,
  ),
  header('a form', 'Content-Type: application/x-www-form-urlencoded', MEDIA_TYPE),
  header('plain text', 'Content-Type: text/plain', MEDIA_TYPE),
  header('nearly JSON', 'Content-Type: application/jsonx', MEDIA_TYPE),
  header('JSON of another charset', 'Content-Type: application/json; charset=latin1', MEDIA_TYPE),
  header('JSON with a parameter', 'Content-Type: application/json; version=1', MEDIA_TYPE),
  header('no type at all', 'Content-Type: ;', MEDIA_TYPE),
  header('gzip', 'Content-Encoding: gzip', MEDIA_TYPE),
  header('an unknown expectation', 'Expect: a-miracle', [417, 'expectation_failed']),
  header('no name', ': nothing', NOT_VALID),
  header('a space before the colon', 'X-A : b', NOT_VALID),
  header('no colon', 'nonsense', NOT_VALID),
  header('a zero byte', 'X-A: \0', NOT_VALID),
  header('too large', `X-A: ${'x'.repeat(40_000)}`, [431, 'headers_too_large']),
  header('too many', 'X-A: b\r\n'.repeat(5_000).trimEnd(), [431, 'headers_too_large']),
  one('header: no Host', 'GET /keys/a HTTP/1.1\r\n\r\n', NOT_VALID),
  // Node forgets headers past a maximum count unless told otherwise, and with them the retry key.
  header(
    'a bad idempotency key after 2,500 others',
    `${'A:\r\n'.repeat(2_500)}Idempotency-Key: ,`,
    [400, 'idempotency_key_not_valid'],
  ),
];

const METHODS: Malformed[] = [
  one('method: PUT', request('PUT', '/keys/a', PUT), [405, 'method_not_allowed']),
  one('method: PATCH', request('PATCH', '/keys/a', PUT), [405, 'method_not_allowed']),
  one('method: TRACE', request('TRACE', '/keys/a'), [405, 'method_not_allowed']),
  one('method: PROPFIND', request('PROPFIND', '/keys/a'), [405, 'method_not_allowed']),
  one('method: CONNECT', request('CONNECT', 'host:80'), [405, 'method_not_allowed']),
  one('method: POST to a status', request('POST', '/admin/status', '{}'), [
    405,
    'method_not_allowed',
  ]),
  one('method: DELETE of health', request('DELETE', '/health/live'), [405, 'method_not_allowed']),
  one('method: unknown', request('GRAB', '/keys/a'), NOT_VALID),
  one('method: lower case', request('get', '/keys/a'), NOT_VALID),
  one('method: GET with a body', request('GET', '/keys/a', PUT), NOT_VALID),
  one('method: DELETE with a body', request('DELETE', '/keys/a', PUT), NOT_VALID),
];

const FRAMING: Malformed[] = [
  one('garbage: text', 'hello there\r\n\r\n', NOT_VALID),
  one('garbage: binary', '\x00\x01\x02\xff\xfe\xfd\r\n\r\n', NOT_VALID),
  one('garbage: TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', NOT_VALID),
  one('garbage: HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', NOT_VALID),
  one('garbage: HTTP/0.9', 'GET /keys/a\r\n\r\n', NOT_VALID),
  one('garbage: HTTP/9.9', 'GET /keys/a HTTP/9.9\r\nHost: a\r\n\r\n', NOT_VALID),
  one(
    'framing: a length that is no number',
    request('POST', '/keys/a', PUT, ['Content-Length: x']),
    NOT_VALID,
  ),
  one(
    'framing: a negative length',
    request('POST', '/keys/a', PUT, ['Content-Length: -1']),
    NOT_VALID,
  ),
  one(
    'framing: a length in hex',
    request('POST', '/keys/a', PUT, ['Content-Length: 0x18']),
    NOT_VALID,
  ),
  one(
    'framing: two lengths',
    request('POST', '/keys/a', PUT, ['Content-Length: 24', 'Content-Length: 25']),
    NOT_VALID,
  ),
  one(
    'framing: an absurd length',
    request('POST', '/keys/a', '', ['Content-Length: 999999999999']),
    TOO_LARGE,
  ),
  one(
    'framing: a length beyond all numbers',
    request('POST', '/keys/a', '', [`Content-Length: ${'9'.repeat(40)}`]),
    NOT_VALID,
  ),
  {
    name: 'framing: a length that is too short',
    send: request('POST', '/keys/a', PUT, ['Content-Length: 20']),
    answers: [NOT_VALID],
  },
  {
    name: 'framing: a body that breaks off',
    send: request('POST', '/keys/a', PUT, ['Content-Length: 100']),
    answers: [NOT_VALID],
    halfClose: true,
  },
  {
    name: 'framing: headers that break off',
    send: 'POST /keys/a HTTP/1.1\r\nHost: a\r\nConte',
    answers: [NOT_VALID],
    halfClose: true,
  },
  {
    name: 'framing: chunks that break off',
    send: chunked('5\r\n{"typ'),
    answers: [NOT_VALID],
    halfClose: true,
  },
  one('framing: a chunk size that is no hex', chunked('xyz\r\n{}\r\n0\r\n\r\n'), NOT_VALID),
  one('framing: a chunk that is longer than it says', chunked('1\r\n{}\r\n0\r\n\r\n'), NOT_VALID),
  one(
    'framing: chunks that are too large in all',
    chunked(`1770\r\n${'x'.repeat(6000)}\r\n`.repeat(3)),
    TOO_LARGE,
  ),
  one('framing: one huge chunk announced', chunked(`fffffff\r\n${'x'.repeat(20_000)}`), TOO_LARGE),
  one(
    'framing: an unknown transfer coding',
    chunked('0\r\n\r\n').replace(': chunked', ': gzip, chunked'),
    NOT_VALID,
  ),
  one(
    'smuggling: length and chunks',
    chunked(`0\r\n\r\n${request('DELETE', '/keys/kept')}`, 'Content-Length: 4'),
    NOT_VALID,
  ),
  one(
    'smuggling: chunks and length',
    `POST /keys/a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX`,
    NOT_VALID,
  ),
  one(
    'smuggling: chunked is not the last coding',
    chunked('0\r\n\r\n').replace(': chunked', ': chunked, identity'),
    NOT_VALID,
  ),
  one('smuggling: chunked twice', chunked('0\r\n\r\n', 'Transfer-Encoding: chunked'), NOT_VALID),
  one(
    'smuggling: a folded header',
    header('', 'X-A: b\r\n\tTransfer-Encoding: chunked', NOT_VALID).send.replace('\tT', '\x0bT'),
    NOT_VALID,
  ),
  one(
    'smuggling: a bare carriage return',
    header('', 'X-A: b\rTransfer-Encoding: chunked', NOT_VALID).send,
    NOT_VALID,
  ),
];

export const MALFORMED: readonly Malformed[] = [
  ...BODIES,
  ...KEYS,
  ...PARAMETERS,
  ...HEADERS,
  ...METHODS,
  ...FRAMING,
];
