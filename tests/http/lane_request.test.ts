/** The parser of the fast lane by itself: what it takes, what it hands over, and where it stops. */

import { type LaneRequest, MAX_HEAD_BYTES, parseRequest } from '../../kv/http/lane_request';
import { LIMITS, MALFORMED } from './malformed_requests';
import { request } from './raw_client';

const SETTINGS = { ...LIMITS, maxTimeoutMs: 300_000 };
const PUT = '{"type":"PUT","value":"v"}';

const parse = (text: string, from = 0) => parseRequest(Buffer.from(text, 'latin1'), from, SETTINGS);

/** The parts of a request that was taken, as a service would see them. */
function taken(text: string): unknown {
  const parsed = parse(text);
  if (parsed.kind === 'read') return ['get', parsed.key, parsed.options];
  if (parsed.kind !== 'write') return parsed.kind;
  const { command, options } = parsed;
  const value = 'value' in command ? [Buffer.from(command.value).toString('latin1')] : [];
  return [command.kind, command.key, ...value, options];
}

const TAKEN: readonly [string, unknown][] = [
  [request('GET', '/keys/a'), ['get', 'a', {}]],
  [request('GET', '/keys/a/b%20c'), ['get', 'a/b c', {}]],
  [request('GET', '/keys/a?'), ['get', 'a', {}]],
  [
    request('GET', '/keys/a?level=stale&min_index=7'),
    ['get', 'a', { level: 'stale', minIndex: 7 }],
  ],
  [request('GET', '/keys/a', undefined, ['Content-Length: 0']), ['get', 'a', {}]],
  [
    request('GET', '/keys/a', undefined, ['connection: Keep-Alive', 'X:', 'Y:\tz ']),
    ['get', 'a', {}],
  ],
  [request('GET', '/keys/a').replace('Host: test', 'hOsT:'), ['get', 'a', {}]],
  [request('GET', '/keys/a').replace('test', '[fe80::1]:8080'), ['get', 'a', {}]],
  [request('POST', '/keys/a', PUT), ['put', 'a', '"v"', {}]],
  [
    request('POST', '/keys/a?timeout_ms=5', PUT, ['IDEMPOTENCY-KEY:k']),
    ['put', 'a', '"v"', { idempotencyKey: 'k', timeoutMs: 5 }],
  ],
  [request('POST', '/keys/a', '{"value":1,"type":"APPEND"}'), ['append', 'a', '1', {}]],
  [
    request('POST', '/keys/a', PUT, ['Content-Type: Application/JSON;charset=utf-8']),
    ['put', 'a', '"v"', {}],
  ],
  [request('POST', '/keys/a', PUT).replace(/Content-Type.*\r\n/, ''), ['put', 'a', '"v"', {}]],
  [request('DELETE', '/keys/a'), ['delete', 'a', {}]],
  [
    request('DELETE', '/keys/a', undefined, ['Idempotency-Key: k']),
    ['delete', 'a', { idempotencyKey: 'k' }],
  ],
];

const post = (header: string): string => request('POST', '/keys/a', PUT, [header]);

