/** Connections in the fast lane, and how they leave it. Who leaves is seen by `request` events. */

import { once } from 'node:events';
import { LIMITS } from './malformed_requests';
import { RawClient, request } from './raw_client';
import { errorOf, startServer, type TestServer } from './test_server';

const PUT = '{"type":"PUT","value":1}';
const GET_A = request('GET', '/keys/a');
const PUT_B = request('POST', '/keys/b', PUT);

let http: TestServer;
let client: RawClient;
/** The requests that `node:http` has seen. */
let seenByNode: string[];

async function start(options: Parameters<typeof startServer>[0] = {}): Promise<void> {
  http = await startServer(options);
  seenByNode = [];
  http.server.on('request', (req) => seenByNode.push(`${req.method} ${req.url}`));
  client = await RawClient.open(http.port);
  client.socket.setNoDelay(true);
}
afterEach(async () => {
  client.close();
  await http.stop();
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function statuses(count: number): Promise<number[]> {
  const all: number[] = [];
  while (all.length < count) all.push((await client.next()).status);
  return all;
}

test('plain requests never come to node:http', async () => {
  await start();
  client.send(GET_A + request('POST', '/keys/a', PUT) + GET_A + request('DELETE', '/keys/a'));
  expect(await statuses(4)).toEqual([404, 204, 200, 204]);
  for (const code of ['overloaded', 'no_leader'] as const) {
    http.service.fail({ code, message: '', outcome: 'not_applied', retry: 'safe', details: {} });
    client.send(GET_A);
  }
  await statuses(2);
  expect(seenByNode).toEqual([]);
});

test('the first request that is not plain takes its connection along, and only its own', async () => {
  await start();
  const other = await RawClient.open(http.port);
  client.send(GET_A + request('GET', '/health/live') + GET_A + request('POST', '/keys/a', PUT));
  expect(await statuses(4)).toEqual([404, 200, 404, 204]);
  other.send(GET_A);
  await other.next();
  other.close();
  expect(seenByNode).toEqual(['GET /health/live', 'GET /keys/a', 'POST /keys/a']);
});

test('what is handed over waits for the answers before it', async () => {
  await start();
  http.service.hold();
  client.send(GET_A + GET_A + request('GET', '/health/live') + GET_A);
  await http.service.called(2);
  client.send(request('POST', '/keys/a', PUT));
  await after(20);
  expect(seenByNode).toEqual([]);
  http.service.release('last_to_first');
  expect(await statuses(5)).toEqual([404, 404, 200, 404, 204]);
  expect(seenByNode).toHaveLength(3);
});

test('a connection may be cut anywhere: two pieces, with other requests around', async () => {
  await start();
  const text = GET_A + request('POST', '/keys/a', '{"type":"PUT","value":"ü"}') + GET_A;
  for (let at = 1; at < text.length; at++) {
    client.send(text.slice(0, at));
    await turn();
    client.send(text.slice(at) + request('DELETE', '/keys/a'));
    expect(await statuses(4)).toEqual([404, 204, 200, 204]);
  }
  expect(seenByNode).toEqual([]);
});

test('a body may come in any number of pieces, a head in a few', async () => {
  await start();
  const value = `"${'x'.repeat(300_000)}"`;
  const post = request('POST', '/keys/a', `{"type":"PUT","value":${value}}`);
  for (let at = 0; at < post.length; at += 7_001) {
    client.send(post.slice(at, at + 7_001));
    await turn();
  }
  client.send(GET_A);
  expect((await client.next()).status).toBe(204);
  expect((await client.next()).body === value).toBe(true);
  expect(seenByNode).toEqual([]);
  for (const byte of GET_A) {
    client.send(byte);
    await turn();
  }
  expect((await client.next()).body === value).toBe(true);
  expect(seenByNode).toEqual(['GET /keys/a']);
});

test('a client that ends its side gets its answers, and the connection is closed', async () => {
  await start();
  http.service.hold();
  client.send(GET_A + GET_A);
  client.socket.end();
  await http.service.called(2);
  await after(10);
  http.service.release();
  expect(await statuses(2)).toEqual([404, 404]);
  expect(await client.closed()).toBe('');
  expect(seenByNode).toEqual([]);
});

/** As many requests as may be under way at a time. */
const UNDER_WAY = 256;

/**
 * Sends more requests than may be under way at a time, the last of which asks for more than the
 * system takes for a client that does not read, and does not read. Resolves when all that may be
 * under way have been answered.
 */
async function sendWithoutReading(): Promise<void> {
  http.service.state.set('a', `"${'x'.repeat(20_000_000)}"`);
  http.service.hold();
  client.socket.pause();
  client.send(PUT_B.repeat(UNDER_WAY - 1) + GET_A + PUT_B.repeat(100));
  await http.service.called(UNDER_WAY);
  http.service.release();
}

test('a client that ends its side and reads late gets all its answers', async () => {
  await start();
  await sendWithoutReading();
  client.socket.end();
  await after(50);
  client.socket.resume();
  expect(await statuses(UNDER_WAY - 1)).toEqual(Array(UNDER_WAY - 1).fill(204));
  expect((await client.next()).status).toBe(200);
  expect(await statuses(100)).toEqual(Array(100).fill(204));
  expect(await client.closed()).toBe('');
  expect(seenByNode).toEqual([]);
});

test.each([
  ['in a head', GET_A.slice(0, -1), []],
  ['in a body', request('POST', '/keys/a', PUT).slice(0, -1), ['POST /keys/a']],
])('a client that ends %s is told, after the answers before', async (_where, part, seen) => {
  await start();
  http.service.hold();
  client.send(GET_A + part);
  client.socket.end();
  await http.service.called(1);
  await after(10);
  http.service.release();
  expect((await client.next()).status).toBe(404);
  const refused = await client.next();
  expect([refused.status, errorOf(refused).code]).toEqual([400, 'request_not_valid']);
  expect(refused.headers).toMatchObject({ connection: 'close' });
  await client.closed();
  expect(seenByNode).toEqual(seen);
});

test('a request that does not go on is left to node:http, which ends it in its time', async () => {
  await start({ headersTimeoutMs: 60, requestTimeoutMs: 60 });
  client.send(GET_A);
  await client.next();
  client.send(GET_A.slice(0, 20));
  expect((await client.next()).status).toBe(408);
  await client.closed();
});

test('a connection on which nothing ever comes is not kept', async () => {
  await start({ headersTimeoutMs: 40, requestTimeoutMs: 40 });
  expect((await client.next()).status).toBe(408);
  await client.closed();
});

test('an idle connection is kept for its time, also behind a slow answer', async () => {
  await start({ keepAliveTimeoutMs: 200 });
  http.service.hold();
  client.send(GET_A);
  await http.service.called(1);
  await after(500);
  // From here on the time of keep-alive runs.
  const began = performance.now();
  http.service.release();
  expect((await client.next()).status).toBe(404);
  await client.closed();
  expect(performance.now() - began).toBeGreaterThanOrEqual(200);
});

test('a client that asks without reading is not read any further', async () => {
  await start();
  const value = `"${'x'.repeat(1_000_000)}"`;
  http.service.state.set('a', value);
  client.socket.pause();
  const count = 2_000;
  const flushed = new Promise((resolve) => client.socket.write(GET_A.repeat(count), resolve));
  await after(300);
  const asked = http.service.reads.length;
  expect(asked).toBeGreaterThan(0);
  expect(asked).toBeLessThan(400);
  client.socket.resume();
  for (let i = 0; i < 500; i++) expect((await client.next()).body.length).toBe(value.length);
  expect(http.service.reads.length).toBeGreaterThan(asked);
  client.close();
  await flushed;
});

test('a client that sends more than may be under way waits for answers', async () => {
  await start(LIMITS);
  http.service.hold();
  const put = request('POST', '/keys/a', `{"type":"PUT","value":"${'x'.repeat(9_000)}"}`);
  client.send(put.repeat(20) + GET_A);
  await http.service.called(2);
  await after(20);
  expect(http.service.writes.length).toBeLessThan(5);
  http.service.release();
  expect(await statuses(21)).toEqual([...Array(20).fill(204), 200]);
  expect(seenByNode).toEqual([]);
});

test('a thousand requests in one pipeline', async () => {
  await start();
  let all = '';
  for (let i = 0; i < 1_000; i++) {
    all += request('POST', `/keys/${i}`, `{"type":"PUT","value":${i}}`);
    all += request('GET', `/keys/${i}`);
  }
  client.send(all);
  for (let i = 0; i < 1_000; i++) {
    expect((await client.next()).status).toBe(204);
    expect((await client.next()).body).toBe(String(i));
  }
  expect(seenByNode).toEqual([]);
});

test('an upgrade comes to the owner of the server, with the bytes behind it', async () => {
  await start();
  const upgraded = once(http.server, 'upgrade');
  client.send(GET_A);
  await client.next();
  client.send(`${request('GET', '/link', undefined, ['Connection: Upgrade', 'Upgrade: x'])}more`);
  const [req, socket, head] = await upgraded;
  expect([req.url, head.toString()]).toEqual(['/link', 'more']);
  socket.destroy();
});

test('a service that throws after it has answered answers nobody else', async () => {
  await start();
  const { read } = http.service;
  http.service.read = (_key, _options, done) => {
    http.service.read = read;
    setTimeout(() => done({ ok: true, answer: '"late"', served: http.service.served }), 20);
    throw new Error('a bug');
  };
  client.send(GET_A);
  expect((await client.next()).status).toBe(500);
  http.service.hold();
  client.send(GET_A);
  await http.service.called(1);
  await after(50);
  http.service.release();
  expect((await client.next()).status).toBe(404);
  expect(http.errors).toEqual([new Error('a bug')]);
});

test('draining: plain requests under way are answered, later ones are refused', async () => {
  await start();
  http.service.hold();
  client.send(GET_A + request('POST', '/keys/a', PUT));
  await http.service.called(2);
  const drained = http.drain();
  client.send(request('POST', '/keys/b', PUT));
  await after(20);
  http.service.release();
  expect(await statuses(3)).toEqual([404, 204, 503]);
  expect(await client.closed()).toBe('');
  await drained;
  expect([...http.service.state.keys()]).toEqual(['a']);
});

test('draining: the last answer says so, also one that waits behind another for its turn', async () => {
  await start();
  http.service.state.set('a', '"\\r\\nConnection: keep-alive"');
  const { service } = http;
  const { read } = service;
  let answerFirst = (): void => undefined;
  service.read = (key, options, done) => {
    service.read = read;
    answerFirst = () => service.read(key, options, done);
  };
  client.send(GET_A + GET_A);
  await service.called(1);
  await turn();
  const drained = http.drain();
  answerFirst();
  const all = [await client.next(), await client.next()];
  expect(all.map(({ headers }) => headers.connection)).toEqual(['keep-alive', 'close']);
  expect(all.map(({ headers }) => headers['keep-alive'] !== undefined)).toEqual([true, false]);
  expect(all[1]?.body).toBe(all[0]?.body);
  await client.closed();
  await drained;
});

test('draining: a client that reads late is told which of its requests was not taken', async () => {
  await start();
  await sendWithoutReading();
  const drained = http.drain();
  await after(200);
  client.socket.resume();
  await statuses(UNDER_WAY);
  expect((await client.next()).status).toBe(503);
  await drained;
  expect(http.service.writes).toHaveLength(UNDER_WAY - 1);
});
