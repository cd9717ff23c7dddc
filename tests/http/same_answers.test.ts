/**
 * The fast lane, the hot path and Express cannot be told apart: byte for byte, but for the time of
 * day.
 */

import { ERROR_CODES, type ErrorCode, operatingError } from '../../kv/core/errors';
import { LIMITS, MALFORMED } from './malformed_requests';
import { RawClient, request } from './raw_client';
import { startServer, type TestServer, VARIANTS } from './test_server';

const PUT = '{"type":"PUT","value":"v"}';
const JSON_UTF8 = 'Content-Type: application/json;charset="UTF-8"';

/** Requests that go well, in an order in which each finds the state that it needs. */
const GOOD: readonly string[] = [
  request('GET', '/keys/a'),
  request('DELETE', '/keys/a'),
  request('POST', '/keys/a', PUT),
  request('POST', '/keys/a', PUT, ['Idempotency-Key: abc-1']),
  request('POST', '/keys/a?timeout_ms=100', PUT, [JSON_UTF8]),
  request('POST', '/keys/a', PUT, ['Content-Encoding: identity']),
  request('POST', '/keys/a', PUT, ['Expect: 100-continue']),
  request('POST', '/keys/a', '', ['Transfer-Encoding: chunked']).concat(
    `1a\r\n${PUT}\r\n0\r\n\r\n`,
  ),
  request('POST', '/keys/a', PUT, ['Connection: close']),
  request('GET', '/keys/a'),
  request('HEAD', '/keys/a'),
  request('HEAD', '/keys/none'),
  request('GET', '/keys/a?level=stale&max_staleness_ms=5&min_index=3&timeout_ms=7'),
  request('GET', 'http://elsewhere/keys/a'),
  request('GET', 'http://elsewhere?y=/keys/a'),
  request('GET', '/keys/a').replace('HTTP/1.1', 'HTTP/1.0'),
  request('POST', '/keys/a', '{"type":"APPEND","value":1}'),
  request('POST', '/keys/list/with%20slash', '{"value":{"ü":[1]},"type":"APPEND"}'),
  request('GET', '/keys/list/with%20slash'),
  request('DELETE', '/keys/list/with%20slash'),
  request('OPTIONS', '/keys/a'),
  request('OPTIONS', '*'),
  request('GET', '/'),
  request('HEAD', '/'),
  request('GET', '/admin/status'),
  request('OPTIONS', '/admin/status'),
  request('GET', '/health/live'),
  request('GET', '/health/ready'),
  request('GET', '/metrics'),
  request('GET', '/api_description.yml'),
];

const servers: TestServer[] = [];

beforeEach(async () => {
  for (const variant of VARIANTS) servers.push(await startServer({ ...LIMITS, ...variant }));
});
afterEach(() => Promise.all(servers.splice(0).map((server) => server.stop())));

/** All that a server says to one connection, up to `count` final answers. */
async function said(port: number, send: string, count: number, end = false): Promise<string[]> {
  const client = await RawClient.open(port);
  client.send(send);
  if (end) client.socket.end();
  const answers: string[] = [];
  for (let final = 0; final < count; ) {
    const answer = await client.next(send.slice(0, send.indexOf(' ')));
    answers.push(answer.raw);
    if (answer.status >= 200) final++;
  }
  client.close();
  return answers;
}

/** Sends the same to all; `forget` takes out of the answers what may differ. */
async function expectSame(
  send: string,
  count = 1,
  end = false,
  forget = (answer: string): string => answer,
): Promise<string[]> {
  const all: string[][] = [];
  for (const { port } of servers) all.push((await said(port, send, count, end)).map(forget));
  expectEqual(all);
  return all[0] ?? [];
}

function expectEqual(all: readonly unknown[]): void {
  expect(all).toHaveLength(VARIANTS.length);
  for (const one of all) expect(one).toEqual(all[0]);
}

test('good requests, and what they do to the service', async () => {
  const statuses = new Set<string>();
  for (const send of GOOD) {
    for (const answer of await expectSame(send)) statuses.add(answer.slice(9, 12));
  }
  expect([...statuses].sort()).toEqual(['100', '200', '204', '404', '409']);
  expectEqual(servers.map(({ service }) => service.writes));
  expectEqual(servers.map(({ service }) => service.reads));
  expectEqual(servers.map(({ service }) => [...service.state]));
});

