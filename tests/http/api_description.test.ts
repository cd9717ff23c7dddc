/**
 * `api_description.yml` is held to the server, both ways: every answer that this server gives is
 * described, and every operation, status, header and example that is described is real.
 */

import { ERROR_CODES, type ErrorCode, operatingError } from '../../kv/core/errors';
import { REQUEST_ERRORS } from '../../kv/http/error_status';
import { ApiDescription, expectRoutesDescribed, isBroken, type Parameter } from './description';
import { ask, request } from './raw_client';
import { startServer, type TestServer } from './test_server';

const API = new ApiDescription('api_description.yml');
const PUT = '{"type":"PUT","value":1}';
const LIMITS = { maxBodyBytes: 1000, headersTimeoutMs: 200, requestTimeoutMs: 200 };
let http: TestServer;

beforeEach(async () => {
  http = await startServer(LIMITS);
  http.service.state.set('a', '[1]').set('b', '"text"');
});
afterEach(() => http.stop());

/** How to bring about each answer; a request may be preceded by telling the service what to do. */
interface Trial {
  readonly path: string;
  readonly send: string;
  readonly prepare?: () => void;
}

function trials(): Trial[] {
  const key = '/keys/{key}';
  const list: Trial[] = [];
  const add = (path: string, send: string, prepare?: () => void): void => {
    list.push({ path, send, ...(prepare === undefined ? {} : { prepare }) });
  };
  const one = (method: string, target = '/keys/a', headers: string[] = []): string =>
    request(method, target, method === 'POST' ? PUT : undefined, headers);
  for (const method of ['GET', 'HEAD', 'POST', 'DELETE']) {
    const isRead = method === 'GET' || method === 'HEAD';
    add(key, one(method));
    add(key, one(method, '/keys/none'));
    add(key, one(method, '/keys/%'));
    add(key, one(method, '/keys/a', ['Expect: wonders']));
    add(key, one(method, '/keys/a', [`X-A: ${'x'.repeat(40_000)}`]));
    add(key, one(method).slice(0, method === 'POST' ? -1 : -2));
    add(key, one(method), () => http.service.throwOnce(new Error('a bug')));
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
      const isOfRaft = ![...OF_DYNAMO, ...OF_LOG, ...OF_CONVERGENT].includes(code);
      const applies = isOfRaft && !(isRead ? OF_WRITES : OF_READS).includes(code);
      if (!applies || (code === 'too_large' && method === 'DELETE')) continue;
      add(key, one(method), () => http.service.fail(operatingError(code, 'As told.', { n: 1 })));
    }
  }
  add(key, request('POST', '/keys/b', '{"type":"APPEND","value":1}'));
  add(key, request('POST', '/keys/a', 'x'.repeat(1001)));
  add(key, one('POST'), () => http.service.answerWrites('too_large'));
  add(key, one('POST', '/keys/a', ['Content-Type: text/plain']));
  add(key, one('OPTIONS'));
  for (const path of Object.keys(API.paths)) {
    if (path === key) continue;
    for (const method of ['GET', 'HEAD', 'OPTIONS']) add(path, one(method, path));
    add(path, one('GET', path, [`X-A: ${'x'.repeat(40_000)}`]));
    add(path, one('HEAD', path, ['Expect: wonders']));
  }
  for (const method of ['GET', 'HEAD']) {
    add('/health/ready', one(method, '/health/ready'), () => {
      http.service.ready = { ready: false, reason: 'no leader is known' };
    });
  }
  add('/metrics', one('GET', '/metrics'), () => http.service.throwOnce(new Error('a bug')));
  return list;
}

