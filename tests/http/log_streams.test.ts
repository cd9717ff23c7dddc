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
  expect(reader.events.map(({ id }) => id)).toEqual(
    [0, 1, 2, 3, 4].map((order) => `log-1:${order}`),
  );
});

test('goes on behind Last-Event-ID, which counts more than from', async () => {
  await start();
  http.service.push('a', 'b', 'c', 'd');
  const fresh = await follow('?from=1');
  await fresh.until(() => fresh.messages.length === 3);
  expect(ordersOf(fresh)).toEqual([1, 2, 3]);
  // A plain number is an order, in whatever log is there.
  for (const id of ['2', 'log-1:2']) {
    const again = await follow('?from=1', { 'Last-Event-ID': id });
    await again.until(() => again.messages.length === 1);
    expect(ordersOf(again)).toEqual([3]);
  }
  // One that is ahead of this node waits for what it does not have.
  const ahead = await follow('', { 'Last-Event-ID': '4' });
  http.service.push('e', 'f');
  await ahead.until(() => ahead.messages.length === 1);
  expect(ordersOf(ahead)).toEqual([5]);
});

test('goes on at the beginning of the log behind the id of the event that has told of it', async () => {
  await start();
  http.service.push('a');
  const reader = await follow('', { 'Last-Event-ID': 'log-1:-1' });
  await reader.until(() => reader.messages.length === 1);
  expect(ordersOf(reader)).toEqual([0]);
});

describe('who comes again and has read another log', () => {
  const behindFormer = { 'Last-Event-ID': 'log-0:1' };

  test('is told, and sent all of the one that is there', async () => {
    await start();
    http.service.push('a', 'b', 'c', 'd');
    const reader = await follow('?from=3', behindFormer);
    await reader.until(() => reader.messages.length === 4);
    expect(reader.events.map(({ event, id }) => `${event} ${id}`)).toEqual([
      ...['cleared log-1:-1', 'message log-1:0', 'message log-1:1'],
      ...['message log-1:2', 'message log-1:3'],
    ]);
  });

  test('begins at the oldest message that is kept', async () => {
    await start();
    http.service.first = 4;
    http.service.push('e', 'f');
    const reader = await follow('', behindFormer);
    await reader.until(() => reader.messages.length === 2);
    expect(reader.events.map(({ event, id }) => `${event} ${id}`)).toEqual([
      ...['cleared log-1:3', 'message log-1:4', 'message log-1:5'],
    ]);
  });

  test('is told also when the new log is empty, and when it asked with HEAD', async () => {
    await start();
    const reader = await follow('', behindFormer);
    await reader.until(() => reader.events.length === 1);
    expect(reader.events).toEqual([{ event: 'cleared', id: 'log-1:-1', data: {} }]);
    const { status } = await http.send('HEAD', '/messages/stream', undefined, [
      'Last-Event-ID: log-0:1',
    ]);
    expect(status).toBe(200);
  });
});

test('a log that has no name yet is named by nothing, and gets its name silently', async () => {
  await start();
  http.service.log = '';
  http.service.push('a', 'b', 'c');
  const reader = await follow('', { 'Last-Event-ID': ':0' });
  await reader.until(() => reader.messages.length === 2);
  expect(reader.events.map(({ id }) => id)).toEqual([':1', ':2']);
});

test.each([
  ...['x', '-1', '1.5', '99999999999999999999'],
  ...['log-1', 'log-1:', 'log-1:x', 'log-1:-2', 'log-1:1:1'],
])('Last-Event-ID %s is refused', async (id) => {
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
  expect(reader.events.map(({ id }) => id).slice(2)).toEqual(["log-1':-1", "log-1':0"]);
});

test('after a clear the oldest message that is kept comes first', async () => {
  await start();
  http.service.allowsClear = true;
  http.service.push('a');
  const reader = await follow();
  await reader.until(() => reader.messages.length === 1);
  http.service.clear(() => undefined);
  http.service.first = 5;
  http.service.push('b');
  await reader.until(() => reader.messages.length === 2);
  expect(reader.events.map(({ event, id }) => `${event} ${id}`).slice(1)).toEqual([
    ...["cleared log-1':4", "message log-1':5"],
  ]);
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
