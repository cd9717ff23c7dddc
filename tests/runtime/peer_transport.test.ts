/** What is particular to the transport on TCP; what all transports do is in `tests/conformance`. */

import { createServer, type Server } from 'node:http';
import { nodeId } from '../../kv/core/ids';
import type { PeerLimits } from '../../kv/runtime/peer_options';
import { PeerTransport } from '../../kv/runtime/peer_transport';
import { MemoryLog, NOTES, type Note, note, Recorder, reasonOf } from './peer_support';
import { type Extra, PeerWorld, QUICK } from './peer_world';

const N1 = nodeId('n1');
const N2 = nodeId('n2');

let world: PeerWorld;
let ends: PeerTransport<Note>[] = [];
let servers: Server[] = [];

beforeEach(async () => {
  world = await PeerWorld.open([N1, N2]);
});

afterEach(async () => {
  await Promise.all(ends.map((end) => end.close()));
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  await world.close();
  ends = [];
  servers = [];
});

async function node(id: typeof N1, extra: Extra = {}): Promise<[PeerTransport<Note>, Recorder]> {
  const transport = await world.make(id, extra);
  const heard = new Recorder();
  transport.listen(heard);
  ends.push(transport);
  await transport.start();
  return [transport, heard];
}

/** Puts an HTTP server in the place of n2. */
async function listen(server: Server): Promise<void> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address !== null && typeof address === 'object') world.relay(N2).target = address.port;
}

const withLimits = (limits: Partial<PeerLimits>): Extra => ({ limits: { ...QUICK, ...limits } });

describe('binding', () => {
  const bindTo = (host: string, port: number) => {
    const common = { self: N1, cluster: 'test', peers: [], codec: NOTES, log: new MemoryLog() };
    const transport = new PeerTransport<Note>({ ...common, bind: { host, port } });
    transport.listen(new Recorder());
    ends.push(transport);
    return transport;
  };

  test('an address in use is one clear sentence', async () => {
    const [first] = await node(N1);
    const { port } = first.address;
    await expect(bindTo('127.0.0.1', port).start()).rejects.toThrow(
      `the peer address 127.0.0.1:${port} is in use: is this node already running`,
    );
  });

  test('an address of another machine is one clear sentence', async () => {
    await expect(bindTo('192.0.2.1', 6000).start()).rejects.toThrow(
      'the peer address 192.0.2.1:6000 is not an address of this machine',
    );
  });

  test('close releases the port, and a closed transport never started is fine', async () => {
    const [first] = await node(N1);
    const { port } = first.address;
    await first.close();
    const second = bindTo('127.0.0.1', port);
    await second.start();
    await second.close();
    // Also when it is closed while it is about to listen.
    const third = bindTo('127.0.0.1', port);
    await Promise.all([third.start(), third.close()]);
    await bindTo('127.0.0.1', port).start();
    await bindTo('127.0.0.1', 1).close();
  });
});

