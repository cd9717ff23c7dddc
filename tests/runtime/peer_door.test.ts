/** Peers at the node's own HTTP port: they pass through it, and it serves everybody else as before. */

import { createServer, type Server } from 'node:http';
import { nodeId } from '../../kv/core/ids';
import { createHttpServer } from '../../kv/http/server';
import type { PeerTransportOptions } from '../../kv/runtime/peer_options';
import { PeerTransport } from '../../kv/runtime/peer_transport';
import { FakeService } from '../support/fake_service';
import { challenged, knock, noteBody, RawConnection } from './peer_raw';
import { MemoryLog, NOTES, type Note, Recorder, reasonOf } from './peer_support';
import { QUICK } from './peer_world';

const N1 = nodeId('n1');
const N2 = nodeId('n2');

let ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.reverse()) await end();
  ends = [];
});

interface Door {
  readonly port: number;
  readonly transport: PeerTransport<Note>;
  readonly heard: Recorder;
  readonly log: MemoryLog;
}

async function open(
  server: Server,
  extra: Partial<PeerTransportOptions<Note>> = {},
): Promise<Door> {
  const log = new MemoryLog();
  const transport = new PeerTransport<Note>({
    ...{ self: N1, cluster: 'test', codec: NOTES, log, limits: { ...QUICK, repeatLogMs: 0 } },
    // Nobody listens on port 1, so that only accepted connections play a part.
    peers: [{ id: N2, host: '127.0.0.1', port: 1 }],
    ...extra,
  });
  transport.attach(server);
  const heard = new Recorder();
  transport.listen(heard);
  await transport.start();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(async () => {
    await transport.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  return { port, transport, heard, log };
}

const echo = () =>
  createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      const { method, url, headers } = request;
      response.end(JSON.stringify({ method, url, body, connection: headers.connection ?? '' }));
    });
  });

async function say(port: number, text: string): Promise<string> {
  return new RawConnection(port).send(text).rest();
}

test('a peer passes, and its messages arrive', async () => {
  const { port, heard } = await open(echo());
  const { connection, answer, frame } = await knock(port);
  expect(answer.status).toBe(101);
  connection.send(frame(noteBody(7)));
  await heard.until(() => heard.numbers(N2).includes(7));
  connection.destroy();
});

test('on the server with the fast lane too, which serves clients meanwhile', async () => {
  const service = new FakeService();
  service.state.set('a', '"value of a"');
  const onError = (error: unknown) => {
    throw error;
  };
  const { server } = createHttpServer(service, { onError });
  const { port, heard } = await open(server);
  const { connection, answer, frame } = await knock(port);
  expect(answer.status).toBe(101);
  const get = 'GET /keys/a HTTP/1.1\r\nHost: x\r\n\r\n';
  const client = new RawConnection(port);
  const plain = await client.send(get).answer();
  expect([plain.status, plain.body.trim()]).toEqual([200, '"value of a"']);
  // A connection that the lane has served may become one of a peer.
  const [second] = await challenged(port);
  second.send(get);
  expect((await second.answer()).status).toBe(200);
  connection.send(frame(noteBody(8)));
  await heard.until(() => heard.numbers(N2).includes(8));
  for (const each of [connection, second, client]) each.destroy();
});

test.each([
  ['another cluster', { cluster: 'other' }, 403, /belongs to cluster "test"/],
  ['an unknown node', { from: nodeId('n9') }, 403, /n9 is not a known peer/],
  ['a wrong secret', { secret: 'x' }, 403, /uses a shared secret/],
  ['broken headers', { headers: { 'kv-peer-lane': 'fast' } }, 400, /kv-peer-lane/],
])('%s is refused with one line, and harms nobody', async (_what, lie, status, reason) => {
  const { port, log } = await open(echo());
  const { answer, connection } = await knock(port, lie);
  expect(answer.status).toBe(status);
  await connection.rest();
  const refused = log.warnings.filter(({ message }) => message.includes('was refused'));
  expect(refused.map(reasonOf)).toEqual([expect.stringMatching(reason)]);
  expect(await say(port, 'GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).toContain(
    '200',
  );
});

test('a refused peer that does not close is cut off', async () => {
  const limits = { ...QUICK, handshakeTimeoutMs: 20 };
  const { port } = await open(echo(), { limits });
  const { connection } = await knock(port, { cluster: 'other' });
  // It never sends its end, and still there is one.
  await connection.rest();
});

describe('an upgrade to something else is ignored, as HTTP allows', () => {
  const h2 = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n';

  test('the request is served as if it had not been asked for', async () => {
    const { port } = await open(echo());
    const connection = new RawConnection(port);
    connection.send(`GET /a?b HTTP/1.1\r\nHost: x\r\n${h2}\r\n`);
    const body = async () => JSON.parse((await connection.answer()).body) as object;
    expect(await body()).toEqual({ method: 'GET', url: '/a?b', body: '', connection: '' });
    // The connection goes on, also with a body that arrives in pieces.
    connection.send(`POST /c HTTP/1.1\r\nHost: x\r\n${h2}Content-Length: 6\r\n\r\nabc`);
    await new Promise((resolve) => setTimeout(resolve, 20));
    connection.send('def');
    expect(await body()).toMatchObject({ method: 'POST', url: '/c', body: 'abcdef' });
    connection.send(
      'GET /d HTTP/1.1\r\nHost: x\r\nConnection: close, upgrade\r\nUpgrade: h2c\r\n\r\n',
    );
    expect(await body()).toMatchObject({ url: '/d', connection: 'close' });
    await connection.rest();
  });

  test('behind a request that is not answered yet, it waits for that', async () => {
    const slow = createServer((request, response) => {
      setTimeout(() => response.end(request.url), request.url === '/slow' ? 50 : 0);
    });
    const { port } = await open(slow);
    const both = `GET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET /next HTTP/1.1\r\nHost: x\r\n${h2}\r\n`;
    const connection = new RawConnection(port).send(both);
    const bodies = [(await connection.answer()).body, (await connection.answer()).body];
    expect(bodies).toEqual(['/slow', '/next']);
    connection.destroy();
  });

  test('a client that goes away meanwhile is no error', async () => {
    const { port } = await open(echo());
    for (let i = 0; i < 20; i++) {
      const connection = new RawConnection(port);
      connection.send(`GET /a HTTP/1.1\r\nHost: x\r\n${h2}\r\n`);
      connection.destroy();
    }
    expect(await say(port, 'GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).toContain(
      '200',
    );
  });
});

test('a transport that has a port of its own is attached to nothing', () => {
  const bind = { host: '127.0.0.1', port: 0 };
  const common = { self: N1, cluster: 'test', peers: [], codec: NOTES, log: new MemoryLog() };
  const transport = new PeerTransport<Note>({ ...common, bind });
  expect(() => transport.attach(createServer())).toThrow('one place to listen');
});
