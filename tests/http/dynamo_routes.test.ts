/** What the routes of the leaderless system make of requests, good and bad. */

import { type DynamoTestServer, startDynamoServer } from './dynamo_test_server';
import { ask, RawClient, type RawResponse, request } from './raw_client';
import { errorOf } from './test_server';

const LIMITS = {
  ...{ maxKeyBytes: 20, maxBodyBytes: 300, maxNesting: 4 },
  ...{ headersTimeoutMs: 200, requestTimeoutMs: 200 },
};

let http: DynamoTestServer;
beforeEach(async () => {
  http = await startDynamoServer(LIMITS);
});
afterEach(() => http.stop());

const send = (method: string, target: string, body?: string | Buffer, headers: string[] = []) =>
  ask(http.port, request(method, target, body, headers));
const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('latin1');

test('a read: key and quorum go to the service, values come back as they are', async () => {
  const values = ['"b\u00fc"', '12345678901234567890.50', '{"a": [1,2]}'].map((one) =>
    Buffer.from(one),
  );
  http.service.versions = { ok: true, values, metadata: ['x', 'y', 'z'] };
  const answer = await send('GET', '/keys/a%2Fb/c?quorum=3');
  expect(http.service.gets).toEqual([{ key: 'a/b/c', quorum: 3 }]);
  expect(Buffer.from(answer.body, 'latin1').toString('utf8')).toBe(
    '{"values":["bü",12345678901234567890.50,{"a": [1,2]}],"metadata":["x","y","z"]}\n',
  );
  await send('GET', '/keys/a');
  expect(http.service.gets[1]).toEqual({ key: 'a', quorum: undefined });
});

test('an absent key is two empty lists; HEAD has the same headers and no body', async () => {
  const get = await send('GET', '/keys/none');
  expect([get.status, get.body]).toEqual([200, '{"values":[],"metadata":[]}\n']);
  const head = await send('HEAD', '/keys/none');
  expect([head.body, head.headers['content-length']]).toEqual(['', get.headers['content-length']]);
});

test('a write: every member goes to the service, the value byte by byte', async () => {
  const bodies = [
    ['{"type":"PUT","value":"v"}', '"v"', undefined, ''],
    ['{"type":"PUT","value": 1.50 ,"quorum":3}', '1.50', 3, ''],
    ['{"metadata":"AQ,Ag","value":12345678901234567890,"type":"PUT"}', '12345678901234567890'],
    ['{"type":"PUT","value":{"b":1,"a":[ ]},"metadata":null}', '{"b":1,"a":[ ]}', undefined, ''],
    ['{"type":"PUT","\\u0076alue":"\\ud800"}', '"\\ud800"', undefined, ''],
  ] as const;
  for (const [body, value, quorum, metadata = 'AQ,Ag'] of bodies) {
    const answer = await send('POST', '/keys/a', body);
    expect([body, answer.status, answer.body]).toEqual([body, 200, '{"metadata":"AQ"}\n']);
    const { key, put } = http.service.puts.at(-1) ?? {};
    expect([key, text(put?.value), put?.quorum, put?.metadata]).toEqual([
      ...['a', value, quorum, metadata],
    ]);
  }
});

test('a value is a copy of its own, not a window on all that came with it', async () => {
  await send('POST', '/keys/a', '{"type":"PUT","value":"v"}');
  expect(http.service.puts[0]?.put.value.buffer.byteLength).toBe(3);
});

test('a body may come in chunks, and after a 100 was asked for', async () => {
  const put = '{"type":"PUT","value":1}';
  const chunks = `${put.length.toString(16)}\r\n${put}\r\n0\r\n\r\n`;
  const chunked = request('POST', '/keys/a', '', ['Transfer-Encoding: chunked']) + chunks;
  expect((await ask(http.port, chunked)).status).toBe(200);
  const client = await RawClient.open(http.port);
  client.send(request('POST', '/keys/a', put, ['Expect: 100-continue']));
  expect((await client.next()).status).toBe(100);
  expect((await client.next()).status).toBe(200);
  client.close();
});

