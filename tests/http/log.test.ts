/** The routes of the message log: what is answered, and what of it changes something. */

import { operatingError } from '../../kv/core/errors';
import { FakeLogService } from '../support/fake_log_service';
import { type LogTestServer, startLogServer } from './log_server_support';
import { ask, RawClient, request } from './raw_client';
import { errorOf } from './test_server';

let http: LogTestServer;
beforeEach(async () => {
  http = await startLogServer({ maxBodyBytes: 2000 });
});
afterEach(async () => {
  await http.stop();
  expect(http.errors).toEqual([]);
});

const post = (body: unknown, path = '/messages') => http.send('POST', path, JSON.stringify(body));
const bodyOf = async (answer: Promise<{ readonly body: string }>): Promise<unknown> =>
  JSON.parse(Buffer.from((await answer).body, 'latin1').toString());

describe('an append', () => {
  test('is answered with id and order, and read in both forms', async () => {
    const first = await post({ message: 'Msg1', w: 2, id: 'a' });
    expect(first.status).toBe(200);
    expect(JSON.parse(first.body)).toEqual({ status: 'ok', message_id: 'a', order: 0 });
    expect(await bodyOf(post({ message: 'ü "€" 😀' }))).toMatchObject({ status: 'ok', order: 1 });
    expect(await bodyOf(http.send('GET', '/messages'))).toEqual({ messages: ['Msg1', 'ü "€" 😀'] });
    expect(await bodyOf(http.send('GET', '/full_messages'))).toEqual({
      messages: [
        { id: 'a', message: 'Msg1', order: 0 },
        { id: 'id-1', message: 'ü "€" 😀', order: 1 },
      ],
    });
  });

  test('of a known id is told so', async () => {
    await post({ message: 'Msg1', w: 1, id: 'a' });
    expect(await bodyOf(post({ message: 'Msg1', w: 1, id: 'a' }))).toEqual({
      status: 'Message already exists',
      message_id: 'a',
      order: 0,
    });
    expect(http.service.messages).toHaveLength(1);
  });

  test('without w waits for all nodes, and delays nobody who waits for fewer', async () => {
    http.service.reachable = 2;
    const waiting = await Promise.all(Array.from({ length: 100 }, () => RawClient.open(http.port)));
    for (const client of waiting) client.send(request('POST', '/messages', '{"message":"Msg3"}'));
    expect((await post({ message: 'Msg4', w: 2 })).status).toBe(200);
    expect(http.service.waiting).toBe(100);
    http.service.catchUp(3);
    for (const client of waiting) expect((await client.next()).status).toBe(200);
    for (const client of waiting) client.close();
  });

  test('whose client goes away is forgotten; the message stays', async () => {
    http.service.reachable = 1;
    const client = await RawClient.open(http.port);
    client.send(request('POST', '/messages', '{"message":"Msg3"}'));
    await post({ message: 'x', w: 1 });
    while (http.service.waiting === 0) await post({ message: 'x', w: 1 });
    client.close();
    while (http.service.waiting > 0) await post({ message: 'x', w: 1 });
    expect(http.service.messages.filter(({ text }) => text === '"Msg3"')).toHaveLength(1);
  });

  test('whose client has only ended its side is answered', async () => {
    http.service.reachable = 1;
    const client = await RawClient.open(http.port);
    for (let i = 0; i < 20; i++) client.send(request('POST', '/messages', '{"message":"Msg3"}'));
    client.socket.end();
    while (http.service.waiting < 20) await http.send('GET', '/health/live');
    http.service.catchUp(3);
    for (let i = 0; i < 20; i++) expect((await client.next()).status).toBe(200);
    expect(await client.closed()).toBe('');
  });

  test('whose client has ended its side does not wait for long', async () => {
    http.service.reachable = 1;
    const client = await RawClient.open(http.port);
    client.send(request('POST', '/messages', '{"message":"Msg3","timeout_ms":60000}'));
    client.socket.end();
    const answer = await client.next();
    expect(answer.status).toBe(504);
    expect(errorOf(answer)).toMatchObject({ code: 'timeout', outcome: 'unknown' });
    expect(await client.closed()).toBe('');
    expect(http.service.waiting).toBe(0);
    expect(http.service.messages).toHaveLength(1);
  });

  test('that did not get its copies in time says how many there are', async () => {
    http.service.reachable = 2;
    const answer = await post({ message: 'Msg3', w: 3, id: 'm', timeout_ms: 20 });
    expect(answer.status).toBe(504);
    expect(errorOf(answer)).toMatchObject({
      code: 'timeout',
      outcome: 'unknown',
      details: { copies: 2, w: 3, message_id: 'm', order: 0 },
    });
    expect(http.service.messages).toHaveLength(1);
  });

  test.each([0, 4, -1, 1.5, '2', null, [2], 1e300])('with w %j is refused', async (w) => {
    const answer = await post({ message: 'Msg1', w });
    expect(answer.status).toBe(400);
    expect(errorOf(answer)).toMatchObject({
      code: 'write_concern_not_valid',
      message: expect.stringContaining('Write concern w must be in range (1, N+1)') as string,
      outcome: 'not_applied',
    });
  });

  test('at a master that is read-only is refused, and nothing is kept', async () => {
    http.service.error = operatingError('no_quorum', 'Only 1 of 3 nodes can be reached');
    const answer = await post({ message: 'Msg1', w: 1 });
    expect([answer.status, answer.headers['retry-after']]).toEqual([503, '1']);
    expect(errorOf(answer)).toMatchObject({ code: 'no_quorum', outcome: 'not_applied' });
    expect(http.service.messages).toEqual([]);
  });
});

