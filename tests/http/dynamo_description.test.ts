/**
 * `api_description_dynamo.yml` is held to the server of the leaderless system, both ways, as
 * `api_description.test.ts` holds the other one.
 */

import { ERROR_CODES, type ErrorCode, operatingError } from '../../kv/core/errors';
import { REQUEST_ERRORS, type RequestErrorCode } from '../../kv/http/error_status';
import { ApiDescription, expectRoutesDescribed, isBroken } from './description';
import { type DynamoTestServer, startDynamoServer } from './dynamo_test_server';
import { ask, request } from './raw_client';

const API = new ApiDescription('api_description_dynamo.yml');
const PUT = '{"type":"PUT","value":1}';
const LIMITS = { maxBodyBytes: 1000, headersTimeoutMs: 200, requestTimeoutMs: 200 };

let http: DynamoTestServer;
beforeEach(async () => {
  http = await startDynamoServer(LIMITS);
});
afterEach(() => http.stop());

/** How to bring about each answer; a request may be preceded by telling the service what to do. */
interface Trial {
  readonly path: string;
  readonly send: string;
  readonly prepare?: (() => void) | undefined;
}

/** What a read, a write and a word about membership may be answered with by the core. */
const OF_READS: readonly ErrorCode[] = [
  ...(['quorum_not_valid', 'overloaded', 'read_quorum_not_met'] as const),
  ...(['not_a_member', 'stopping', 'stopped'] as const),
];
const OF_WRITES: readonly ErrorCode[] = [
  ...(['quorum_not_valid', 'overloaded', 'write_quorum_not_met'] as const),
  ...(['not_a_member', 'stopping', 'stopped', 'metadata_not_valid'] as const),
  ...(['value_not_mergeable', 'too_many_siblings', 'timeout_not_applied'] as const),
];
const OF_MEMBERSHIP: readonly ErrorCode[] = ['membership_not_possible', 'stopping'];
/** What the HTTP side itself finds. */
const OF_REQUESTS: readonly RequestErrorCode[] = [
  ...(['request_not_valid', 'key_not_valid', 'key_too_long', 'parameter_not_valid'] as const),
  ...(['type_not_correct', 'value_not_valid', 'route_not_found', 'method_not_allowed'] as const),
  ...(['request_timeout', 'too_large', 'media_type_not_supported'] as const),
  ...(['expectation_failed', 'headers_too_large', 'internal_error'] as const),
];

const one = (method: string, target: string, body?: string, headers: string[] = []): string =>
  request(method, target, body, headers);
const fails = (code: ErrorCode) => () =>
  http.service.fail(operatingError(code, 'As told.', { n: 1 }));
const throws = () => http.service.throwOnce(new Error('a bug'));

function trialsOfKeys(): Trial[] {
  const path = '/keys/{key}';
  const reads = ['GET', 'HEAD'].flatMap((method): Trial[] => [
    { path, send: one(method, '/keys/a') },
    { path, send: one(method, '/keys/a?quorum=3') },
    { path, send: one(method, '/keys/%') },
    { path, send: one(method, '/keys/a', undefined, ['Expect: wonders']) },
    { path, send: one(method, '/keys/a', undefined, [`X-A: ${'x'.repeat(40_000)}`]) },
    { path, send: one(method, '/keys/a').slice(0, -2) },
    { path, send: one(method, '/keys/a'), prepare: throws },
    ...OF_READS.map((code) => ({ path, send: one(method, '/keys/a'), prepare: fails(code) })),
  ]);
  return [
    ...reads,
    { path, send: one('POST', '/keys/a', PUT) },
    { path, send: one('POST', '/keys/a', '{}') },
    { path, send: one('POST', '/keys/a', 'x'.repeat(1001)) },
    { path, send: one('POST', '/keys/a', PUT, ['Content-Type: text/plain']) },
    { path, send: one('POST', '/keys/a', PUT, ['Expect: wonders']) },
    { path, send: one('POST', '/keys/a', PUT, [`X-A: ${'x'.repeat(40_000)}`]) },
    { path, send: one('POST', '/keys/a', PUT).slice(0, -1) },
    { path, send: one('POST', '/keys/a', PUT), prepare: throws },
    ...OF_WRITES.map((code) => ({
      path,
      send: one('POST', '/keys/a', PUT),
      prepare: fails(code),
    })),
    { path, send: one('OPTIONS', '/keys/a') },
  ];
}

