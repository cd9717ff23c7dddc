/**
 * `api_description_log.yml` is held to the servers of a master and of a secondary, both ways, as
 * `api_description.test.ts` holds the other one.
 */

import { ERROR_CODES, type ErrorCode, operatingError } from '../../kv/core/errors';
import { REQUEST_ERRORS, type RequestErrorCode } from '../../kv/http/error_status';
import { FakeLogService } from '../support/fake_log_service';
import { ApiDescription, isBroken, METHODS } from './description';
import { EventReader, type LogTestServer, startLogServer } from './log_server_support';
import { ask, request } from './raw_client';

const API = new ApiDescription('api_description_log.yml');
const LIMITS = {
  ...{ maxBodyBytes: 1000, headersTimeoutMs: 200, requestTimeoutMs: 200 },
  streams: { maxStreams: 1 },
};

let master: LogTestServer;
let secondary: LogTestServer;
beforeEach(async () => {
  master = await startLogServer(LIMITS);
  secondary = await startLogServer(LIMITS, new FakeLogService(false));
});
afterEach(async () => {
  await Promise.all([master.stop(), secondary.stop()]);
});

interface Trial {
  readonly path: string;
  readonly send: string;
  readonly prepare?: ((service: FakeLogService) => void) | undefined;
}

const OF_READS: readonly ErrorCode[] = ['below_retention', 'stopping', 'stopped'];
const OF_APPENDS: readonly ErrorCode[] = [
  ...(['write_concern_not_valid', 'message_id_not_valid', 'overloaded', 'too_large'] as const),
  ...(['no_quorum', 'log_full', 'log_conflict', 'log_cleared', 'log_unknown'] as const),
  ...(['timeout', 'stopping', 'stopped'] as const),
];
const OF_REPLICATION: readonly ErrorCode[] = [
  ...(['message_conflict', 'emulated_error', 'overloaded', 'order_not_valid'] as const),
  ...(['message_id_not_valid', 'too_large', 'log_full', 'stopping', 'stopped'] as const),
];
const OF_CLEARS: readonly ErrorCode[] = [
  ...(['clear_not_allowed', 'timeout', 'stopping', 'log_unknown'] as const),
];
/** What the HTTP side itself finds. */
const OF_REQUESTS: readonly RequestErrorCode[] = [
  ...(['request_not_valid', 'parameter_not_valid', 'value_not_valid', 'too_large'] as const),
  ...(['route_not_found', 'method_not_allowed', 'request_timeout', 'too_many_streams'] as const),
  ...(['media_type_not_supported', 'expectation_failed', 'headers_too_large'] as const),
  'internal_error',
];

const fails = (code: ErrorCode) => (service: FakeLogService) => {
  service.error = operatingError(code, 'As told.', { n: 1 });
};
const throws = (service: FakeLogService) => service.throwOnce(new Error('a bug'));
const LONG = [`X-A: ${'x'.repeat(40_000)}`];

function writes(path: string, body: string, codes: readonly ErrorCode[]): Trial[] {
  const one = (text: string | undefined, headers: readonly string[] = []) =>
    request('POST', path, text, headers);
  return [
    { path, send: one(body) },
    { path, send: one('{}') },
    { path, send: one('x'.repeat(1001)) },
    { path, send: one(body, ['Content-Type: text/plain']) },
    { path, send: one(body, ['Expect: wonders']) },
    { path, send: one(body, LONG) },
    { path, send: one(body).slice(0, -1) },
    { path, send: one(body), prepare: throws },
    ...codes.map((code) => ({ path, send: one(body), prepare: fails(code) })),
  ];
}

const clearFails = (code: ErrorCode) => (service: FakeLogService) => {
  service.allowsClear = true;
  fails(code)(service);
};

function clears(path: string): Trial[] {
  const allow = (service: FakeLogService) => {
    service.allowsClear = true;
  };
  return [
    { path, send: request('POST', path), prepare: allow },
    { path, send: request('POST', path) },
    { path, send: request('POST', path, 'x'.repeat(1001)) },
    { path, send: request('POST', path, 'x', ['Content-Type: text/plain']) },
    ...OF_CLEARS.map((code) => ({ path, send: request('POST', path), prepare: clearFails(code) })),
  ];
}

function reads(path: string): Trial[] {
  const isStream = path === '/messages/stream';
  const codes = /messages/.test(path) ? OF_READS : [];
  return ['GET', 'HEAD'].flatMap((method): Trial[] => [
    // A stream has no end that a raw client could wait for.
    ...(isStream && method === 'GET' ? [] : [{ path, send: request(method, path) }]),
    { path, send: request(method, path, undefined, ['Expect: wonders']) },
    { path, send: request(method, path, undefined, LONG) },
    ...(/messages/.test(path) ? [{ path, send: request(method, `${path}?from=x`) }] : []),
    ...codes.map((code) => ({ path, send: request(method, path), prepare: fails(code) })),
  ]);
}