describe('bad input is a clear 4xx and changes nothing', () => {
  const long = 'x'.repeat(2100);
  const cases: readonly [string, string, number, string][] = [
    ['/messages', '', 400, 'request_not_valid'],
    ['/messages', '{', 400, 'request_not_valid'],
    ['/messages', '[]', 400, 'request_not_valid'],
    ['/messages', 'null', 400, 'request_not_valid'],
    ['/messages', '"Msg1"', 400, 'request_not_valid'],
    ['/messages', '{"w":1}', 400, 'value_not_valid'],
    ['/messages', '{"message":"","w":1}', 400, 'value_not_valid'],
    ['/messages', '{"message":1,"w":1}', 400, 'value_not_valid'],
    ['/messages', '{"message":null,"w":1}', 400, 'value_not_valid'],
    ['/messages', '{"message":["a"],"w":1}', 400, 'value_not_valid'],
    ['/messages', '{"message":[["a"]],"w":1}', 400, 'value_not_valid'],
    ['/messages', '{"message":"a","w":1,"id":""}', 400, 'request_not_valid'],
    ['/messages', '{"message":"a","w":1,"id":7}', 400, 'request_not_valid'],
    ['/messages', '{"message":"a","w":1,"id":"\\ud800"}', 400, 'request_not_valid'],
    ['/messages', '{"message":"a","w":1,"timeout_ms":0}', 400, 'request_not_valid'],
    ['/messages', '{"message":"a","w":1,"timeout_ms":"9"}', 400, 'request_not_valid'],
    ['/messages', '{"message":"a","w":1,"timeout_ms":1e9}', 400, 'request_not_valid'],
    ['/messages', '{"message":"a","W":1}', 400, 'request_not_valid'],
    ['/messages?w=1', '{"message":"a"}', 400, 'parameter_not_valid'],
    ['/messages', `{"message":"${long}"}`, 413, 'too_large'],
    ['/clear', '', 403, 'clear_not_allowed'],
    ['/clean', '{}', 403, 'clear_not_allowed'],
    ['/echo', '{}', 400, 'value_not_valid'],
    ['/echo', '{"text":"a"}', 400, 'request_not_valid'],
    ['/replicate', '{"id":"a","message":"a","order":0}', 404, 'route_not_found'],
    ['/nowhere', '{}', 404, 'route_not_found'],
    ['/full_messages', '{}', 405, 'method_not_allowed'],
    ['/health', '{}', 405, 'method_not_allowed'],
  ];
  test.each(cases)('POST %s %.60s', async (path, body, status, code) => {
    const answer = await http.send('POST', path, body);
    expect([answer.status, errorOf(answer).code, errorOf(answer).outcome]).toEqual([
      status,
      code,
      'not_applied',
    ]);
    expect(http.service.messages).toEqual([]);
    expect(await bodyOf(http.send('GET', '/echo'))).toEqual({ messages: [] });
  });

  test('another media type, another method, an unknown parameter', async () => {
    const typed = request('POST', '/messages', '{"message":"a"}', ['Content-Type: text/plain']);
    expect((await ask(http.port, typed)).status).toBe(415);
    expect((await http.send('DELETE', '/messages')).headers.allow).toBe('GET, HEAD, POST, OPTIONS');
    for (const query of ['x=1', 'from=', 'from=-1', 'from=1&from=2', 'limit=0', 'limit=1.5', '&']) {
      for (const path of ['/messages', '/full_messages', '/messages/stream']) {
        const answer = await http.send('GET', `${path}?${query}`);
        expect([path, query, answer.status]).toEqual([path, query, 400]);
        expect(errorOf(answer).code).toBe('parameter_not_valid');
      }
    }
    expect(http.service.messages).toEqual([]);
  });
});