/** Errors that only a write, or only a read, can meet. */
const OF_WRITES: readonly ErrorCode[] = ['session_expired', 'key_reused', 'too_large'];
const OF_READS: readonly ErrorCode[] = ['too_stale', 'index_not_reached'];
/** Errors that only the replicated log knows. */
const OF_LOG: readonly ErrorCode[] = [
  ...(['write_concern_not_valid', 'message_id_not_valid', 'not_the_master'] as const),
  ...(['not_a_secondary', 'log_conflict', 'log_full', 'below_retention', 'log_cleared'] as const),
  'log_unknown',
  ...(['clear_not_allowed', 'order_not_valid', 'message_conflict', 'emulated_error'] as const),
];
/** Errors that only the leaderless system knows. */
const OF_DYNAMO: readonly ErrorCode[] = [
  ...(['read_quorum_not_met', 'write_quorum_not_met', 'quorum_not_valid'] as const),
  ...(['metadata_not_valid', 'value_not_mergeable', 'key_empty', 'too_many_siblings'] as const),
  ...(['not_a_member', 'membership_not_possible'] as const),
];
/** Errors that only the convergent system knows. */
const OF_CONVERGENT: readonly ErrorCode[] = [
  ...(['wrong_type', 'key_reserved', 'change_not_valid', 'peer_not_possible'] as const),
  ...(['peer_url_not_valid', 'peer_not_known', 'clock_ahead'] as const),
];

test('every answer is described, and every described answer is given', async () => {
  const given = new Set<string>();
  for (const { path, send, prepare } of trials()) {
    http.service.fail(undefined);
    http.service.answerWrites(undefined);
    http.service.state.clear();
    http.service.state.set('a', '[1]').set('b', '"text"');
    prepare?.();
    const method = send.slice(0, send.indexOf(' ')).toLowerCase();
    // What breaks off or overflows is answered with a body, whatever its method was.
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

test('its error codes are those of the two tables', () => {
  const codes = new Set([...Object.keys(ERROR_CODES), ...Object.keys(REQUEST_ERRORS)]);
  const inTheSchema = JSON.parse(
    JSON.stringify(
      API.resolve({ $ref: '#/components/schemas/Error/properties/error/properties/code' }),
    ),
  ) as { enum: string[] };
  expect(inTheSchema.enum).toEqual([...codes].sort());
});

test('every example fits its schema', () => {
  expect(API.expectExamplesFit()).toBeGreaterThan(10);
});

test('every described parameter is taken, at its limits and not beyond them', async () => {
  const asked = async (method: string, parameter: Parameter, value: unknown): Promise<number> => {
    const stale = parameter.name === 'max_staleness_ms' ? '&level=stale' : '';
    const query = parameter.in === 'query' ? `?${parameter.name}=${value}${stale}` : '';
    const headers = parameter.in === 'header' ? [`${parameter.name}: ${value}`] : [];
    const body = method === 'post' ? PUT : undefined;
    const send = request(method.toUpperCase(), `/keys/a${query}`, body, headers);
    return (await ask(http.port, send)).status;
  };
  for (const { method, operation } of API.operations) {
    for (const each of operation.parameters ?? []) {
      const parameter = API.resolve(each);
      const {
        minimum,
        maximum,
        enum: words,
      } = parameter.schema as {
        minimum?: number;
        maximum?: number;
        enum?: string[];
      };
      for (const good of [parameter.example, ...(words ?? []), minimum, maximum]) {
        if (good === undefined) continue;
        http.service.state.set('a', '[1]');
        const status = await asked(method, parameter, good);
        expect([parameter.name, good, status < 300]).toEqual([parameter.name, good, true]);
      }
      for (const bad of ['', (minimum ?? 0) - 1, (maximum ?? 0) + 0.5, (maximum ?? Infinity) + 1]) {
        if (typeof bad === 'number' && minimum === undefined) continue;
        const status = await asked(method, parameter, bad);
        expect([parameter.name, bad, status]).toEqual([parameter.name, bad, 400]);
      }
    }
  }
});

test.each([
  [true, '{"type":"PUT","value":null}'],
  [true, '{"type":"APPEND","value":{"type":1}}'],
  [false, '{"type":"PUT"}'],
  [false, '{"value":1}'],
  [false, '{"type":"put","value":1}'],
  [false, '{"type":"PUT","value":1,"more":1}'],
  [false, '[]'],
  [false, 'null'],
])('the schema of a command and the server agree (%s): %s', async (good, body) => {
  const validate = API.ajv.compile({ $ref: 'api#/components/schemas/Command' });
  expect(validate(JSON.parse(body))).toBe(good);
  const answer = await ask(http.port, request('POST', '/keys/a', body));
  expect(answer.status).toBe(good ? 204 : 400);
});
