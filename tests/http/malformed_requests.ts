/**
 * Requests that are wrong, each with the answer it must get. Two suites read this table: one shows
 * that each answer is clear and harms nothing, the other that the hot path and Express agree.
 */

import { type Malformed, NOT_VALID, one, PUT } from './malformed';
import { MALFORMED_BODIES } from './malformed_bodies';
import { MALFORMED_FRAMING } from './malformed_framing';
import { request } from './raw_client';

/** What the servers of both suites are set to, so that "too large" stays small. */
export const LIMITS = { maxKeyBytes: 64, maxBodyBytes: 10_000, maxNesting: 16 } as const;

const KEY = [400, 'key_not_valid'] as const;
const PARAMETER = [400, 'parameter_not_valid'] as const;
const MEDIA_TYPE = [415, 'media_type_not_supported'] as const;

function header(name: string, line: string, answer: readonly [number, string]): Malformed {
  return one(`header: ${name}`, request('POST', '/keys/a', PUT, [line]), answer);
}

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
  one('target: another case elsewhere', request('GET', '/Health/Live'), [404, 'route_not_found']),
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
  header(
    'JSON of two charsets',
    'Content-Type: application/json; charset=utf-8; charset=latin1',
    MEDIA_TYPE,
  ),
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
  header('two Hosts', 'Host: elsewhere', NOT_VALID),
  header('the same Host twice', 'host: test', NOT_VALID),
  ...['a b', 'a/c', 'u@a', '[::1', '[]', ':x', 'a:1:2', 'a%4', 'a%zz', '"a"', '\xfc'].map((host) =>
    one(
      `header: the Host ${host}`,
      request('GET', '/keys/a').replace('Host: test', `Host: ${host}`),
      NOT_VALID,
    ),
  ),
  one(
    'header: an invalid Host in HTTP/1.0',
    'GET /keys/a HTTP/1.0\r\nHost: a b/c@\r\n\r\n',
    NOT_VALID,
  ),
  one(
    'header: an invalid Host elsewhere',
    'GET /health/live HTTP/1.1\r\nHost: a b/c@\r\n\r\n',
    NOT_VALID,
  ),
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

export const MALFORMED: readonly Malformed[] = [
  ...MALFORMED_BODIES,
  ...KEYS,
  ...PARAMETERS,
  ...HEADERS,
  ...METHODS,
  ...MALFORMED_FRAMING,
];
