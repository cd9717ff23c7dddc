/** Peers that are known by their URL: asked who they are, linked, called back, moved, put aside. */

import { createServer, type Server } from 'node:http';
import { type NodeId, nodeId } from '../../kv/core/ids';
import type { PeerTransportOptions } from '../../kv/runtime/peer_options';
import { PeerTransport } from '../../kv/runtime/peer_transport';
import { type PeerUrl, parsePeerUrl } from '../../kv/runtime/peer_url';
import { UrlPeers } from '../../kv/runtime/url_peers';
import { Lookout, MemoryLog, NOTES, type Note, note, Recorder, reasonOf } from './peer_support';
import { QUICK } from './peer_world';

interface Replica {
  readonly id: NodeId;
  readonly server: Server;
  readonly transport: PeerTransport<Note>;
  readonly peers: UrlPeers;
  readonly heard: Recorder;
  readonly log: MemoryLog;
  readonly found: string[];
  readonly lookout: Lookout;
  readonly port: number;
}

const open: Replica[] = [];
afterEach(async () => {
  for (const replica of open.splice(0)) await close(replica);
});

async function start(
  name: string,
  port = 0,
  extra: Partial<PeerTransportOptions<Note>> = {},
): Promise<Replica> {
  const id = nodeId(name);
  const log = new MemoryLog();
  const [heard, lookout, found] = [new Recorder(), new Lookout(), [] as string[]];
  const transport = new PeerTransport<Note>({
    ...{ self: id, cluster: 'test', peers: [], codec: NOTES, log, limits: QUICK },
    // What a service does with the word of another one: it makes it a peer.
    introduced: (peer, from) => peers.add(peer, { id: from }),
    ...extra,
  });
  const peers = new UrlPeers({
    ...{ self: id, transport, log, minRetryMs: 1, maxRetryMs: 20 },
    found: (peer, who, before) => {
      found.push(`${portOf(peer)} ${who}${before === undefined ? '' : ` was ${before}`}`);
      lookout.look();
    },
  });
  const server = createServer((_request, response) => response.end('for others'));
  transport.attach(server);
  transport.listen(heard);
  await transport.start();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const address = server.address();
  const bound = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const replica = { id, server, transport, peers, heard, log, found, lookout, port: bound };
  open.push(replica);
  return replica;
}

