/**
 * Bad input at the peer address: each row has its answer and exactly one line in the log, and after
 * each the link between two honest nodes still carries messages.
 */

import { nodeId } from '../../kv/core/ids';
import type { PeerTransport } from '../../kv/runtime/peer_transport';
import { Door } from './handshake_support';
import {
  challenged,
  challengeRequest,
  frameOf,
  type Knock,
  knock,
  noteBody,
  RawConnection,
} from './peer_raw';
import { MemoryLog, type Note, note, Recorder, reasonOf } from './peer_support';
import { PeerWorld, QUICK } from './peer_world';

const N1 = nodeId('n1');
const N2 = nodeId('n2');
/** Known to n1 and never there: the one whose part is played by raw bytes. */
const N3 = nodeId('n3');
const MAX_FRAME = 1000;

let world: PeerWorld;
let log: MemoryLog;
let n1: PeerTransport<Note>;
let n2: PeerTransport<Note>;
let heard: Recorder;
let exchanged = 0;

beforeAll(async () => {
  world = await PeerWorld.open([N1, N2]);
  log = new MemoryLog();
  const limits = { ...QUICK, repeatLogMs: 0, maxFrameBytes: MAX_FRAME, handshakeTimeoutMs: 1000 };
  n1 = await world.make(N1, { log, limits });
  n2 = await world.make(N2);
  heard = new Recorder();
  n1.listen(heard);
  n2.listen(new Recorder());
  await Promise.all([n1.start(), n2.start()]);
  await heard.until(() => n1.connected(N2));
  n1.addPeer({ id: N3, host: '127.0.0.1', port: 1 });
});

afterAll(async () => {
  await Promise.all([n1.close(), n2.close()]);
  await world.close();
});

/** Warnings that are not about dialling n3 in vain. */
const complaints = () =>
  log.warnings.filter(({ message }) => message !== 'a peer cannot be reached');

/** What was not there before: the answer as text, and the one new reason in the log. */
async function after(cause: () => Promise<string>): Promise<{ text: string; reasons: string[] }> {
  const before = complaints().length;
  const text = await cause();
  exchanged++;
  n2.send(N1, 'control', note(exchanged));
  n2.flush();
  await heard.until(() => heard.numbers(N2).at(-1) === exchanged);
  return { text, reasons: complaints().slice(before).map(reasonOf) };
}

const raw = (bytes: string | Uint8Array) => async () =>
  new RawConnection(n1.address.port).send(bytes).end().rest();
/** The stranger does not even close its side. */
const hanging = (bytes: string | Uint8Array) => async () =>
  new RawConnection(n1.address.port).send(bytes).rest();

const get = (headers: string) => `GET / HTTP/1.1\r\nhost: x\r\n${headers}\r\n`;
const TLS = Buffer.from('16030100c8010000c40303', 'hex');
const noise = Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 2654435761) >>> 24));