test('words about membership', async () => {
  expect((await send('POST', '/admin/join', '{"seed":"127.0.0.1:9701"}')).status).toBe(202);
  expect((await send('POST', '/admin/leave')).status).toBe(202);
  expect((await send('POST', '/admin/leave', '{}')).status).toBe(202);
  expect(http.service.words).toEqual(['127.0.0.1:9701', 'leave', 'leave']);
});

test('what operators read', async () => {
  const json = async (target: string): Promise<unknown> =>
    JSON.parse((await send('GET', target)).body);
  expect(await json('/lookup/a%20b')).toEqual([['node01', '127.0.0.1:9701']]);
  expect(await json('/admin/members')).toEqual(['node01']);
  expect(await json('/admin/records')).toBe(3);
  expect(await json('/admin/status')).toMatchObject({ protocol: 'dynamo', hints_waiting: 2 });
  expect((await send('GET', '/metrics')).body).toBe('fake_total 1\n');
});

type Bad = readonly [send: string, status: number, code: string];
const post = (body: string | Buffer, headers: string[] = []): string =>
  request('POST', '/keys/a', body, headers);
const PUT = '{"type":"PUT","value":1}';

const BAD: readonly Bad[] = [
  [post(''), 400, 'request_not_valid'],
  [post('{'), 400, 'request_not_valid'],
  [post('null'), 400, 'request_not_valid'],
  [post('[]'), 400, 'request_not_valid'],
  [post(`\ufeff${PUT}`), 400, 'request_not_valid'],
  [post(Buffer.from('{"type":"PUT","value":"\xff"}', 'latin1')), 400, 'request_not_valid'],
  [post(`${PUT}x`), 400, 'request_not_valid'],
  [post('{"type":"PUT"}'), 400, 'value_not_valid'],
  [post('{"type":"PUT","value":[[[[[1]]]]]}'), 400, 'value_not_valid'],
  [post('{"value":1}'), 400, 'type_not_correct'],
  [post('{"type":"APPEND","value":1}'), 400, 'type_not_correct'],
  [post('{"type":"put","value":1}'), 400, 'type_not_correct'],
  [post('{"type":"PUT","value":1,"value":2}'), 400, 'request_not_valid'],
  [post('{"type":"PUT","value":1,"quorum":1,"quorum":2}'), 400, 'request_not_valid'],
  [post('{"type":"PUT","value":1,"quorun":2}'), 400, 'request_not_valid'],
  [post('{"type":"PUT","value":1,"__proto__":2}'), 400, 'request_not_valid'],
  [post('{"type":"PUT","value":1,"quorum":"2"}'), 400, 'request_not_valid'],
  [post('{"type":"PUT","value":1,"quorum":null}'), 400, 'request_not_valid'],
  [post('{"type":"PUT","value":1,"metadata":7}'), 400, 'request_not_valid'],
  [post('{"type":"PUT","value":1,"metadata":["AQ"]}'), 400, 'request_not_valid'],
  [post('x'.repeat(301)), 413, 'too_large'],
  [post(PUT, ['Content-Type: text/plain']), 415, 'media_type_not_supported'],
  [post(PUT, ['Content-Encoding: gzip']), 415, 'media_type_not_supported'],
  [post(PUT, ['Transfer-Encoding: gzip, chunked']), 400, 'request_not_valid'],
  [post(PUT, ['Expect: wonders']), 417, 'expectation_failed'],
  [request('POST', '/keys/a?quorum=2', PUT), 400, 'parameter_not_valid'],
  [request('POST', '/keys/', PUT), 400, 'key_not_valid'],
  [request('POST', '/keys/%zz', PUT), 400, 'key_not_valid'],
  [request('POST', '/keys/%ff', PUT), 400, 'key_not_valid'],
  [request('POST', `/keys/${'k'.repeat(21)}`, PUT), 400, 'key_too_long'],
  [request('GET', '/keys/'), 400, 'key_not_valid'],
  [request('GET', '/keys/a?quorum='), 400, 'parameter_not_valid'],
  [request('GET', '/keys/a?quorum=x'), 400, 'parameter_not_valid'],
  [request('GET', '/keys/a?quorum=-1'), 400, 'parameter_not_valid'],
  [request('GET', '/keys/a?quorum=1.5'), 400, 'parameter_not_valid'],
  [request('GET', '/keys/a?quorum=1&quorum=2'), 400, 'parameter_not_valid'],
  [request('GET', '/keys/a?quorum=1&level=stale'), 400, 'parameter_not_valid'],
  [request('GET', '/keys/a?level=stale'), 400, 'parameter_not_valid'],
  [request('GET', '/keys/a', 'x'), 400, 'request_not_valid'],
  [request('DELETE', '/keys/a'), 405, 'method_not_allowed'],
  [request('PUT', '/keys/a', PUT), 405, 'method_not_allowed'],
  [request('GET', '/lookup/'), 400, 'key_not_valid'],
  [request('POST', '/lookup/a', PUT), 405, 'method_not_allowed'],
  [request('POST', '/admin/join', ''), 400, 'request_not_valid'],
  [request('POST', '/admin/join', '{"seed":7}'), 400, 'request_not_valid'],
  [request('POST', '/admin/join', `{"seed":"${'h'.repeat(256)}"}`), 400, 'request_not_valid'],
  [request('POST', '/admin/join', '{"seed":"a:1","more":1}'), 400, 'request_not_valid'],
  [request('GET', '/admin/join'), 405, 'method_not_allowed'],
  [request('GET', '/admin/leave'), 405, 'method_not_allowed'],
  [request('POST', '/admin/leave', 'x'.repeat(301)), 413, 'too_large'],
  [request('POST', '/admin/status', PUT), 405, 'method_not_allowed'],
  [request('GET', '/keys'), 404, 'route_not_found'],
  [request('GET', '/nowhere'), 404, 'route_not_found'],
  [request('GET', '/keys/a').replace('Host: test\r\n', ''), 400, 'request_not_valid'],
  [request('GET', '/keys/a').replace('HTTP/1.1', 'HTTP/9.9'), 400, 'request_not_valid'],
  ['nonsense\r\n\r\n', 400, 'request_not_valid'],
  [request('GET', `/keys/${'k'.repeat(20_000)}`), 431, 'headers_too_large'],
  [post(PUT).slice(0, -1), 408, 'request_timeout'],
];