function trials(): Trial[] {
  const readable = API.operations.filter(({ method }) => method === 'get');
  const notReady = (service: FakeLogService) => {
    service.ready = { ready: false, reason: 'no majority' };
  };
  return [
    ...writes('/messages', '{"message":"a","w":1}', OF_APPENDS),
    ...writes('/replicate', '{"id":"a","message":"a","order":0}', OF_REPLICATION),
    ...writes('/echo', '{"message":"a"}', []),
    ...['/clear', '/clean'].flatMap(clears),
    ...readable.flatMap(({ path }) => reads(path)),
    ...Object.keys(API.paths).map((path) => ({ path, send: request('OPTIONS', path) })),
    { path: '/health/ready', send: request('GET', '/health/ready'), prepare: notReady },
  ];
}

test('every answer is described, and every described answer is given', async () => {
  const given = new Set<string>();
  for (const { path, send, prepare } of trials()) {
    const { service, port } = path === '/replicate' ? secondary : master;
    service.error = undefined;
    service.throwOnce(undefined);
    service.allowsClear = false;
    service.ready = { ready: true, reason: 'ready' };
    prepare?.(service);
    const method = send.slice(0, send.indexOf(' ')).toLowerCase();
    const answer = await ask(port, send, isBroken(send) ? 'GET' : method.toUpperCase());
    // What overflows is answered with a body, whatever its method was.
    if (method === 'head' && answer.body !== '') continue;
    given.add(`${method} ${path} ${API.expectDescribed(path, method, answer)}`);
  }
  master.service.error = undefined;
  const stream = await EventReader.open(`http://127.0.0.1:${master.port}/messages/stream`);
  expect(stream.response.headers['content-type']).toContain('text/event-stream');
  given.add(`get /messages/stream ${stream.response.statusCode}`);
  const full = await master.send('GET', '/messages/stream');
  given.add(`get /messages/stream ${API.expectDescribed('/messages/stream', 'get', full)}`);
  stream.close();
  const described = API.operations.flatMap(({ path, method, operation }) =>
    Object.keys(operation.responses).map((status) => `${method} ${path} ${status}`),
  );
  expect([...given].sort()).toEqual(described.sort());
});

test('the routes are those of both indexes, and the methods those of Allow', async () => {
  const served = new Map<string, Set<string>>();
  for (const { port } of [master, secondary]) {
    const { routes } = JSON.parse((await ask(port, request('GET', '/'))).body) as {
      routes: Record<string, string>;
    };
    for (const path of Object.keys(routes)) {
      const { headers } = await ask(port, request('OPTIONS', path));
      const methods = served.get(path) ?? new Set();
      for (const method of headers.allow?.toLowerCase().split(', ') ?? []) methods.add(method);
      served.set(path, methods);
      for (const method of METHODS.filter((one) => !headers.allow?.toLowerCase().includes(one))) {
        const answer = await ask(port, request(method.toUpperCase(), path));
        expect([path, method, answer.status]).toEqual([path, method, 405]);
      }
    }
  }
  const described = Object.entries(API.paths).map(([path, item]) => [
    path,
    METHODS.filter((method) => method in item).sort(),
  ]);
  const both = [...served].map(([path, methods]) => [path, [...methods].sort()]);
  expect(both.sort()).toEqual(described.sort());
});

test('it is served as it is', async () => {
  const answer = await ask(secondary.port, request('GET', '/api_description.yml'));
  expect(Buffer.from(answer.body, 'latin1').toString('utf8')).toBe(API.text);
});

test('its error codes are those that this system knows', () => {
  const codes = new Set([
    ...[...OF_REQUESTS, ...OF_READS, ...OF_APPENDS, ...OF_REPLICATION, ...OF_CLEARS],
  ]);
  for (const code of codes) expect({ ...ERROR_CODES, ...REQUEST_ERRORS }).toHaveProperty(code);
  const schema = API.resolve({
    $ref: '#/components/schemas/Error/properties/error/properties/code',
  });
  expect((schema as { enum?: string[] }).enum).toEqual([...codes].sort());
});

test('every example fits its schema', () => {
  expect(API.expectExamplesFit()).toBeGreaterThan(15);
});

test.each([
  [true, '{"message":"a"}'],
  [true, '{"message":"a","w":3,"id":"x","timeout_ms":300000}'],
  [false, '{}'],
  [false, '{"message":""}'],
  [false, '{"message":1}'],
  [false, '{"message":"a","w":"1"}'],
  [false, '{"message":"a","w":0}'],
  [false, '{"message":"a","id":""}'],
  [false, '{"message":"a","timeout_ms":300001}'],
  [false, '{"message":"a","more":1}'],
  [false, '[]'],
])('the schema of an append and the server agree (%s): %s', async (good, body) => {
  const validate = API.ajv.compile({ $ref: 'api#/components/schemas/NewMessage' });
  expect(validate(JSON.parse(body))).toBe(good);
  expect((await master.send('POST', '/messages', body)).status).toBe(good ? 200 : 400);
});