const HANDED_OVER: readonly string[] = [
  request('HEAD', '/keys/a'),
  request('OPTIONS', '/keys/a'),
  request('GET', '/health/live'),
  request('GET', 'http://host/keys/a'),
  request('GET', '/keys/a', undefined, ['Connection: close']),
  request('GET', '/keys/a', undefined, ['Connection: keep-alive, Upgrade']),
  request('GET', '/keys/a', undefined, ['Upgrade: x']),
  request('GET', '/keys/a', undefined, ['Host: another']),
  request('GET', '/keys/a').replace('test', 'a b/c@'),
  request('GET', '/keys/a').replace('test', '[::1'),
  request('GET', '/keys/a').replace('test', 'a:b'),
  request('GET', '/keys/a', undefined, ['Proxy-Connection: close']),
  request('GET', '/keys/a', undefined, ['X-A: \xfc']),
  request('GET', '/keys/a', undefined, [' folded']),
  request('GET', '/keys/a', undefined, ['Content-Length: 00']),
  request('GET', '/keys/a', undefined, [`X: ${'x'.repeat(MAX_HEAD_BYTES)}`]),
  request('GET', '/keys/a').replace('HTTP/1.1', 'HTTP/1.0'),
  request('GET', '/keys/a').replace('HTTP/1.1', 'HTTP/1.1 '),
  request('GET', '/keys/a').replace('GET ', 'GET  '),
  request('GET', '/keys/a').replaceAll('\r\n', '\n'),
  `\r\n${request('GET', '/keys/a')}`,
  request('POST', '/keys/a', '', ['Transfer-Encoding: chunked']),
  request('POST', '/keys/a', ''),
  request('POST', '/keys/a'),
  post('Expect: 100-continue'),
  post('Content-Encoding: identity'),
  post('Content-Length: 26\r\nContent-Length: 26'),
  post('Content-Length: 026'),
  post('Content-Length: 26 '),
  post('Content-Length:  26'),
  post('Content-Length: +26'),
  post('Content-Length: 26, 26'),
  post('Content-Type:'),
  post('Content-Type: application/json\r\nContent-Type: application/json'),
  post('Idempotency-Key: a\r\nidempotency-key: a'),
  post('Idempotency-Key:  a'),
];

test.each(TAKEN)('takes %j', (text, what) => {
  expect(taken(text)).toEqual(what);
  expect((parse(text) as LaneRequest).end).toBe(text.length);
});

test.each(HANDED_OVER)('hands over %j', (text) => {
  expect(taken(text)).toBe('hand_over');
});

test.each(MALFORMED)('takes nothing of what is malformed: $name', ({ send }) => {
  // What breaks off is no request yet; the end of the stream decides about it.
  expect(['hand_over', 'incomplete']).toContain(taken(send));
});

test('a request is incomplete up to its last byte, wherever it begins and whatever follows', () => {
  for (const [text, what] of TAKEN) {
    for (let length = 1; length < text.length; length++) {
      const cut = parse(`before${text.slice(0, length)}`, 6);
      const bodyLength = text.length - text.indexOf('\r\n\r\n') - 4;
      const headWhole = length >= text.length - bodyLength;
      expect(cut).toEqual({ kind: 'incomplete', needed: headWhole ? text.length : 0 });
    }
    expect(taken(`${text}${text}`)).toEqual(what);
    expect(parse(`before${text}garbage`, 6)).toMatchObject({ end: text.length + 6 });
  }
});

test('bytes that can become nothing plain are handed over at the first of them', () => {
  for (const text of ['H', 'GET /k/', 'GET /keys/a ', 'PUT']) {
    const parsed = parse(`${text}\x01`);
    expect([text, parsed.kind]).toEqual([text, 'hand_over']);
  }
  expect(parse(`GET /keys/${'k'.repeat(MAX_HEAD_BYTES)}`).kind).toBe('hand_over');
  expect(parse(`GET /keys/${'k'.repeat(MAX_HEAD_BYTES - 10)}`).kind).toBe('incomplete');
});

test('what the head says against a body is said before the body has come', () => {
  const head = (...headers: string[]): string =>
    `${['POST /keys/a HTTP/1.1', 'Host: a', ...headers].join('\r\n')}\r\n\r\n`;
  expect(parse(head('Content-Length: 10000')).kind).toBe('incomplete');
  expect(parse(head('Content-Length: 10001')).kind).toBe('hand_over');
  expect(parse(head('Content-Length: 9', 'Content-Type: text/plain')).kind).toBe('hand_over');
  expect(parse(head('Content-Length: 9', 'Idempotency-Key: a,b')).kind).toBe('hand_over');
});

test('a body may be longer than a head', () => {
  const value = `"${'x'.repeat(MAX_HEAD_BYTES)}"`;
  expect(taken(request('POST', '/keys/a', `{"type":"PUT","value":${value}}`))).toEqual([
    'put',
    'a',
    value,
    {},
  ]);
});
