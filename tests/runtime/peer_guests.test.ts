/** Nodes that join while others run: let in as guests, called back, and forgotten unless made peers. */

import { freePorts } from '../../bin/free_ports';
import { nodeId } from '../../kv/core/ids';
import type { PeerTransportOptions } from '../../kv/runtime/peer_options';
import { PeerTransport } from '../../kv/runtime/peer_transport';
import { MemoryLog, NOTES, type Note, note, Recorder } from './peer_support';
import { QUICK } from './peer_world';

type Extra = Partial<PeerTransportOptions<Note>>;

const ends: PeerTransport<Note>[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end.close()));
});

async function open(port: number, extra: Extra): Promise<[PeerTransport<Note>, Recorder]> {
  const transport = new PeerTransport<Note>({
    ...{ self: nodeId(`127.0.0.1:${port}`), cluster: 'test', codec: NOTES, log: new MemoryLog() },
    ...{ bind: { host: '127.0.0.1', port }, peers: [], limits: QUICK },
    ...extra,
  });
  const heard = new Recorder();
  transport.listen(heard);
  ends.push(transport);
  await transport.start();
  return [transport, heard];
}

test('a stranger that proves itself is let in, and can be answered', async () => {
  const [hostPort = 0, guestPort = 0] = await freePorts('127.0.0.1', 2);
  const [host, heard] = await open(hostPort, { admitsGuests: true });
  const id = nodeId(`127.0.0.1:${hostPort}`);
  const [guest, answers] = await open(guestPort, {
    admitsGuests: true,
    peers: [{ id, host: '127.0.0.1', port: hostPort }],
  });
  await answers.until(() => guest.connected(id));
  guest.send(id, 'control', note(1));
  guest.flush();
  await heard.until(() => heard.messages.length === 1);
  const from = nodeId(`127.0.0.1:${guestPort}`);
  expect(heard.messages[0]?.from).toBe(from);
  await heard.until(() => host.connected(from));
  host.send(from, 'control', note(2));
  host.flush();
  await answers.until(() => answers.messages.length === 1);
  expect(answers.messages[0]).toEqual({ from: id, message: note(2) });
});

test.each([
  ['a guest that nobody makes a peer is forgotten when it is gone', false],
  ['one that was made a peer is not', true],
])('%s', async (_what, isMadePeer) => {
  const [hostPort = 0, guestPort = 0] = await freePorts('127.0.0.1', 2);
  const limits = { ...QUICK, guestMs: 50, stallTimeoutMs: 200 };
  const [host, heard] = await open(hostPort, { admitsGuests: true, limits });
  const id = nodeId(`127.0.0.1:${hostPort}`);
  const peers = [{ id, host: '127.0.0.1', port: hostPort }];
  const [guest] = await open(guestPort, { admitsGuests: true, peers });
  const from = nodeId(`127.0.0.1:${guestPort}`);
  await heard.until(() => heard.links.some(({ up }) => up));
  if (isMadePeer) host.addPeer({ id: from, host: '127.0.0.1', port: guestPort });
  await guest.close();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  expect(host.stats().has(from)).toBe(isMadePeer);
});

test('without that, and for another cluster, a stranger stays one', async () => {
  const [closedPort = 0, otherPort = 0, guestPort = 0] = await freePorts('127.0.0.1', 3);
  const [, silent] = await open(closedPort, {});
  const [, foreign] = await open(otherPort, { admitsGuests: true, cluster: 'another' });
  const peers = [closedPort, otherPort].map((port) => ({
    ...{ id: nodeId(`127.0.0.1:${port}`), host: '127.0.0.1', port },
  }));
  const log = new MemoryLog();
  await open(guestPort, { admitsGuests: true, peers, log });
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect([silent.links, foreign.links]).toEqual([[], []]);
});