describe('reading', () => {
  const ten = Array.from({ length: 10 }, (_, i) => `m${i}`);
  beforeEach(() => http.service.push(...ten));

  test('a part, and where the next one begins', async () => {
    const part = (query: string) => bodyOf(http.send('GET', `/messages?${query}`));
    expect(await part('from=2&limit=3')).toEqual({ messages: ['m2', 'm3', 'm4'], next: 5 });
    expect(await part('limit=2')).toEqual({ messages: ['m0', 'm1'], next: 2 });
    expect(await part('from=8&limit=5')).toEqual({ messages: ['m8', 'm9'], next: 10 });
    expect(await part('from=10')).toEqual({ messages: [], next: 10 });
    expect(await part('from=17')).toEqual({ messages: [], next: 17 });
  });

  test.each([1000, 3])(
    'a header names the log, as long as it has a name (%d a page)',
    async (limit) => {
      http.service.pageLimit = limit;
      const named = async (method: string, path: string) =>
        (await http.send(method, path)).headers['x-quorum-log'];
      for (const method of ['GET', 'HEAD']) {
        expect(await named(method, '/messages?from=4')).toBe('log-1');
        expect(await named(method, '/full_messages')).toBe('log-1');
      }
      http.service.log = '';
      expect(await named('GET', '/messages')).toBeUndefined();
    },
  );

  test('below what is kept is a clear error; without an offset there is what there is', async () => {
    http.service.messages.splice(0, 4);
    http.service.first = 4;
    const answer = await http.send('GET', '/messages?from=3');
    expect(answer.status).toBe(410);
    expect(errorOf(answer)).toMatchObject({ code: 'below_retention', details: { first: 4 } });
    expect(await bodyOf(http.send('GET', '/messages'))).toEqual({ messages: ten.slice(4) });
  });

  test('a long log comes in pages, up to what was there when it was asked for', async () => {
    http.service.pageLimit = 3;
    const all = await collect('/messages');
    expect(JSON.parse(all)).toEqual({ messages: ten });
    const part = await collect('/full_messages?from=1&limit=7');
    const parsed = JSON.parse(part) as { messages: { order: number }[]; next: number };
    expect(parsed.messages.map(({ order }) => order)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(parsed.next).toBe(8);
  });

  test('an answer breaks off when the log is cleared under it, and never looks whole', async () => {
    http.service.pageLimit = 1;
    http.service.allowsClear = true;
    const { service } = http;
    const read = service.read.bind(service);
    service.read = (from, limit, done) => {
      if (service.reads === 3) service.clear(() => undefined);
      read(from, limit, done);
    };
    await expect(collect('/messages')).rejects.toThrow();
  });

  async function collect(path: string): Promise<string> {
    return (await fetch(`http://127.0.0.1:${http.port}${path}`)).text();
  }
});

test('echo returns what was said, and remembers the newest', async () => {
  expect(await bodyOf(post({ message: 'hello' }, '/echo'))).toEqual({ received: 'hello' });
  expect(await bodyOf(post({ message: { a: [1] } }, '/echo'))).toEqual({ received: { a: [1] } });
  expect(await bodyOf(http.send('GET', '/echo'))).toEqual({ messages: ['hello', { a: [1] }] });
  for (let i = 0; i < 150; i++) await post({ message: i }, '/echo');
  const { messages } = (await bodyOf(http.send('GET', '/echo'))) as { messages: number[] };
  expect(messages).toEqual(Array.from({ length: 100 }, (_, i) => 50 + i));
});

test('clear and clean empty the log where it is allowed', async () => {
  http.service.allowsClear = true;
  for (const path of ['/clear', '/clean']) {
    http.service.push('a');
    const answer = await http.send('POST', path);
    expect([answer.status, JSON.parse(answer.body)]).toEqual([200, { status: 'cleared' }]);
    expect(http.service.messages).toEqual([]);
  }
});

test('health, readiness, status, metrics and the index', async () => {
  expect(await bodyOf(http.send('GET', '/health'))).toEqual({
    'http://localhost:5001': 'Healthy',
    'http://localhost:5002': 'Suspected',
  });
  expect(await bodyOf(http.send('GET', '/health/live'))).toEqual({ live: true });
  http.service.ready = { ready: false, reason: 'no majority' };
  const ready = await http.send('GET', '/health/ready');
  expect([ready.status, JSON.parse(ready.body)]).toEqual([503, http.service.ready]);
  expect(await bodyOf(http.send('GET', '/admin/status'))).toMatchObject({ protocol: 'log' });
  expect((await http.send('GET', '/metrics')).body).toBe('quorum_kv_messages 0\n');
  const index = (await bodyOf(http.send('GET', '/'))) as { routes: Record<string, string> };
  expect(Object.keys(index.routes)).toContain('/messages/stream');
});

test('what is thrown is answered with 500 and told to the owner', async () => {
  http.service.throwOnce(new Error('a bug'));
  const answer = await post({ message: 'a', w: 1 });
  expect([answer.status, errorOf(answer).outcome]).toEqual([500, 'unknown']);
  expect(http.errors.splice(0)).toEqual([new Error('a bug')]);
});

describe('a secondary', () => {
  let secondary: LogTestServer;
  beforeEach(async () => {
    secondary = await startLogServer({}, new FakeLogService(false));
  });
  afterEach(() => secondary.stop());

  test('takes messages at their place, and no appends', async () => {
    const body = '{"id":"a","message":"Msg1","order":0}';
    const answer = await secondary.send('POST', '/replicate', body);
    expect([answer.status, JSON.parse(answer.body)]).toEqual([200, { status: 'ACK' }]);
    expect(secondary.service.messages).toEqual([{ id: 'a', text: '"Msg1"', order: 0 }]);
    expect((await secondary.send('POST', '/messages', '{"message":"a"}')).status).toBe(405);
    expect((await secondary.send('GET', '/health')).status).toBe(404);
    expect(await bodyOf(secondary.send('GET', '/messages'))).toEqual({ messages: ['Msg1'] });
  });

  test.each([
    ['{"message":"a","order":0}', 'request_not_valid'],
    ['{"id":"a","order":0}', 'value_not_valid'],
    ['{"id":"a","message":"a"}', 'request_not_valid'],
    ['{"id":"a","message":"a","order":-1}', 'request_not_valid'],
    ['{"id":"a","message":"a","order":"0"}', 'request_not_valid'],
    ['{"id":"a","message":"a","order":1e300}', 'request_not_valid'],
    ['{"id":"a","message":"a","order":0,"w":1}', 'request_not_valid'],
  ])('refuses %s', async (body, code) => {
    const answer = await secondary.send('POST', '/replicate', body);
    expect([answer.status, errorOf(answer).code]).toEqual([400, code]);
    expect(secondary.service.messages).toEqual([]);
  });
});

test('while it drains, writes are refused and waiting ones answered', async () => {
  http.service.reachable = 1;
  const waiting = await RawClient.open(http.port);
  waiting.send(request('POST', '/messages', '{"message":"Msg3"}'));
  while (http.service.waiting === 0) await post({ message: 'x', w: 1 });
  const busy = await RawClient.open(http.port);
  await busy.send(request('GET', '/messages')).next();
  // A request that has begun keeps the connection open.
  busy.send('POST /messages HTTP/1.1\r\nHost: a\r\n');
  await post({ message: 'x', w: 1 });
  const drained = http.drain();
  busy.send('Content-Type: application/json\r\nContent-Length: 15\r\n\r\n{"message":"a"}');
  const refused = await busy.next();
  expect([refused.status, errorOf(refused).code]).toEqual([503, 'stopping']);
  http.service.catchUp(3);
  expect((await waiting.next()).status).toBe(200);
  await drained;
});