function trialsOfMembership(): Trial[] {
  const join = '/admin/join';
  const leave = '/admin/leave';
  const seed = '{"seed":"127.0.0.1:9701"}';
  const bothFail = OF_MEMBERSHIP.flatMap((code): Trial[] => [
    { path: join, send: one('POST', join, seed), prepare: fails(code) },
    { path: leave, send: one('POST', leave), prepare: fails(code) },
  ]);
  return [
    ...bothFail,
    { path: join, send: one('POST', join, seed) },
    { path: join, send: one('POST', join, '{"seed":7}') },
    { path: join, send: one('POST', join, seed), prepare: throws },
    { path: leave, send: one('POST', leave) },
    { path: leave, send: one('POST', leave), prepare: throws },
    { path: leave, send: one('POST', leave, undefined, ['Transfer-Encoding: gzip']) },
    ...[join, leave].map((path) => ({ path, send: one('OPTIONS', path) })),
  ];
}

function trials(): Trial[] {
  const others = Object.keys(API.paths).filter(
    (path) => !/^\/(keys\/|admin\/(join|leave))/.test(path),
  );
  const read = others.flatMap((path): Trial[] => {
    const target = path.replace('{key}', 'a%20b');
    return [
      ...['GET', 'HEAD', 'OPTIONS'].map((method) => ({ path, send: one(method, target) })),
      { path, send: one('GET', target, undefined, [`X-A: ${'x'.repeat(40_000)}`]) },
      { path, send: one('HEAD', target, undefined, ['Expect: wonders']) },
    ];
  });
  const notReady = () => {
    http.service.ready = { ready: false, reason: 'the node is in no group (left)' };
  };
  return [
    ...trialsOfKeys(),
    ...trialsOfMembership(),
    ...read,
    { path: '/lookup/{key}', send: one('GET', '/lookup/%') },
    { path: '/metrics', send: one('GET', '/metrics'), prepare: throws },
    ...['GET', 'HEAD'].map((method) => ({
      path: '/health/ready',
      send: one(method, '/health/ready'),
      prepare: notReady,
    })),
  ];
}

test('every answer is described, and every described answer is given', async () => {
  const given = new Set<string>();
  for (const { path, send, prepare } of trials()) {
    http.service.fail(undefined);
    http.service.ready = { ready: true, reason: 'ready' };
    prepare?.();
    const method = send.slice(0, send.indexOf(' ')).toLowerCase();
    const answer = await ask(http.port, send, isBroken(send) ? 'GET' : method.toUpperCase());
    given.add(`${method} ${path} ${API.expectDescribed(path, method, answer)}`);
  }
  const described = API.operations.flatMap(({ path, method, operation }) =>
    Object.keys(operation.responses).map((status) => `${method} ${path} ${status}`),
  );
  expect([...given].sort()).toEqual(described.sort());
});

test('the routes are those of the index, and the methods those of Allow', () =>
  expectRoutesDescribed(API, http.port));

test('it is served as it is', async () => {
  const answer = await ask(http.port, request('GET', '/api_description.yml'));
  expect(Buffer.from(answer.body, 'latin1').toString('utf8')).toBe(API.text);
});

test('its error codes are those that this system knows', () => {
  const codes = new Set([...OF_REQUESTS, ...OF_READS, ...OF_WRITES, ...OF_MEMBERSHIP, 'key_empty']);
  for (const code of codes) expect({ ...ERROR_CODES, ...REQUEST_ERRORS }).toHaveProperty(code);
  const schema = API.resolve({
    $ref: '#/components/schemas/Error/properties/error/properties/code',
  });
  expect((schema as { enum?: string[] }).enum).toEqual([...codes].sort());
});

test('every example fits its schema', () => {
  expect(API.expectExamplesFit()).toBeGreaterThan(10);
});

test.each([
  [true, '{"type":"PUT","value":null}'],
  [true, '{"type":"PUT","value":{"type":1},"quorum":1,"metadata":"AQ,Ag"}'],
  [true, '{"type":"PUT","value":1,"metadata":null}'],
  [true, '{"metadata":"","value":1,"type":"PUT"}'],
  [false, '{"type":"PUT"}'],
  [false, '{"value":1}'],
  [false, '{"type":"APPEND","value":1}'],
  [false, '{"type":"PUT","value":1,"more":1}'],
  [false, '{"type":"PUT","value":1,"metadata":7}'],
  [false, '{"type":"PUT","value":1,"quorum":"2"}'],
  [false, '{"type":"PUT","value":1,"quorum":null}'],
  [false, '[]'],
  [false, 'null'],
])('the schema of a write and the server agree (%s): %s', async (good, body) => {
  const validate = API.ajv.compile({ $ref: 'api#/components/schemas/Put' });
  expect(validate(JSON.parse(body))).toBe(good);
  const answer = await ask(http.port, request('POST', '/keys/a', body));
  expect(answer.status).toBe(good ? 200 : 400);
});