describe('what the dialler finds', () => {
  /** A log of n1 while it dials something that is no honest n2. */
  async function complaintOf(extra: Extra = {}): Promise<string[]> {
    const log = world.log(N1);
    const [, heard] = await node(N1, { ...withLimits({ maxRefusedRedialMs: 2 }), ...extra });
    await log.warned(/./);
    const refused = world.relay(N2).connections;
    // Many attempts later there is still only the one line.
    await world.relay(N2).until(() => world.relay(N2).connections >= refused + 10);
    expect(heard.links).toEqual([]);
    return log.warnings.filter(({ fields }) => 'peer' in fields).map(reasonOf);
  }

  test('a refusal is logged once, with its status and reason', async () => {
    await node(N2, { cluster: 'other' });
    expect(await complaintOf()).toEqual([
      'it refuses (403): this node belongs to cluster "other", not "test"',
    ]);
  });

  test('a wrong secret is logged once', async () => {
    await node(N2, { secret: 'one' });
    const reasons = await complaintOf({ secret: 'two' });
    expect(reasons).toEqual([
      "it refuses (403): the dialler's proof of the shared secret is wrong",
    ]);
  });

  test('an HTTP server that is no peer port is called so', async () => {
    await listen(createServer((_, response) => response.writeHead(404).end('no')));
    expect(await complaintOf()).toEqual([
      'what listens there is not a peer port of quorum-kv (it answers 404)',
    ]);
  });

  const proof = (text: string) => ({ 'kv-peer-proof': text });
  const n3 = { ...proof('none'), 'kv-peer-from': 'n3' };
  const broken = { ...proof('none'), 'kv-peer-instance': '?' };

  test.each<[string, string | undefined, Record<string, string>, RegExp]>([
    ['no proof', 'one', {}, /acceptor gave no proof/],
    ['a made-up proof', 'one', proof('f'.repeat(64)), /acceptor's proof .* is wrong/],
    ['no secret', 'one', proof('none'), /the acceptor has none configured/],
    ['another id', undefined, n3, /this address belongs to node n3, not n2/],
    ['broken headers', undefined, broken, /its welcome is malformed/],
  ])('an acceptor with %s is not believed', async (_, secret, said, reason) => {
    const challenge = { 'kv-peer-challenge': 'a'.repeat(32) };
    const server = createServer((_, response) => response.writeHead(426, challenge).end());
    server.on('upgrade', (_, socket) => {
      const honest = { 'kv-peer-from': 'n2', 'kv-peer-instance': 'b'.repeat(32) };
      const upgrade = { connection: 'Upgrade', upgrade: 'x', 'kv-peer-storage': '0' };
      const headers = Object.entries({ ...upgrade, ...honest, ...said });
      const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`);
      socket.on('error', () => undefined);
      socket.on('end', () => socket.destroy()).resume();
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`);
    });
    await listen(server);
    const reasons = await complaintOf(secret === undefined ? {} : { secret });
    expect(reasons).toHaveLength(1);
    expect(reasons[0]).toMatch(reason);
  });
});

describe('peers that come and go', () => {
  test('a peer added at run time is linked at once, a removed one is a stranger', async () => {
    const [one, heard] = await node(N1, { peers: [] });
    // It refuses n2, which from then on would wait for an hour.
    await node(N2, withLimits({ minRedialMs: 3_600_000, maxRefusedRedialMs: 3_600_000 }));
    await world.log(N1).warned(/n2 is not a known peer of n1/);
    one.addPeer({ id: N2, host: '127.0.0.1', port: world.relay(N2).port });
    await heard.until(() => one.connected(N2));
    one.removePeer(N2);
    expect(one.connected(N2)).toBe(false);
    expect(heard.links).toEqual([{ peer: N2, up: true }]);
    expect([...one.stats().keys()]).toEqual([]);
  });

  test('the id of the node itself is a broken invariant', async () => {
    const [one] = await node(N1);
    const self = { id: N1, host: '127.0.0.1', port: 1 };
    expect(() => one.addPeer(self)).toThrow('a node is not its own peer');
  });
});

