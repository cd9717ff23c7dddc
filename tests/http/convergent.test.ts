/** The HTTP interface of a convergent replica: both original forms, `/keys/`, and what is refused. */

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { operatingError } from '../../kv/core/errors';
import { createConvergentServer } from '../../kv/http/convergent_server';
import type { HttpServer } from '../../kv/http/server';
import { FakeReplica } from '../support/fake_replica';
import { ask, type RawResponse, request } from './raw_client';
import { errorOf } from './test_server';

let replica: FakeReplica;
let http: HttpServer;
let errors: unknown[];
let port = 0;

beforeEach(async () => {
  replica = new FakeReplica();
  errors = [];
  http = createConvergentServer(replica, {
    onError: (error) => errors.push(error),
    maxBodyBytes: 1000,
    maxKeyBytes: 32,
    maxNesting: 4,
  });
  http.server.listen(0, '127.0.0.1');
  await once(http.server, 'listening');
  port = (http.server.address() as AddressInfo).port;
});
afterEach(async () => {
  const drained = http.drain();
  http.cut();
  await drained;
});

const send = (...parts: Parameters<typeof request>): Promise<RawResponse> =>
  ask(port, request(...parts));
const utf8 = (text: string): string => Buffer.from(text, 'latin1').toString('utf8');
const json = ({ body }: RawResponse): unknown => JSON.parse(utf8(body));

describe('the first form', () => {
  test('update, get, state, delete', async () => {
    const update = await send('PATCH', '/update', '{"updates":{"a":1,"ü/b":["€"]}}');
    const state = { a: 1, 'ü/b': ['€'] };
    expect([update.status, json(update)]).toEqual([200, { status: 'success', state }]);
    expect(replica.updates).toHaveLength(1);
    const get = await send('GET', '/get/%C3%BC%2Fb');
    expect([get.status, json(get)]).toEqual([200, { status: 'success', key: 'ü/b', value: ['€'] }]);
    expect(json(await send('GET', '/state'))).toEqual(state);
    const gone = await send('DELETE', '/delete/a');
    const rest = { 'ü/b': ['€'] };
    expect([gone.status, json(gone)]).toEqual([200, { status: 'success', state: rest }]);
    const again = await send('DELETE', '/delete/a');
    expect([again.status, json(again)]).toEqual([200, { status: 'success', state: rest }]);
  });

  test('what is missing is null with 200, without its key', async () => {
    const missing = await send('GET', '/get/none');
    expect([missing.status, json(missing)]).toEqual([200, { status: 'success', value: null }]);
  });

  test('register, unregister, health', async () => {
    const success = { status: 'success', replica_id: replica.replicaId };
    for (const path of ['/register', '/register', '/unregister']) {
      const answer = await send('POST', path, '{"url":"http://localhost:8001"}');
      expect([answer.status, json(answer)]).toEqual([200, success]);
    }
    expect(replica.registered).toEqual(['http://localhost:8001']);
    replica.registered.push('ba9876543210');
    const byId = await send('POST', '/unregister', '{"replica_id":"ba9876543210"}');
    expect(byId.status).toBe(200);
    const health = await send('GET', '/health');
    expect([health.status, json(health)]).toEqual([
      200,
      { status: 'healthy', replica_id: replica.replicaId },
    ]);
  });

  test('an update of no keys changes nothing and shows the state', async () => {
    await send('PATCH', '/set', '{"values":{"a":1}}');
    const answer = await send('PATCH', '/update', '{"updates":{}}');
    expect([answer.status, json(answer)]).toEqual([200, { status: 'success', state: { a: 1 } }]);
    expect(replica.updates).toHaveLength(1);
  });

  test('keys that objects of JavaScript have are keys like others', async () => {
    const body = '{"updates":{"__proto__":1,"constructor":2,"10":3,"\\"":4}}';
    const answer = await send('PATCH', '/update', body);
    expect(utf8(answer.body)).toBe(
      '{"status":"success","state":{"__proto__":1,"constructor":2,"10":3,"\\"":4}}\n',
    );
  });
});

