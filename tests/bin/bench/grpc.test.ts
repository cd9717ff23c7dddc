/**
 * The hand-written gRPC of the generator: its bytes against those of the specifications, and its
 * connections against a server of Node's own HTTP/2.
 */

import { once } from 'node:events';
import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { GrpcClient, GrpcConnection } from '../../../bin/bench/load/grpc_connection';
import { CallHeaders, callOf, frame, varint } from '../../../bin/bench/load/grpc_frames';
import { GrpcInput } from '../../../bin/bench/load/grpc_input';
import type { LoadOrder } from '../../../bin/bench/load/load_order';
import { Run } from '../../../bin/bench/load/run';

test.each([
  [0, '00'],
  [127, '7f'],
  [128, '8001'],
  [300, 'ac02'],
  [65_536, '808004'],
])('the varint of %d', (value, hex) => {
  expect(varint(value).toString('hex')).toBe(hex);
});

const KEY = '6b657930303030303030303030303030';

test.each([
  // Prefix of gRPC, then field 1 (the key, 16 bytes) and field 2 (the value, 3 bytes).
  ['put', `0000000017${'0a10'}${KEY}${'1203'}787878`],
  ['get', `0000000012${'0a10'}${KEY}`],
  // Field 7 (serializable) is true.
  ['stale', `0000000014${'0a10'}${KEY}${'3801'}`],
] as const)('the message of a %s', (operation, hex) => {
  const { message, keyAt } = callOf(operation, 3);
  expect(message.toString('hex')).toBe(hex);
  expect(message.toString('latin1', keyAt, keyAt + 16)).toBe('key0000000000000');
});

test('a long value has a long length', () => {
  const { message } = callOf('put', 300);
  expect(message.length).toBe(5 + 18 + 3 + 300);
  expect(message.readUInt32BE(1)).toBe(18 + 3 + 300);
  expect(message.toString('hex', 23, 26)).toBe('12ac02');
});

test('a frame', () => {
  expect(frame(1, 4, 0x01020305, Buffer.from('ab')).toString('hex')).toBe(
    '000002' + '01' + '04' + '01020305' + '6162',
  );
});

test('headers are spelled out once', () => {
  const headers = new CallHeaders('a');
  const text = (literal: string) => Buffer.from(literal).toString('hex');
  expect(headers.blockOf('/p').toString('hex')).toBe(
    `8386${'4402'}${text('/p')}${'4101'}${text('a')}${'5f10'}${text('application/grpc')}` +
      `${'4002'}${text('te')}08${text('trailers')}`,
  );
  // From the newest, te, to the oldest, the path.
  expect(headers.blockOf('/p').toString('hex')).toBe('8386c1c0bfbe');
  expect(headers.blockOf('/q').toString('hex')).toBe(`8386${'4402'}${text('/q')}c1c0bf`);
  expect(headers.blockOf('/p').toString('hex')).toBe('8386c2c1c0bf');
});

test('frames are found in whatever pieces they come', () => {
  const bytes = Buffer.concat([
    frame(4, 0, 0, Buffer.from('000400001000', 'hex')),
    frame(4, 1, 0, Buffer.alloc(0)),
    frame(6, 0, 0, Buffer.from('12345678')),
    frame(6, 1, 0, Buffer.from('answered')),
    frame(1, 4, 3, Buffer.from('head')),
    frame(0, 0, 3, Buffer.alloc(300)),
    frame(1, 5, 3, Buffer.from('trailers')),
    frame(3, 0, 5, Buffer.from('00000008', 'hex')),
    frame(8, 0, 0, Buffer.from('00000100', 'hex')),
    frame(7, 0, 0, Buffer.from('0000000000000000627965', 'hex')),
    frame(99, 0, 0, Buffer.from('unknown')),
  ]);
  const heardIn = (size: number) => {
    const heard: unknown[] = [];
    const input = new GrpcInput({
      onData: (stream, length) => heard.push(['data', stream, length]),
      onEnd: (stream, text) => heard.push(['end', stream, text]),
      onSettings: (settings) => heard.push(['settings', ...settings]),
      onPing: (payload) => heard.push(['ping', payload.toString()]),
      onWindow: (stream, length) => heard.push(['window', stream, length]),
      onBroken: (why) => heard.push(['broken', why]),
    });
    const shared = Buffer.alloc(1000);
    for (let at = 0; at < bytes.length; at += size) {
      input.take(shared, bytes.copy(shared, 0, at, Math.min(bytes.length, at + size)));
    }
    return heard;
  };
  const whole = heardIn(bytes.length);
  expect(whole).toEqual([
    ['settings', [4, 4096]],
    ['ping', '12345678'],
    ['data', 3, 300],
    ['end', 3, 'trailers'],
    ['end', 5, 'reset with code 8'],
    ['window', 0, 256],
    ['broken', 'the server ends the connection: bye'],
  ]);
  for (const size of [1, 2, 7, 100]) expect(heardIn(size)).toEqual(whole);
});