describe('a network that swallows packets', () => {
  test('a link with traffic goes down, and comes back when packets flow again', async () => {
    const quick = withLimits({ stallTimeoutMs: 100, handshakeTimeoutMs: 100, repeatLogMs: 0 });
    const [one, heard1] = await node(N1, quick);
    const [two, heard2] = await node(N2, quick);
    await heard1.until(() => one.connected(N2));
    await heard2.until(() => two.connected(N1));
    for (const id of [N1, N2]) world.relay(id).freeze();
    const chatter = setInterval(() => {
      one.send(N2, 'control', note(1));
      two.send(N1, 'control', note(1));
      for (const end of [one, two]) end.flush();
    }, 5);
    await heard1.until(() => !one.connected(N2));
    await heard2.until(() => !two.connected(N1));
    clearInterval(chatter);
    const lost = world
      .log(N1)
      .lines.find(({ message }) => message === 'the link to a peer is down');
    expect(lost && reasonOf(lost)).toBe('it made no progress for too long');
    world.heal();
    await heard1.until(() => one.connected(N2));
    one.send(N2, 'control', note(2));
    one.flush();
    await heard2.until(() => heard2.numbers(N1).includes(2));
  });

  test('an idle link says nothing at all, and a busy one is not mistaken for a stalled one', async () => {
    const quick = withLimits({ stallTimeoutMs: 50 });
    const [one, heard1] = await node(N1, quick);
    const [two, heard2] = await node(N2, quick);
    await heard1.until(() => one.connected(N2));
    await heard2.until(() => two.connected(N1));
    const relayed = world.relay(N2).bytes;
    // Ten stall times, measured by the traffic in the other direction.
    for (let i = 0; i < 100; i++) {
      two.send(N1, 'bulk', note(i));
      two.flush();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await heard1.until(() => heard1.messages.length === 100);
    expect(world.relay(N2).bytes).toBe(relayed);
    expect(heard1.links).toEqual([{ peer: N2, up: true }]);
  });

  test('the queue of a lane is bounded, and the other lane is not held up', async () => {
    const limits = { maxBulkQueueBytes: 1_000_000, stallTimeoutMs: 600_000 };
    const [one, heard1] = await node(N1, withLimits(limits));
    const [, heard2] = await node(N2);
    await heard1.until(() => one.connected(N2));
    world.relay(N2).freezeLargest = true;
    const load = new Uint8Array(100_000);
    for (let i = 0; i < 200; i++) one.send(N2, 'bulk', note(i, load));
    one.flush();
    const { bulk, control } = statsOf(one);
    expect(bulk.messagesSent + bulk.messagesDropped).toBe(200);
    expect(bulk.messagesSent).toBe(9);
    expect(bulk.queuedBytes).toBeLessThanOrEqual(1_000_000);
    expect(control.messagesDropped).toBe(0);
    expect(world.log(N1).warnings.map(reasonOf)).toContain('queue_full');
    one.send(N2, 'control', note(500));
    one.flush();
    await heard2.until(() => heard2.numbers(N1).includes(500));
  });
});

const statsOf = (transport: PeerTransport<Note>) => {
  const stats = transport.stats().get(N2);
  if (stats === undefined) throw new Error('n2 is not known');
  return stats.lanes;
};

test('a frame past the limit is dropped by the sender, and the link stays', async () => {
  const [one, heard1] = await node(N1, withLimits({ maxFrameBytes: 1000 }));
  const [, heard2] = await node(N2);
  await heard1.until(() => one.connected(N2));
  one.send(N2, 'bulk', note(1, new Uint8Array(1001)));
  one.send(N2, 'bulk', note(2, new Uint8Array(900)));
  one.flush();
  await heard2.until(() => heard2.messages.length > 0);
  expect(heard2.numbers(N1)).toEqual([2]);
  expect(world.log(N1).warnings.map(reasonOf)).toEqual(['frame_too_large']);
});

test('statistics count messages, bytes, drops and connections', async () => {
  const [one, heard1] = await node(N1);
  one.send(N2, 'control', note(0));
  const [two, heard2] = await node(N2);
  await heard1.until(() => one.connected(N2));
  one.send(N2, 'control', note(1, new Uint8Array(89)));
  one.send(N2, 'control', note(2, new Uint8Array(189)));
  one.flush();
  await heard2.until(() => heard2.messages.length === 2);
  const sent = statsOf(one).control;
  expect(sent).toMatchObject({
    messagesSent: 2,
    bytesSent: 300,
    messagesDropped: 1,
    connections: 1,
  });
  const received = two.stats().get(N1)?.lanes.control;
  expect(received).toMatchObject({ messagesReceived: 2, bytesReceived: 300, messagesSent: 0 });
  expect(statsOf(one).bulk).toMatchObject({ messagesSent: 0, messagesReceived: 0, queuedBytes: 0 });
});

test('what was queued leaves before close ends the connection', async () => {
  const [one, heard1] = await node(N1);
  const [, heard2] = await node(N2);
  await heard1.until(() => one.connected(N2));
  for (let i = 0; i < 50; i++) one.send(N2, 'bulk', note(i, new Uint8Array(50_000)));
  await one.close();
  await heard2.until(() => heard2.numbers(N1).length === 50);
});