const STRANGERS: readonly [string, () => Promise<string>, number, RegExp][] = [
  ['random bytes', raw(noise), 400, /is not HTTP/],
  ['zeros', raw(Buffer.alloc(1000)), 400, /is not HTTP/],
  ['a TLS client hello', raw(Buffer.concat([TLS, Buffer.alloc(200)])), 400, /is not HTTP/],
  ['a TLS client that waits', hanging(Buffer.concat([TLS, Buffer.alloc(200)])), 400, /is not HTTP/],
  ['an SSH client', hanging('SSH-2.0-OpenSSH_9.2\r\n'), 400, /is not HTTP/],
  ['a Redis client', hanging('*1\r\n$4\r\nPING\r\n'), 400, /is not HTTP/],
  ['HTTP/2', hanging('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), 400, /is not HTTP/],
  ['a frame with no handshake', raw(frameOf(noteBody(1), 1)), 400, /is not HTTP/],
  ['a browser', raw(get('')), 426, /plain HTTP request/],
  ['a browser that keeps the connection', hanging(get('connection: keep-alive\r\n')), 426, /plain/],
  ['POST', raw('POST /keys/a HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}'), 426, /plain/],
  [
    'a POST that never ends',
    hanging('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n{'),
    426,
    /plain/,
  ],
  ['CONNECT', hanging('CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n'), 426, /CONNECT/],
  [
    'a WebSocket',
    hanging(get('connection: Upgrade\r\nupgrade: websocket\r\n')),
    426,
    /another protocol/,
  ],
  ['no host', raw('GET / HTTP/1.1\r\n\r\n'), 426, /plain/],
  ['one huge header', raw(get(`a: ${'x'.repeat(20_000)}\r\n`)), 431, /too large/],
  ['many headers', raw(get('abcd: efgh\r\n'.repeat(1500))), 431, /too large/],
  ['a huge path', raw(`GET /${'x'.repeat(20_000)} HTTP/1.1\r\n\r\n`), 431, /too large/],
  [
    'conflicting lengths',
    raw('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n'),
    400,
    /not HTTP/,
  ],
  [
    'half an upgrade, then the end',
    raw(get('connection: Upgrade\r\nupgrade: quorum').slice(0, -2)),
    400,
    /is not HTTP/,
  ],
  [
    'half an upgrade, then nothing',
    hanging('GET / HTTP/1.1\r\nupgr'),
    408,
    /no handshake within 1000 ms/,
  ],
  ['a challenge and then nothing', hanging(challengeRequest), 408, /no handshake within 1000 ms/],
  ['silence', hanging(''), 408, /no handshake within 1000 ms/],
  [
    'an upgrade with nothing in it',
    hanging(get('connection: Upgrade\r\nupgrade: quorum-kv-peer\r\n')),
    400,
    /kv-peer-version/,
  ],
];

test.each(STRANGERS)('%s gets its answer and one line', async (_, cause, status, reason) => {
  const { text, reasons } = await after(cause);
  const statuses = [...text.matchAll(/HTTP\/1\.1 ([0-9]{3}) /g)].map((match) => Number(match[1]));
  expect(statuses.at(-1)).toBe(status);
  expect(reasons).toHaveLength(1);
  expect(reasons[0]).toMatch(reason);
});

test('slow loris: a header at a time, and the time is up all the same', async () => {
  const { text, reasons } = await after(async () => {
    const connection = new RawConnection(n1.address.port).send('GET / HTTP/1.1\r\n');
    const drip = setInterval(() => connection.send('a: b\r\n'), 20);
    const rest = await connection.rest();
    clearInterval(drip);
    return rest;
  });
  expect(text).toContain('408');
  expect(reasons).toEqual(['no handshake within 1000 ms']);
});

test('a connection that is opened and closed is a health check: not a word', async () => {
  const { text, reasons } = await after(raw(''));
  expect({ text, reasons }).toEqual({ text: '', reasons: [] });
});

/** After a good handshake as n3: what is sent, and the reason in the log. */
const PEERS: readonly [string, (to: Knock) => Uint8Array | string, RegExp][] = [
  ['garbage', () => noise, /at most 1000 are allowed|checksum/],
  ['HTTP after the upgrade', () => get(''), /a frame of [0-9]+ bytes/],
  ['eight zero bytes', () => Buffer.alloc(8), /the checksum of a frame is wrong/],
  [
    'a frame past the limit',
    (to) => to.frame(Buffer.alloc(MAX_FRAME + 1)),
    /1001 bytes; at most 1000/,
  ],
  ['the largest length', () => Buffer.alloc(8, 0xff), /a frame of 4294967295 bytes/],
  [
    'a negative length',
    () => Buffer.from('0000008000000000', 'hex'),
    /a frame of 2147483648 bytes/,
  ],
  ['a wrong checksum', (to) => flipped(to.frame(noteBody(1)), 4), /checksum/],
  ['a changed body', (to) => flipped(to.frame(noteBody(1)), 9), /checksum/],
  ['a frame of another connection', () => frameOf(noteBody(1), 12345), /checksum/],
  ['a frame without a seed', () => frameOf(noteBody(1), 0), /checksum/],
  [
    'no message of the protocol',
    (to) => to.frame(Buffer.from('hello')),
    /cannot be decoded: a note begins with/,
  ],
  [
    'a message that is too short',
    (to) => to.frame(noteBody(1).subarray(0, 5)),
    /cannot be decoded: .* bytes were expected/,
  ],
  [
    'a message that is too long',
    (to) => to.frame(Buffer.concat([noteBody(1), noteBody(1)])),
    /cannot be decoded: .* bytes too many/,
  ],
];

test.each(PEERS)('%s after the handshake ends that connection', async (_, bytes, reason) => {
  const delivered = heard.numbers(N3).length;
  const { reasons } = await after(async () => {
    const to = await knock(n1.address.port, { from: N3 });
    expect(to.answer.status).toBe(101);
    return to.connection
      .send(bytes(to))
      .send(to.frame(noteBody(77)))
      .rest();
  });
  expect(reasons).toHaveLength(1);
  expect(reasons[0]).toMatch(reason);
  expect(heard.numbers(N3)).toHaveLength(delivered);
});

test('half a frame and then the end is said so', async () => {
  const { reasons } = await after(async () => {
    const to = await knock(n1.address.port, { from: N3 });
    return to.connection
      .send(to.frame(noteBody(1)).subarray(0, 12))
      .end()
      .rest();
  });
  expect(reasons).toEqual(['the connection ended within a frame']);
});

test('a good message before a bad frame is delivered, and a peer that ends is no complaint', async () => {
  const { reasons } = await after(async () => {
    const to = await knock(n1.address.port, { from: N3 });
    return to.connection
      .send(to.frame(noteBody(42)))
      .end()
      .rest();
  });
  expect(reasons).toEqual([]);
  expect(heard.numbers(N3)).toContain(42);
});

test('strangers beyond the limit push out the oldest, and a peer still gets in', async () => {
  const door = await Door.open({ maxPendingConnections: 3, handshakeTimeoutMs: 3_600_000 });
  const strangers: RawConnection[] = [];
  for (let i = 0; i < 5; i++) {
    const [connection] = await challenged(door.port);
    strangers.push(connection);
  }
  const pushedOut = await Promise.all(strangers.slice(0, 2).map((stranger) => stranger.rest()));
  for (const text of pushedOut) expect(text).toContain('503 Service Unavailable');
  await door.carries(await door.knock(), 1);
  for (const stranger of strangers) stranger.destroy();
  await door.close();
});

function flipped(bytes: Buffer, at: number): Buffer {
  bytes[at] = (bytes[at] as number) ^ 1;
  return bytes;
}
