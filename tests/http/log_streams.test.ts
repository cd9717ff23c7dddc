/** Following the log as server-sent events. */

import { once } from 'node:events';
import { connect } from 'node:net';
import { EventReader, type LogTestServer, startLogServer } from './log_server_support';
import { RawClient, request } from './raw_client';
import { errorOf } from './test_server';

let http: LogTestServer;
const readers: EventReader[] = [];

async function start(options: Parameters<typeof startLogServer>[0] = {}): Promise<void> {
  http = await startLogServer(options);
}
async function follow(query = '', headers: Readonly<Record<string, string>> = {}) {
  const reader = await EventReader.open(
    `http://127.0.0.1:${http.port}/messages/stream${query}`,
    headers,
  );
  readers.push(reader);
  return reader;
}
afterEach(async () => {
  for (const reader of readers.splice(0)) reader.close();
  await http.stop();
  expect(http.errors).toEqual([]);
});

const ordersOf = (reader: EventReader): number[] => reader.messages.map(({ order }) => order);

test('what is there, then what comes, each once and in order', async () => {
  await start();
  http.service.push('a', 'b');
  const reader = await follow();
  expect(reader.response.headers['content-type']).toBe('text/event-stream; charset=utf-8');
  await reader.until(() => reader.messages.length === 2);
  http.service.push('ü\n\n"', 'd');
  await reader.until(() => reader.messages.length === 4);
  http.service.push('e');
  await reader.until(() => reader.messages.length === 5);
  expect(reader.messages.map(({ message }) => message)).toEqual(['a', 'b', 'ü\n\n"', 'd', 'e']);
  expect(reader.events.map(({ id }) => id)).toEqual(['0', '1', '2', '3', '4']);
});

test('goes on behind Last-Event-ID, which counts more than from', async () => {
  await start();
  http.service.push('a', 'b', 'c', 'd');
  const fresh = await follow('?from=1');
  await fresh.until(() => fresh.messages.length === 3);
  expect(ordersOf(fresh)).toEqual([1, 2, 3]);
  const again = await follow('?from=1', { 'Last-Event-ID': '2' });
  await again.until(() => again.messages.length === 1);
  expect(ordersOf(again)).toEqual([3]);
  // One that is ahead of this node waits for what it does not have.
  const ahead = await follow('', { 'Last-Event-ID': '4' });
  http.service.push('e', 'f');
  await ahead.until(() => ahead.messages.length === 1);
  expect(ordersOf(ahead)).toEqual([5]);
});

test.each(['x', '-1', '1.5', '99999999999999999999'])('Last-Event-ID %s is refused', async (id) => {
  await start();
  const answer = await http.send('GET', '/messages/stream', undefined, [`Last-Event-ID: ${id}`]);
  expect([answer.status, errorOf(answer).code]).toEqual([400, 'parameter_not_valid']);
});

test('a clear is told, and the new log begins at its first message', async () => {
  await start();
  http.service.allowsClear = true;
  http.service.push('a', 'b');
  const reader = await follow();
  await reader.until(() => reader.messages.length === 2);
  http.service.clear(() => undefined);
  http.service.push('c');
  await reader.until(() => reader.messages.length === 3);
  expect(reader.events.map(({ event }) => event)).toEqual([
    ...['message', 'message', 'cleared', 'message'],
  ]);
  expect(reader.messages.at(-1)).toMatchObject({ message: 'c', order: 0 });
});

test('below what is kept: refused at the start, told and ended later', async () => {
  await start({ streams: { heartbeatMs: 20 } });
  http.service.push('a', 'b', 'c');
  const reader = await follow('?from=3');
  http.service.messages = [];
  http.service.first = 5;
  await reader.untilEnd();
  const last = reader.events.at(-1);
  expect(last).toMatchObject({ event: 'error', data: { error: { code: 'below_retention' } } });
  const answer = await http.send('GET', '/messages/stream?from=3');
  expect([answer.status, errorOf(answer).code]).toEqual([410, 'below_retention']);
});

test('an idle stream shows now and then that it lives', async () => {
  await start({ streams: { heartbeatMs: 5 } });
  const reader = await follow();
  await reader.until(() => reader.text.split(': nothing new').length > 3);
  expect(reader.events).toEqual([]);
});

test('no more than the bound; a place is free again when its client has gone', async () => {
  await start({ streams: { maxStreams: 2, heartbeatMs: 5 } });
  const [first] = [await follow(), await follow()];
  const refused = await http.send('GET', '/messages/stream');
  expect([refused.status, errorOf(refused).code]).toEqual([429, 'too_many_streams']);
  expect(refused.headers['retry-after']).toBe('1');
  first.close();
  await first.untilEnd();
  let status = 429;
  while (status === 429) {
    const reader = await follow();
    status = reader.response.statusCode ?? 0;
  }
  expect(status).toBe(200);
});

describe('a client that takes nothing', () => {
  /** Far more than the buffers of a connection hold. */
  const texts = Array.from({ length: 4000 }, () => 'x'.repeat(20_000));

  async function deaf() {
    const socket = connect(http.port, '127.0.0.1');
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.pause();
    socket.write('GET /messages/stream HTTP/1.1\r\nHost: a\r\n\r\n');
    return socket;
  }

  test('is read for no further, and delays nobody', async () => {
    await start();
    http.service.pageLimit = 10;
    http.service.push(...texts);
    const socket = await deaf();
    const reader = await follow(`?from=${texts.length}`);
    let before = -1;
    while (before !== http.service.reads) {
      before = http.service.reads;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(before).toBeLessThan(texts.length / 10);
    http.service.push('for all');
    await reader.until(() => reader.messages.length === 1);
    socket.destroy();
  });

  test('is given up after a while', async () => {
    await start({ streams: { stallMs: 50 } });
    http.service.push(...texts);
    const socket = await deaf();
    const serverSide = new Promise<void>((resolve) => {
      const look = setInterval(() => {
        http.server.getConnections((_error, count) => {
          if (count > 0) return;
          clearInterval(look);
          resolve();
        });
      }, 20);
    });
    await serverSide;
    socket.destroy();
  });
});

test('a client that ends its side ends its stream at once', async () => {
  await start({ streams: { maxStreams: 1 } });
  http.service.push('a');
  const client = await RawClient.open(http.port);
  client.send(request('GET', '/messages/stream'));
  while (http.service.following === 0) await http.send('GET', '/health/live');
  client.socket.end();
  await client.closed();
  expect((await http.send('HEAD', '/messages/stream')).status).toBe(200);
});

test('a drain ends the streams', async () => {
  await start();
  http.service.push('a');
  const reader = await follow();
  await reader.until(() => reader.messages.length === 1);
  await http.drain();
  await reader.untilEnd();
  expect(reader.response.complete).toBe(true);
});

test('HEAD and a POST do not open a stream', async () => {
  await start();
  const head = await http.send('HEAD', '/messages/stream');
  expect(head.status).toBe(200);
  expect((await http.send('POST', '/messages/stream', '{}')).status).toBe(405);
});