describe('the second form', () => {
  test('set and read: strings as they are, other values as JSON', async () => {
    const set = await send('PATCH', '/set', '{"values":{"k":"v \\u00fc€","n":12.50,"l":[1, 2]}}');
    expect(set.status).toBe(200);
    const text = await send('GET', '/read?key=k');
    expect([text.status, utf8(text.body), text.headers['content-type']]).toEqual([
      200,
      'v ü€',
      'text/plain; charset=utf-8',
    ]);
    const number = await send('GET', '/read?key=n');
    expect([number.body, number.headers['content-type']]).toEqual(['12.50', 'application/json']);
    expect((await send('GET', '/read?key=l')).body).toBe('[1, 2]');
  });

  test('a missing key is 404 in plain text', async () => {
    const missing = await send('GET', '/read?key=none');
    expect([missing.status, missing.body]).toEqual([404, 'key not found']);
  });

  test('a key of the query is decoded as queries are', async () => {
    await send('PATCH', '/set', '{"values":{"a b&c=ü+":"x"}}');
    expect((await send('GET', '/read?key=a+b%26c=%C3%BC%2B')).body).toBe('x');
  });

  test.each(['application/x-www-form-urlencoded', 'text/plain', 'application/json'])(
    'a PATCH may call its body %s, as curl does',
    async (type) => {
      const set = await send('PATCH', '/set', '{"values":{"k":"v"}}', [`Content-Type: ${type}`]);
      expect(set.status).toBe(200);
    },
  );
});

describe('/keys/', () => {
  const post = (key: string, body: string) => send('POST', `/keys/${key}`, body);

  test('PUT, GET, DELETE as in the other systems', async () => {
    expect((await send('GET', '/keys/a')).status).toBe(404);
    expect((await post('a', '{"type":"PUT","value":  {"x": 1.10}  }')).status).toBe(204);
    const read = await send('GET', '/keys/a');
    expect([read.status, read.body, read.headers['x-quorum-type']]).toEqual([
      200,
      '{"x": 1.10}',
      'value',
    ]);
    expect((await send('DELETE', '/keys/a')).status).toBe(204);
    const gone = await send('DELETE', '/keys/a');
    expect([gone.status, errorOf(gone).code]).toEqual([404, 'key_not_found']);
  });

  test('counter, set and register', async () => {
    for (const body of [
      '{"type":"INCREMENT","value":5}',
      '{"type":"INCREMENT"}',
      '{"value":-2,"type":"INCREMENT"}',
    ]) {
      expect((await post('c', body)).status).toBe(204);
    }
    expect((await send('GET', '/keys/c')).body).toBe('4');
    await post('s', '{"type":"ADD","value":"x"}');
    await post('s', '{"type":"ADD","value":["a list","is one element"]}');
    const set = await send('GET', '/keys/s');
    expect([json(set), set.headers['x-quorum-type']]).toEqual([
      ['x', ['a list', 'is one element']],
      'set',
    ]);
    await post('s', '{"type":"REMOVE","value":"x"}');
    await post('r', '{"type":"ASSIGN","value":null}');
    const register = await send('GET', '/keys/r');
    expect([register.body, register.headers['x-quorum-type']]).toEqual(['[null]', 'register']);
    const changes = replica.updates.map(({ changes: [one] }) => one?.change.kind);
    expect(changes).toEqual([...Array(3).fill('increment'), 'add', 'add', 'remove', 'assign']);
    expect(json(await send('GET', '/state'))).toMatchObject({ c: 4, r: [null] });
  });

  test('a value goes in and out as the bytes it came as, also an APPEND', async () => {
    const spelt = '[1.10, 1e2,\n "\\u00fc", 12345678901234567890]';
    await post('a', `{"type":"APPEND","value":\t${spelt} }`);
    expect((await send('GET', '/keys/a')).body).toBe(spelt);
  });
});