async function close({ peers, transport, server }: Replica): Promise<void> {
  peers.stop();
  await transport.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

async function end(replica: Replica): Promise<void> {
  open.splice(open.indexOf(replica), 1);
  await close(replica);
}

const portOf = ({ port }: PeerUrl): number => port;

function url(port: number, host = '127.0.0.1', path = ''): PeerUrl {
  const peer = parsePeerUrl(`http://${host}:${port}${path}`);
  if ('problem' in peer) throw new Error(peer.problem);
  return peer;
}

const linked = (one: Replica, other: NodeId): Promise<void> =>
  one.heard.until(() => one.transport.connected(other));

async function talk(from: Replica, to: Replica, number: number): Promise<void> {
  from.transport.send(to.id, 'control', note(number));
  from.transport.flush();
  await to.heard.until(() => to.heard.numbers(from.id).includes(number));
}

test('one that is told a URL finds the replica there, which calls it back', async () => {
  const [a, b] = [await start('a'), await start('b')];
  a.peers.add(url(b.port), { callMeBack: true });
  await linked(a, b.id);
  await linked(b, a.id);
  await talk(a, b, 1);
  await talk(b, a, 2);
  expect(a.found).toEqual([`${b.port} b`]);
  expect(b.peers.known).toEqual([{ url: `http://127.0.0.1:${a.port}`, id: a.id }]);
  // Nobody had to be refused on the way.
  expect([...a.log.warnings, ...b.log.warnings]).toEqual([]);
});

test('a URL that is added again is asked again, and the answer told', async () => {
  const [a, b] = [await start('a'), await start('b')];
  a.peers.add(url(b.port), { callMeBack: true });
  await linked(a, b.id);
  a.peers.add(url(b.port), { callMeBack: true });
  await a.lookout.until(() => a.found.length === 2);
  expect(a.found[1]).toBe(`${b.port} b was b`);
  expect(a.heard.links).toEqual([{ peer: b.id, up: true }]);
});

test('a URL with a path, and a replica that says where it is to be called back', async () => {
  const secret = 'known to both of them';
  const b = await start('b', 0, { secret });
  const a = await start('a', 0, { secret, publicUrl: `http://localhost:${b.port + 1}/a` });
  a.peers.add(url(b.port, 'localhost', '/deep/down/'), { callMeBack: true });
  await a.lookout.until(() => a.found.length === 1);
  expect(a.peers.known).toEqual([{ url: `http://localhost:${b.port}/deep/down`, id: b.id }]);
  expect(b.peers.known).toEqual([{ url: `http://localhost:${b.port + 1}/a`, id: a.id }]);
});

test('a replica that is not there yet is found when it comes, with one line until then', async () => {
  const [a, gone] = [await start('a'), await start('b')];
  await end(gone);
  a.peers.add(url(gone.port), { callMeBack: true });
  await a.log.warned(/ECONNREFUSED/);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(a.log.warnings).toHaveLength(1);
  const b = await start('b', gone.port);
  await linked(a, b.id);
  await linked(b, a.id);
});

test('another replica at the same URL takes the place of the one before', async () => {
  const [a, first] = [await start('a'), await start('b1')];
  a.peers.add(url(first.port), { callMeBack: true });
  await linked(a, first.id);
  await end(first);
  const second = await start('b2', first.port);
  await a.lookout.until(() => a.found.length === 2);
  expect(a.found).toEqual([`${first.port} b1`, `${first.port} b2 was b1`]);
  expect([...a.transport.stats().keys()]).toEqual([second.id]);
  await linked(a, second.id);
  await linked(second, a.id);
});

test('one that introduces itself where another one lived takes its place too', async () => {
  const [a, first] = [await start('a'), await start('b1')];
  a.peers.add(url(first.port), { callMeBack: true });
  await linked(a, first.id);
  await end(first);
  await a.heard.until(() => !a.transport.connected(first.id));
  a.peers.add(url(first.port), { id: nodeId('b2') });
  expect([...a.transport.stats().keys()]).toEqual(['b2']);
});

test('the word of another one does not end a link that works: who is there is asked', async () => {
  const [a, b] = [await start('a'), await start('b')];
  a.peers.add(url(b.port), { callMeBack: true });
  await linked(a, b.id);
  await linked(b, a.id);
  a.peers.add(url(b.port), { id: nodeId('c') });
  expect(a.transport.connected(b.id)).toBe(true);
  a.peers.add(url(b.port));
  await a.lookout.until(() => a.found.length === 2);
  expect([...a.transport.stats().keys()]).toEqual([b.id]);
  expect(a.heard.links).toEqual([{ peer: b.id, up: true }]);
});

test('a peer that was said to live where the node itself lives is dialled no more', async () => {
  const a = await start('a');
  a.peers.add(url(a.port), { id: nodeId('before') });
  await a.lookout.until(() => a.found.length === 1);
  expect(a.found).toEqual([`${a.port} a was before`]);
  expect([...a.transport.stats().keys()]).toEqual([]);
});

test('two URLs of one replica: the last one counts, and messages go on', async () => {
  const [a, b] = [await start('a'), await start('b')];
  a.peers.add(url(b.port), { callMeBack: true });
  await linked(a, b.id);
  a.peers.add(url(b.port, 'localhost'), { callMeBack: true });
  await a.lookout.until(() => a.found.length === 2);
  expect(a.peers.known).toEqual([{ url: `http://localhost:${b.port}`, id: b.id }]);
  const moved = a.log.lines.filter(({ message }) => message.includes('another URL'));
  expect(moved).toHaveLength(1);
  await linked(a, b.id);
  await talk(a, b, 1);
});

test('a URL of the node itself is put aside with one line, and other links stay', async () => {
  const [a, b] = [await start('a'), await start('b')];
  a.peers.add(url(b.port), { callMeBack: true });
  await linked(a, b.id);
  a.peers.add(url(a.port), { callMeBack: true });
  await a.lookout.until(() => a.found.length === 2);
  expect(a.found[1]).toBe(`${a.port} a`);
  expect(a.log.warnings.map(({ message }) => message)).toEqual([
    'the URL of a peer leads to this node itself',
  ]);
  expect(a.peers.known).toEqual([{ url: `http://127.0.0.1:${b.port}`, id: b.id }]);
  await talk(a, b, 1);
});

test('another process with the same id is not taken for the node itself', async () => {
  const [a, twin] = [await start('a'), await start('a')];
  a.peers.add(url(twin.port));
  await a.log.warned(/has this node's id, a: is its data folder a copy/);
  expect(a.found).toEqual([]);
});

test.each([
  ['of another cluster', { cluster: 'other' }, /belongs to cluster "other"/],
  ['with another secret', { secret: 'only there' }, /a shared secret is required/],
])('a replica %s is refused with one line on each side', async (_what, extra, reason) => {
  const [a, b] = [await start('a'), await start('b', 0, extra)];
  a.peers.add(url(b.port), { callMeBack: true });
  await a.log.warned(reason);
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect([a.log.warnings.length, b.log.warnings.length]).toEqual([1, 1]);
  expect(b.peers.known).toEqual([]);
});

test('a forgotten URL is a stranger from then on; added again it is found again', async () => {
  const [a, b] = [await start('a'), await start('b')];
  a.peers.add(url(b.port), { callMeBack: true });
  await linked(a, b.id);
  a.peers.remove(url(b.port).url);
  await b.heard.until(() => !b.transport.connected(a.id));
  expect([...a.transport.stats().keys()]).toEqual([]);
  a.peers.add(url(b.port), { callMeBack: true });
  await linked(a, b.id);
  await linked(b, a.id);
  await talk(a, b, 1);
  // The other side remembers how often it was dialled, and takes no attempt for an old one.
  const refusals = [...a.log.warnings, ...b.log.warnings].map(reasonOf);
  expect(refusals.filter((reason) => /a newer connection/.test(reason))).toEqual([]);
});

test.each([
  ['http://localhost:8001', 'http://localhost:8001', '/'],
  ['http://LOCALHOST:08001/', 'http://localhost:8001', '/'],
  ['http://example.org', 'http://example.org:80', '/'],
  ['http://[::1]:8001/kv/', 'http://[::1]:8001/kv', '/kv'],
])('the URL %s is written %s', (text, written, path) => {
  expect(parsePeerUrl(text)).toMatchObject({ url: written, path });
});

test.each([
  ['localhost', /not a URL/],
  ['localhost:8001', /must begin with http/],
  ['https://localhost:8001', /must begin with http/],
  ['http://me:secret@localhost:8001', /user name/],
  ['http://localhost:8001/?a=b', /end with its path/],
  ['http://localhost:8001/#a', /end with its path/],
  ['http://localhost:0', /port/],
  ['http://localhost:70000', /not a URL/],
  [`http://localhost:8001/${'x'.repeat(600)}`, /more than 512/],
  ['', /not a URL/],
])('the URL %j is none for a peer', (text, problem) => {
  expect(parsePeerUrl(text)).toEqual({ problem: expect.stringMatching(problem) as string });
});
