/** Connections: order, patience, early ends, draining. In each of the three ways. */

import { once } from 'node:events';
import { createHttpServer } from '../../kv/http/server';
import { LIMITS } from './malformed_requests';
import { ask, RawClient, request } from './raw_client';
import { errorOf, startServer, type TestServer, VARIANTS } from './test_server';

const PUT = '{"type":"PUT","value":1}';

describe.each(VARIANTS)('$variant', ({ hotPath, fastLane }) => {
  let http: TestServer;
  const clients: RawClient[] = [];
  const start = async (options: Parameters<typeof startServer>[0] = {}): Promise<void> => {
    http = await startServer({ hotPath, fastLane, ...options });
  };
  const open = async (): Promise<RawClient> => {
    const client = await RawClient.open(http.port);
    clients.push(client);
    return client;
  };

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await http.stop();
  });

  test('a pipeline is answered in its order, whatever order the service answers in', async () => {
    await start();
    http.service.hold();
    for (const key of ['a', 'b', 'c']) http.service.state.set(key, `"${key}"`);
    const client = await open();
    client.send(['a', 'b', 'c'].map((key) => request('GET', `/keys/${key}`)).join(''));
    await http.service.called(3);
    http.service.release('last_to_first');
    for (const key of ['a', 'b', 'c']) expect((await client.next()).body).toBe(`"${key}"`);
  });

  test('100-continue is sent when the body is wanted, and not when it is refused', async () => {
    await start(LIMITS);
    const client = await open();
    const [head = '', body = ''] = request('POST', '/keys/a', PUT, ['Expect: 100-continue']).split(
      '\r\n\r\n',
    );
    client.send(`${head}\r\n\r\n`);
    expect((await client.next()).status).toBe(100);
    client.send(body);
    expect((await client.next()).status).toBe(204);

    const tooLarge = ['Expect: 100-continue', 'Content-Length: 10001'];
    client.send(request('POST', '/keys/a', '', tooLarge));
    expect((await client.next()).status).toBe(413);
    await client.closed();
  });

  test('HTTP/1.0 knows no 100-continue', async () => {
    await start();
    const text = request('POST', '/keys/a', PUT, ['Expect: 100-continue']);
    expect((await ask(http.port, text.replace('HTTP/1.1', 'HTTP/1.0'))).status).toBe(204);
  });

  test('a client that sends all before it reads gets to see its refusal', async () => {
    await start(LIMITS);
    const client = await open();
    client.socket.pause();
    client.send(request('POST', '/keys/a', '', ['Content-Length: 8000000']));
    await new Promise((sent) => client.socket.write('x'.repeat(8_000_000), sent));
    client.socket.resume();
    expect(await client.next()).toMatchObject({ status: 413, headers: { connection: 'close' } });
    expect(await client.closed()).toBe('');
  });

  test('a refusal of a request that arrived whole keeps the connection', async () => {
    await start();
    const client = await open();
    client.send(request('POST', '/keys/a', '{}') + request('GET', '/keys/'));
    expect((await client.next()).status).toBe(400);
    expect((await client.next()).status).toBe(400);
    client.send(request('POST', '/keys/a', PUT));
    expect((await client.next()).status).toBe(204);
  });

  test('garbage after a good request does not cost it its answer', async () => {
    await start();
    http.service.hold();
    const client = await open();
    client.send(`${request('POST', '/keys/a', PUT)}garbage\r\n\r\n`);
    await http.service.called(1);
    http.service.release();
    expect((await client.next()).status).toBe(204);
    // The fast lane hands over when all is answered, and then it is garbage on an idle connection.
    if (fastLane) expect((await client.next()).status).toBe(400);
    expect(await client.closed()).toBe('');
  });

  test('a request that was refused early is not answered again when it breaks off', async () => {
    await start();
    const client = await open();
    client.send(request('POST', '/admin/status', '', ['Transfer-Encoding: chunked']));
    expect((await client.next()).status).toBe(405);
    client.send('no chunk\r\n');
    expect(await client.closed()).toBe('');
  });

  test('a client that goes away in its body changes nothing', async () => {
    await start();
    const client = await open();
    const gone = once(http.server, 'connection').then(([socket]) => once(socket, 'close'));
    const leaver = await open();
    leaver.send(request('POST', '/keys/a', PUT, ['Content-Length: 1000']));
    client.send(request('GET', '/keys/a'));
    await client.next();
    leaver.close();
    await gone;
    expect(http.service.writes).toEqual([]);
    expect(http.errors).toEqual([]);
  });

  test('a client that goes away before its answer leaves nothing behind', async () => {
    await start();
    http.service.hold();
    const leaver = await open();
    leaver.send(request('POST', '/keys/a', PUT) + request('GET', '/keys/a'));
    await http.service.called(2);
    leaver.close();
    await leaver.closed();
    http.service.release();
    expect((await ask(http.port, request('GET', '/keys/a'))).body).toBe('1');
    expect(http.errors).toEqual([]);
    expect(await connections(http)).toBe(0);
  });

  test('a client that ends its side gets all its answers, and then the end', async () => {
    await start();
    http.service.hold();
    const client = await open();
    client.send(request('GET', '/keys/a') + request('GET', '/health/live'));
    client.send(request('POST', '/keys/a', PUT));
    client.socket.end();
    await http.service.called(1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    http.service.release();
    const all = [await client.next(), await client.next(), await client.next()];
    expect(all.map(({ status }) => status)).toEqual([404, 200, 204]);
    expect(await client.closed()).toBe('');
  });

  test('a client that is too slow gets 408, for its headers and for its body', async () => {
    await start({ headersTimeoutMs: 50, requestTimeoutMs: 100 });
    const slowHeaders = await open();
    slowHeaders.send('GET /keys/a HTTP/1.1\r\nHost:');
    const slowBody = await open();
    slowBody.send(request('POST', '/keys/a', PUT, ['Content-Length: 1000']));
    for (const client of [slowHeaders, slowBody]) {
      const answer = await client.next();
      expect([answer.status, errorOf(answer).code]).toEqual([408, 'request_timeout']);
      await client.closed();
    }
    expect(http.service.writes).toEqual([]);
  });

  test('a body that ends after its 408 is not obeyed any more', async () => {
    await start({ headersTimeoutMs: 50, requestTimeoutMs: 100 });
    http.service.hold();
    const client = await open();
    // The answer to the first request keeps the connection open behind the 408 of the second.
    const second = request('POST', '/keys/late', PUT);
    client.send(request('POST', '/keys/a', PUT) + second.slice(0, -1));
    // The fast lane lets an unfinished request wait as long as those before it take.
    if (fastLane) await new Promise((resolve) => setTimeout(resolve, 200));
    else await once(http.server, 'clientError');
    client.send(second.slice(-1));
    await ask(http.port, request('GET', '/health/live'));
    http.service.release();
    const statuses = [(await client.next()).status, (await client.next()).status];
    expect(statuses).toEqual(fastLane ? [204, 204] : [204, 408]);
    const keys = http.service.writes.map((write) => write.key);
    expect(keys).toEqual(fastLane ? ['a', 'late'] : ['a']);
    expect(http.errors).toEqual([]);
  });

  test('an idle connection is closed after its time', async () => {
    await start({ keepAliveTimeoutMs: 50 });
    const client = await open();
    await client.send(request('GET', '/keys/a')).next();
    expect(await client.closed()).toBe('');
  });

  test('connections beyond the limit are closed as they come', async () => {
    await start({ maxConnections: 1 });
    const first = await open();
    await first.send(request('GET', '/keys/a')).next();
    const second = await open();
    expect(await second.closed()).toBe('');
    expect((await first.send(request('GET', '/keys/a')).next()).status).toBe(404);
  });

  describe('drain', () => {
    test('answers what is under way, in full, and ends each connection with it', async () => {
      await start();
      http.service.hold();
      const idle = await open();
      idle.send(request('GET', '/health/live'));
      await idle.next();
      const busy = await open();
      busy.send(request('POST', '/keys/a', PUT) + request('POST', '/keys/b', PUT));
      await http.service.called(2);
      const drained = http.drain();
      await idle.closed();
      await expect(RawClient.open(http.port)).rejects.toThrow('ECONNREFUSED');

      http.service.release('last_to_first');
      const first = await busy.next();
      expect(first).toMatchObject({ status: 204, headers: { connection: 'keep-alive' } });
      const last = await busy.next();
      expect(last).toMatchObject({ status: 204, headers: { connection: 'close' } });
      expect(await busy.closed()).toBe('');
      await drained;
      expect([...http.service.state.keys()]).toEqual(['b', 'a']);
    });

    test('refuses a command that begins later, which is then safe to repeat', async () => {
      await start();
      const late = await open();
      // Headers that are not whole: the connection is neither idle nor has it a request.
      const text = request('POST', '/keys/late', PUT);
      late.send(text.slice(0, 30));
      await ask(http.port, request('GET', '/health/live'));
      const drained = http.drain();
      late.send(text.slice(30));
      const answer = await late.next();
      expect(errorOf(answer)).toMatchObject({ code: 'stopping', outcome: 'not_applied' });
      expect(answer).toMatchObject({ status: 503, headers: { connection: 'close' } });
      await drained;
      expect(http.service.writes).toEqual([]);
    });

    test('tells a client that was between two requests that nothing was done', async () => {
      await start();
      const busy = await open();
      expect((await busy.send(request('POST', '/keys/a', PUT)).next()).status).toBe(204);
      const drained = http.drain();
      const answer = await busy.send(request('POST', '/keys/b', PUT)).next();
      expect(errorOf(answer)).toMatchObject({ code: 'stopping', outcome: 'not_applied' });
      expect(answer).toMatchObject({ status: 503, headers: { connection: 'close' } });
      expect(await busy.closed()).toBe('');
      await drained;
      expect([...http.service.state.keys()]).toEqual(['a']);
    });

    test('says not ready, and still live', async () => {
      await start();
      const answers = new Map<string, unknown>();
      const open2 = await Promise.all([open(), open()]);
      const targets = ['/health/ready', '/health/live'];
      for (const [i, client] of open2.entries()) client.send(`GET ${targets[i]} HTTP/1.1\r\nHo`);
      await ask(http.port, request('GET', '/health/live'));
      const drained = http.drain();
      for (const [i, client] of open2.entries()) {
        answers.set(targets[i] ?? '', (await client.send('st: x\r\n\r\n').next()).status);
      }
      expect([...answers]).toEqual([
        ['/health/ready', 503],
        ['/health/live', 200],
      ]);
      await drained;
    });

    test('lets a client read to its end what was being sent', async () => {
      await start({ drainTimeoutMs: 1_000_000, keepAliveTimeoutMs: 1_000_000 });
      const value = `"${'x'.repeat(16_000_000)}"`;
      http.service.state.set('a', value);
      const client = await open();
      client.socket.pause();
      client.send(request('GET', '/keys/a'));
      await http.service.called(1);
      await ask(http.port, request('GET', '/health/live'));
      const drained = http.drain();
      client.socket.resume();
      expect((await client.next()).body === value).toBe(true);
      await drained;
    });

    test('does not wait for ever', async () => {
      await start({ drainTimeoutMs: 50 });
      http.service.hold();
      const client = await open();
      client.send(request('GET', '/keys/a'));
      await http.service.called(1);
      await http.drain();
      expect(await client.closed()).toBe('');
      http.service.release();
    });

    test('twice is once, and before listening is nothing', async () => {
      await start();
      expect(http.drain()).toBe(http.drain());
      await http.drain();
      await createHttpServer(http.service, { onError: () => undefined }).drain();
    });
  });
});

function connections({ server }: TestServer): Promise<number> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      server.getConnections((error, count) => {
        if (error !== null) reject(error);
        else if (count === 0) resolve(count);
        else setImmediate(look);
      });
    };
    look();
  });
}