describe('what is refused changes nothing', () => {
  const at = (path: string) => (path.startsWith('/keys') ? 'POST' : 'PATCH');
  const deep = `${'['.repeat(5)}${']'.repeat(5)}`;
  const long = 'k'.repeat(33);

  test.each<[string, string, string, number, string]>([
    ['no JSON', '/update', '{"updates":{"a":1}', 400, 'request_not_valid'],
    ['nothing', '/update', '', 400, 'request_not_valid'],
    ['no object', '/update', '[]', 400, 'request_not_valid'],
    ['a missing member', '/update', '{}', 400, 'value_not_valid'],
    ['an unknown member', '/update', '{"updates":{},"more":1}', 400, 'request_not_valid'],
    ['the member of the other form', '/set', '{"updates":{}}', 400, 'request_not_valid'],
    ['a list for the map', '/update', '{"updates":[1]}', 400, 'value_not_valid'],
    ['null for the map', '/set', '{"values":null}', 400, 'value_not_valid'],
    ['a string for the map', '/set', '{"values":"k"}', 400, 'value_not_valid'],
    ['a member twice', '/set', '{"values":{"a":1},"values":{}}', 400, 'request_not_valid'],
    ['a key twice', '/update', '{"updates":{"a":1,"b":2,"\\u0061":3}}', 400, 'request_not_valid'],
    ['an empty key', '/update', '{"updates":{"a":1,"":2}}', 400, 'key_not_valid'],
    ['half a character', '/update', '{"updates":{"\\ud800":2}}', 400, 'key_not_valid'],
    ['a long key', '/update', `{"updates":{"a":1,"${long}":2}}`, 400, 'key_too_long'],
    ['a deep value', '/update', `{"updates":{"a":${deep}}}`, 400, 'value_not_valid'],
    ['a large body', '/update', `{"updates":{"a":"${'x'.repeat(1000)}"}}`, 413, 'too_large'],
    ['no UTF-8', '/update', '{"updates":{"a":"\xff"}}', 400, 'request_not_valid'],
    ['no type', '/keys/a', '{"value":1}', 400, 'type_not_correct'],
    ['an unknown type', '/keys/a', '{"type":"put","value":1}', 400, 'type_not_correct'],
    ['a type of objects', '/keys/a', '{"type":"toString","value":1}', 400, 'type_not_correct'],
    ['no value', '/keys/a', '{"type":"PUT"}', 400, 'value_not_valid'],
    ['half a step', '/keys/a', '{"type":"INCREMENT","value":0.5}', 400, 'value_not_valid'],
    ['a text as a step', '/keys/a', '{"type":"INCREMENT","value":"1"}', 400, 'value_not_valid'],
    ['a huge step', '/keys/a', '{"type":"INCREMENT","value":1e300}', 400, 'value_not_valid'],
    ['a value twice', '/keys/a', '{"type":"PUT","value":1,"value":2}', 400, 'request_not_valid'],
    ['a deep value', '/keys/a', `{"type":"PUT","value":${deep}}`, 400, 'value_not_valid'],
    ['a long key', `/keys/${long}`, '{"type":"PUT","value":1}', 400, 'key_too_long'],
    ['an empty key', '/keys/', '{"type":"PUT","value":1}', 400, 'key_not_valid'],
    ['a parameter', '/keys/a?w=1', '{"type":"PUT","value":1}', 400, 'parameter_not_valid'],
  ])('%s: %s', async (_what, path, body, status, code) => {
    const text = body.includes('\xff') ? Buffer.from(body, 'latin1') : body;
    const answer = await send(at(path), path, text);
    expect([answer.status, errorOf(answer)]).toEqual([
      status,
      expect.objectContaining({ code, outcome: 'not_applied', retry: 'no' }),
    ]);
    expect(replica.updates).toEqual([]);
  });

  test.each([
    ['GET', '/get/', 400],
    ['GET', `/get/${long}`, 400],
    ['GET', '/get/%zz', 400],
    ['GET', '/get/a?b', 400],
    ['GET', '/read', 400],
    ['GET', '/read?k=a', 400],
    ['GET', '/read?key=', 400],
    ['GET', '/read?key=%ff', 400],
    ['GET', '/read?key=a&key=b', 400],
    ['GET', `/read?key=${long}`, 400],
    ['DELETE', '/delete/', 400],
    ['DELETE', `/delete/${long}`, 400],
    ['DELETE', '/keys/a?b=c', 400],
    ['GET', '/nothing', 404],
    ['GET', '/update', 405],
    ['POST', '/set', 405],
    ['PUT', '/keys/a', 405],
    ['PATCH', '/keys/a', 405],
    ['DELETE', '/get/a', 405],
    ['POST', '/admin/digest', 405],
  ])('%s %s', async (method, target, status) => {
    const answer = await send(method, target);
    expect([answer.status, typeof errorOf(answer).code]).toEqual([status, 'string']);
    expect(replica.updates).toEqual([]);
  });

  test.each([
    ['/register', '{}', 400],
    ['/register', '{"url":1}', 400],
    ['/register', '{"url":""}', 400],
    ['/register', '{"replica_id":"0123456789ab"}', 400],
    ['/register', '{"url":"localhost"}', 400],
    ['/unregister', '{"url":"http://localhost:1"}', 404],
    ['/unregister', '{"url":"http://localhost:1","replica_id":"x"}', 400],
  ])('a peer: %s %s', async (path, body, status) => {
    expect((await send('POST', path, body)).status).toBe(status);
    expect(replica.registered).toEqual([]);
  });

  test('a page of somebody else cannot register a peer: the body must be called JSON', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded']) {
      const headers = [`Content-Type: ${type}`];
      const answer = await send('POST', '/register', '{"url":"http://evil:1"}', headers);
      expect(answer.status).toBe(415);
    }
    expect(replica.registered).toEqual([]);
  });
});