describe('against an HTTP/2 server of Node', () => {
  let server: Http2Server;
  let calls: { headers: IncomingHttpHeaders; body: Buffer }[];
  let answer: (stream: ServerHttp2Stream, body: Buffer) => void;

  beforeEach(async () => {
    calls = [];
    server = createServer({ settings: { initialWindowSize: 20_000 } });
    server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      const pieces: Buffer[] = [];
      stream.on('data', (piece: Buffer) => pieces.push(piece));
      stream.on('end', () => {
        const body = Buffer.concat(pieces);
        calls.push({ headers, body });
        answer(stream, body);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  const fine = (bytes: number) => (stream: ServerHttp2Stream) => {
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc' },
      { waitForTrailers: true },
    );
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.alloc(bytes));
  };

  async function load(order: Pick<LoadOrder, 'workload' | 'valueBytes' | 'requests'>) {
    const run = new Run({ protocol: 'etcd-grpc', ports: [], clients: 5, keys: 1000, ...order });
    // A server of Node has an address of this kind.
    const { port } = server.address() as AddressInfo;
    const connections = [1, 2].map(() => new GrpcConnection(run, port, order.valueBytes));
    const clients = [0, 1, 0, 1, 0].map((i) => {
      return new GrpcClient(run, connections[i] as GrpcConnection, order.valueBytes);
    });
    await Promise.all(connections.map((connection) => connection.connect()));
    const result = await run.go(clients);
    await Promise.all(connections.map((connection) => connection.close()));
    return result;
  }

  test('calls arrive as they should, also those larger than every window', async () => {
    answer = fine(10);
    for (const valueBytes of [3, 100_000]) {
      calls = [];
      const result = await load({ workload: 'put', valueBytes, requests: 50 });
      expect(result).toMatchObject({ operations: 50, errors: 0 });
      expect(calls).toHaveLength(50);
      const { message, keyAt } = callOf('put', valueBytes);
      for (const { headers, body } of calls) {
        expect(headers).toMatchObject({ ':method': 'POST', ':path': '/etcdserverpb.KV/Put' });
        expect(headers).toMatchObject({ 'content-type': 'application/grpc', te: 'trailers' });
        body.fill('0', keyAt + 3, keyAt + 16);
        expect(body.equals(message)).toBe(true);
      }
    }
  });

  test('reads and puts share a connection', async () => {
    answer = fine(50);
    const result = await load({ workload: 'mix', valueBytes: 8, requests: 200 });
    expect(result).toMatchObject({ operations: 200, errors: 0 });
    const puts = calls.filter(({ headers }) => headers[':path'] === '/etcdserverpb.KV/Put');
    expect([calls.length, puts.length]).toEqual([200, 20]);
  });

  test('a call that failed, and a read that found nothing, are errors', async () => {
    answer = (stream) =>
      stream.respond({ ':status': 200, 'grpc-status': '14' }, { endStream: true });
    expect(await load({ workload: 'put', valueBytes: 8, requests: 9 })).toMatchObject({
      ...{ operations: 0, errors: 9 },
    });
    answer = fine(7);
    expect(await load({ workload: 'get', valueBytes: 8, requests: 9 })).toMatchObject({
      ...{ operations: 0, errors: 9 },
    });
  });

  test('a server that goes away ends the run', async () => {
    answer = (stream) => stream.session?.destroy();
    await expect(load({ workload: 'put', valueBytes: 8, requests: 9 })).rejects.toThrow(
      /closed|ends the connection/,
    );
  });
});
