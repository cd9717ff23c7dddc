/**
 * `api_description_convergent.yml` is held to the server of a convergent replica, both ways, as
 * `api_description.test.ts` holds that of the service on Raft.
 */

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type ErrorCode, operatingError } from '../../kv/core/errors';
import { createConvergentServer } from '../../kv/http/convergent_server';
import type { HttpServer } from '../../kv/http/server';
import { FakeReplica } from '../support/fake_replica';
import { ApiDescription, expectRoutesDescribed, isBroken } from './description';
import { ask, request } from './raw_client';

const API = new ApiDescription('api_description_convergent.yml');

let replica: FakeReplica;
let http: HttpServer;
let port = 0;

beforeEach(async () => {
  replica = new FakeReplica();
  http = createConvergentServer(replica, { onError: () => undefined, maxBodyBytes: 1000 });
  http.server.listen(0, '127.0.0.1');
  await once(http.server, 'listening');
  port = (http.server.address() as AddressInfo).port;
});
afterEach(async () => {
  const drained = http.drain();
  http.cut();
  await drained;
});

interface Trial {
  readonly path: string;
  readonly send: string;
  readonly error?: ErrorCode;
}

/** For each path that writes: its method, a target, and a body that is right. */
const WRITES: readonly [path: string, method: string, target: string, body?: string][] = [
  ['/keys/{key}', 'POST', '/keys/a', '{"type":"PUT","value":1}'],
  ['/keys/{key}', 'DELETE', '/keys/a'],
  ['/update', 'PATCH', '/update', '{"updates":{"a":1}}'],
  ['/set', 'PATCH', '/set', '{"values":{"a":1}}'],
  ['/delete/{key}', 'DELETE', '/delete/a'],
  ['/register', 'POST', '/register', '{"url":"http://localhost:8001"}'],
  ['/unregister', 'POST', '/unregister', '{"url":"http://localhost:8001"}'],
];
const FAILURES: readonly ErrorCode[] = ['overloaded', 'stopping', 'stopped'];
const LONG_HEADER = [`X-A: ${'x'.repeat(40_000)}`];

function trialsOfWrite([path, method, target, body]: (typeof WRITES)[number]): Trial[] {
  const { responses } = API.operations.find(
    (one) => one.path === path && one.method === method.toLowerCase(),
  )?.operation ?? { responses: {} };
  const is = (status: string): boolean => status in responses;
  const send = (text = body, headers: string[] = []) => request(method, target, text, headers);
  const failures = FAILURES.filter((code) => is({ overloaded: '429' }[code as string] ?? '503'));
  return [
    { path, send: send() },
    { path, send: send(body, LONG_HEADER) },
    { path, send: request('OPTIONS', target) },
    ...failures.map((error) => ({ path, send: send(), error })),
    ...(is('409') ? [{ path, send: send(), error: 'wrong_type' as const }] : []),
    ...(body === undefined
      ? [{ path, send: request(method, target.replace(/a$/, '%')) }]
      : [
          { path, send: send('{"x":1}') },
          { path, send: send('x'.repeat(1001)) },
          ...(is('415') ? [{ path, send: send(body, ['Content-Type: text/plain']) }] : []),
        ]),
  ];
}

function trials(): Trial[] {
  const reads = API.operations.filter(({ method }) => method === 'get');
  return [
    ...WRITES.flatMap(trialsOfWrite),
    { path: '/keys/{key}', send: request('DELETE', '/keys/none') },
    { path: '/unregister', send: request('POST', '/unregister', '{"url":"http://none:1"}') },
    ...reads.flatMap(({ path }) => {
      const target = path === '/read' ? '/read?key=a' : path.replace('{key}', 'a');
      return [
        ...['GET', 'HEAD', 'OPTIONS'].map((method) => ({ path, send: request(method, target) })),
        { path, send: request('GET', target, undefined, LONG_HEADER) },
        { path, send: request('HEAD', target, undefined, ['Expect: wonders']) },
      ];
    }),
    { path: '/keys/{key}', send: request('GET', '/keys/none') },
    { path: '/keys/{key}', send: request('GET', '/keys/%') },
    { path: '/get/{key}', send: request('GET', '/get/none') },
    { path: '/get/{key}', send: request('GET', '/get/%') },
    { path: '/read', send: request('GET', '/read?key=none') },
    { path: '/read', send: request('HEAD', '/read?key=none') },
    { path: '/read', send: request('GET', '/read') },
  ];
}

async function give({ path, send, error }: Trial): Promise<string> {
  replica.error = error === undefined ? undefined : operatingError(error, 'As told.', { n: 1 });
  replica.keys.set('a', { type: 'value', value: '"text"' });
  replica.registered.splice(0, 9, 'http://localhost:8001');
  const method = send.slice(0, send.indexOf(' '));
  const answer = await ask(port, send, isBroken(send) ? 'GET' : method);
  const status = API.expectDescribed(path, method.toLowerCase(), answer);
  return `${method.toLowerCase()} ${path} ${status}`;
}

test('every answer is described, and every described answer is given', async () => {
  const given = new Set<string>();
  for (const trial of trials()) given.add(await give(trial));
  replica.ready = { ready: false, reason: 'the node is stopping' };
  for (const method of ['GET', 'HEAD']) {
    given.add(await give({ path: '/health/ready', send: request(method, '/health/ready') }));
  }
  const described = API.operations.flatMap(({ path, method, operation }) =>
    Object.keys(operation.responses).map((status) => `${method} ${path} ${status}`),
  );
  expect([...given].sort()).toEqual(described.sort());
});

test('the routes are those of the index, and the methods those of Allow', () =>
  expectRoutesDescribed(API, port));

test('it is served as it is', async () => {
  const answer = await ask(port, request('GET', '/api_description.yml'));
  expect(Buffer.from(answer.body, 'latin1').toString('utf8')).toBe(API.text);
});

test('every example fits its schema', () => {
  expect(API.expectExamplesFit()).toBeGreaterThan(10);
});

test.each([
  [true, 'PATCH', '/update', 'Updates', '{"updates":{"a":null}}'],
  [false, 'PATCH', '/update', 'Updates', '{"updates":[]}'],
  [false, 'PATCH', '/update', 'Updates', '{"values":{}}'],
  [true, 'PATCH', '/set', 'Values', '{"values":{}}'],
  [false, 'PATCH', '/set', 'Values', '{}'],
  [true, 'POST', '/keys/a', 'Change', '{"type":"INCREMENT"}'],
  [true, 'POST', '/keys/a', 'Change', '{"type":"ADD","value":[1]}'],
  [false, 'POST', '/keys/a', 'Change', '{"type":"SUBTRACT","value":1}'],
  [false, 'POST', '/keys/a', 'Change', '{"type":"PUT","value":1,"more":1}'],
  [true, 'POST', '/register', 'Url', '{"url":"http://localhost:8001"}'],
  [false, 'POST', '/register', 'Url', '{"url":7}'],
  [false, 'POST', '/unregister', 'Peer', '{"url":"http://localhost:8001","replica_id":"x"}'],
])('the schema and the server agree (%s): %s %s %s %s', async (good, method, path, name, body) => {
  const validate = API.ajv.compile({ $ref: `api#/components/schemas/${name}` });
  expect(validate(JSON.parse(body))).toBe(good);
  const answer = await ask(port, request(method, path, body));
  expect(answer.status < 300).toBe(good);
});