test('the errors of the replica are told as they are', async () => {
  const cases = [
    ['wrong_type', 409],
    ['overloaded', 429],
    ['too_large', 413],
    ['stopping', 503],
    ['stopped', 504],
  ] as const;
  for (const [code, status] of cases) {
    replica.error = operatingError(code, 'As told.', { n: 1 });
    const answers = [
      await send('PATCH', '/update', '{"updates":{"a":1}}'),
      await send('PATCH', '/update', '{"updates":{}}'),
      await send('PATCH', '/set', '{"values":{"a":1}}'),
      await send('DELETE', '/delete/a'),
      await send('GET', '/get/a'),
      await send('GET', '/read?key=a'),
      await send('GET', '/state'),
      await send('GET', '/keys/a'),
      await send('POST', '/keys/a', '{"type":"ADD","value":1}'),
      await send('DELETE', '/keys/a'),
      await send('POST', '/register', '{"url":"http://localhost:8001"}'),
      await send('POST', '/unregister', '{"url":"http://localhost:8001"}'),
    ];
    for (const answer of answers) {
      expect([answer.status, errorOf(answer)]).toEqual([
        status,
        expect.objectContaining({ code, message: 'As told.', details: { n: 1 } }),
      ]);
    }
  }
});

test('a bug is a 500, and its owner hears of it', async () => {
  replica.thrown = new Error('a bug');
  const answer = await send('PATCH', '/update', '{"updates":{"a":1}}');
  expect([answer.status, errorOf(answer).outcome]).toEqual([500, 'unknown']);
  expect(errors).toEqual([replica.thrown]);
});

test('digest, status, health, metrics, index', async () => {
  replica.keys.set('a', { type: 'counter', count: 1 });
  expect(json(await send('GET', '/admin/digest'))).toEqual({
    digest: '00112233445566ff',
    keys: 1,
  });
  expect(json(await send('GET', '/admin/status'))).toEqual({ protocol: 'convergent' });
  expect((await send('GET', '/health/live')).status).toBe(200);
  expect((await send('GET', '/health/ready')).status).toBe(200);
  replica.ready = { ready: false, reason: 'the node is stopping' };
  expect((await send('GET', '/health/ready')).status).toBe(503);
  expect((await send('GET', '/metrics')).body).toBe('a 1\n');
  const index = json(await send('GET', '/')) as { routes: Record<string, string> };
  expect(Object.keys(index.routes)).toEqual(
    expect.arrayContaining(['/keys/{key}', '/update', '/set', '/admin/digest']) as string[],
  );
});