test.each(BAD)('refused without a call of the service: %j', async (bytes, status, code) => {
  const answer: RawResponse = await ask(http.port, bytes, 'GET');
  expect([answer.status, errorOf(answer).code]).toEqual([status, code]);
  expect(errorOf(answer).outcome).toBe('not_applied');
  expect(http.service.calls).toBe(0);
  expect(http.errors).toEqual([]);
});

test('whatever a service throws is answered with 500 and told', async () => {
  for (const bytes of [request('GET', '/keys/a'), post(PUT), request('GET', '/admin/status')]) {
    http.service.throwOnce(new Error('a bug'));
    expect((await ask(http.port, bytes)).status).toBe(500);
  }
  expect(http.errors).toHaveLength(3);
});

test('a server that drains is not ready, and takes no requests on keys', async () => {
  const client = await RawClient.open(http.port);
  client.send(request('GET', '/health/ready'));
  expect((await client.next()).status).toBe(200);
  client.send(request('GET', '/keys/a').slice(0, 10));
  await new Promise((resolve) => setTimeout(resolve, 20));
  const drained = http.drain();
  client.send(request('GET', '/keys/a').slice(10));
  const answer = await client.next();
  expect([answer.status, errorOf(answer).code]).toEqual([503, 'stopping']);
  await drained;
  expect(http.service.calls).toBe(0);
});