test.each(['', 'a:', '127.0.0.1:8080', '[::1]:80', 'a%20b', "A-z_.~!$&'()*+,;="])(
  'the Host %j',
  async (host) => {
    const send = request('GET', '/keys/a').replace('Host: test', () => `Host: ${host}`);
    expect((await expectSame(send))[0]).toMatch(/^HTTP\/1.1 404 /);
    expectEqual(servers.map(({ service }) => service.reads));
  },
);

test('good requests in one pipeline', async () => {
  const heads = (send: string) => /^(HEAD|OPTIONS)/.test(send) || /close|HTTP\/1\.0/.test(send);
  const pipeline = GOOD.filter((send) => !heads(send));
  // The lane lets one that it does not know wait for those before it, which is seen in the index.
  const forget = (answer: string) => answer.replace(/Index: \d+/, 'Index:');
  await expectSame(pipeline.join(''), pipeline.length, false, forget);
});

test('plain requests in one pipeline are answered as if they came one by one', async () => {
  const pipeline = GOOD.filter((send) => /^(GET|POST|DELETE) \/keys\/\S+ HTTP\/1.1/.test(send));
  const plain = pipeline.filter((send) => !/chunked|Expect|Encoding|close/.test(send));
  expect(plain).toHaveLength(11);
  const oneByOne: string[] = [];
  for (const send of plain) oneByOne.push(...(await said(servers[1]?.port ?? 0, send, 1)));
  expect(await said(servers[0]?.port ?? 0, plain.join(''), plain.length)).toEqual(oneByOne);
});

test('malformed requests', async () => {
  for (const { name, send, answers, halfClose } of MALFORMED) {
    await expectSame(send, answers.length, halfClose, endMatters(name) ? undefined : forgetEnd);
  }
});

/**
 * Whether a connection is kept after this body depends on whether Node has seen its end when it
 * shows its beginning, and that depends on how the bytes came to Node.
 */
const endMatters = (name: string): boolean =>
  name !== 'framing: chunks of one byte too many in all';

const forgetEnd = (answer: string): string =>
  answer.replace(/Connection: (close|keep-alive\r\nKeep-Alive: timeout=60)/, 'Connection:');

test('every operating error, and whatever a service throws', async () => {
  for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
    for (const { service } of servers) {
      service.fail(operatingError(code, 'As the service says.', { limit: 1 }));
    }
    await expectSame(request('GET', '/keys/a'));
    await expectSame(request('POST', '/keys/a', PUT));
    await expectSame(request('DELETE', '/keys/a'));
  }
  for (const send of [GOOD[0], GOOD[1], GOOD[2], request('GET', '/metrics')]) {
    for (const { service } of servers) service.throwOnce(new Error('a bug'));
    const [answer] = await expectSame(send ?? '');
    expect(answer).toContain('internal_error');
  }
  const bugs = Array(4).fill(new Error('a bug'));
  expectEqual([...servers.map(({ errors }) => errors)]);
  expect(servers[0]?.errors).toEqual(bugs);
});

test.each([500, 5_500, 0])('an idle connection is promised %d ms', async (keepAliveTimeoutMs) => {
  const all: string[] = [];
  for (const variant of VARIANTS) {
    const server = await startServer({ ...variant, keepAliveTimeoutMs });
    all.push(...(await said(server.port, request('DELETE', '/keys/a'), 1)));
    await server.stop();
  }
  expectEqual(all);
});

test('a draining server', async () => {
  expectEqual(await Promise.all(servers.map(drainingAnswers)));
});

/** One request is under way and two have begun when the server starts to drain. */
async function drainingAnswers({ port, service, drain }: TestServer): Promise<string[]> {
  service.hold();
  const clients = await Promise.all([1, 2, 3].map(() => RawClient.open(port)));
  const late = [request('POST', '/keys/a', PUT), request('GET', '/health/ready')];
  const sends = [request('GET', '/keys/a'), ...late];
  for (const [i, client] of clients.entries())
    client.send(sends[i]?.slice(0, i === 0 ? 999 : 20) ?? '');
  await service.called(1);
  await said(port, request('GET', '/health/live'), 1);
  const drained = drain();
  for (const [i, client] of clients.entries()) if (i > 0) client.send(sends[i]?.slice(20) ?? '');
  service.release();
  const answers = await Promise.all(clients.map((client) => client.next()));
  await drained;
  return answers.map((answer) => answer.raw);
}
