/** Strangers at both ports of live nodes, while clients write: nobody who belongs here notices. */

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { compiledProgram } from '../../bin/cluster';
import { ClusterNode } from '../../bin/cluster_node';
import { freePorts } from '../../bin/free_ports';
import { nodeId } from '../../kv/core/ids';
import { ask, request } from '../http/raw_client';
import { knock } from '../runtime/peer_raw';
import { get, put } from '../support/e2e_http';
import { AppendLoad } from '../support/e2e_load';
import {
  caughtUp,
  eventually,
  openWorld,
  othersOf,
  settled,
  statusOf,
  temporaryFolder,
  urlsOf,
  type World,
} from '../support/e2e_world';

jest.setTimeout(180_000);

const HOST = '127.0.0.1';
const MAX_BODY = 10_000;

let world: World;
let load: AppendLoad;
let pids: (number | undefined)[];

beforeAll(async () => {
  world = await openWorld({ flags: [`--max-body-bytes=${MAX_BODY}`] });
  await settled(world.cluster);
  expect((await put(world.cluster.node(0).url, 'kept', 'as it was')).status).toBe(204);
  load = world.during(new AppendLoad({ urls: urlsOf(world.cluster), clients: 4 }));
});
afterAll(async () => {
  try {
    // After all that, every acknowledged write is there, once.
    await load?.stop();
    for (const node of world.cluster.nodes) await load.check(node.url);
  } finally {
    await world?.close();
  }
});

beforeEach(async () => {
  pids = world.cluster.nodes.map((node) => node.pid);
  await load.progress(20);
});

afterEach(async () => {
  await load.progress(20);
  expect(world.cluster.nodes.map((node) => node.pid)).toEqual(pids);
  expect(world.records.unexpectedEnds).toEqual([]);
});

const portOf = (address: string): number => Number(address.split(':').at(-1));

/** Sends bytes, ends the stream, and gives back what comes until the other side closes. */
async function shout(port: number, bytes: string | Uint8Array): Promise<string> {
  const socket = connect(port, HOST);
  let heard = '';
  socket.setEncoding('latin1').on('data', (text: string) => {
    heard += text;
  });
  socket.on('error', () => undefined);
  socket.end(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  if (!socket.destroyed) await once(socket, 'close');
  return heard;
}

const PUT_KEPT = '{"type":"PUT","value":"changed"}';
const BAD_REQUESTS: [string, string, number[]][] = [
  ['a body that is no JSON', request('POST', '/keys/kept', '{"type":"PUT","value":'), [400]],
  ['an unknown type', request('POST', '/keys/kept', '{"type":"INCR","value":1}'), [400]],
  ['no value', request('POST', '/keys/kept', '{"type":"PUT"}'), [400]],
  ['bytes that are not UTF-8', request('POST', '/keys/kept', Buffer.from([0x22, 0xff])), [400]],
  ['a body too large', request('POST', '/keys/kept', 'x'.repeat(MAX_BODY + 1)), [413]],
  [
    'another type of content',
    request('POST', '/keys/kept', PUT_KEPT, ['Content-Type: a/b']),
    [415],
  ],
  ['an escape that is none', request('GET', '/keys/%zz'), [400]],
  ['an unknown parameter', request('POST', '/keys/kept?tpye=1', PUT_KEPT), [400]],
  [
    'two bodies at once',
    request('POST', '/keys/kept', PUT_KEPT, ['Transfer-Encoding: chunked']),
    [400],
  ],
  ['headers without end', `GET / HTTP/1.1\r\n${'a: b\r\n'.repeat(20_000)}`, [400, 431]],
  [
    'an append to what is no list',
    request('POST', '/keys/kept', '{"type":"APPEND","value":1}'),
    [409],
  ],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', [400]],
];

test.each(BAD_REQUESTS)('over HTTP: %s', async (_, bytes, statuses) => {
  for (const node of world.cluster.nodes) {
    expect(statuses).toContain((await ask(portOf(node.url), bytes)).status);
    expect((await get(node.url, 'kept')).text).toBe('"as it was"');
  }
});

test('over HTTP: noise, and requests that end in the middle', async () => {
  const whole = request('POST', '/keys/kept', PUT_KEPT);
  for (const node of world.cluster.nodes) {
    for (let i = 0; i < 10; i++) await shout(portOf(node.url), randomBytes(1 << i));
    for (let i = 1; i < whole.length; i += 7) await shout(portOf(node.url), whole.slice(0, i));
    expect((await get(node.url, 'kept')).text).toBe('"as it was"');
  }
});

test('at the peer port: noise, HTTP, half a handshake', async () => {
  for (const node of world.cluster.nodes) {
    const port = portOf(node.id);
    for (let i = 0; i < 14; i++) await shout(port, randomBytes(1 << i));
    expect(await shout(port, request('GET', '/admin/status'))).toMatch(/^HTTP\/1\.1 4\d\d /);
    await shout(port, 'GET / HTTP/1.1\r\nConnection: Upgr');
  }
});

test('at the peer port: somebody in the place of a member, who sends broken frames', async () => {
  const { cluster } = world;
  const leader = await cluster.waitForLeader();
  const [absent, other] = othersOf(cluster, leader) as [ClusterNode, ClusterNode];
  const { cluster_id, storage_id } = await statusOf(absent);
  await absent.kill();
  const body = randomBytes(500);
  for (const node of [leader, other]) {
    const hello = { from: nodeId(absent.id), to: nodeId(node.id), cluster: cluster_id };
    const broken: ((frame: Buffer) => Buffer)[] = [
      (frame) => frame,
      (frame) => frame.subarray(0, 200),
      (frame) => Buffer.concat([frame.subarray(0, 100), Buffer.of(1), frame.subarray(101)]),
      () => Buffer.alloc(4096, 0xff),
      () => randomBytes(4096),
    ];
    for (const breakIt of broken) {
      const { connection, answer, frame } = await knock(portOf(node.id), {
        ...hello,
        storage: storage_id,
      });
      expect(answer.status).toBe(101);
      connection.send(breakIt(frame(body))).end();
      await connection.rest();
    }
  }
  await absent.start();
  await caughtUp(cluster, absent);
  pids = cluster.nodes.map((node) => node.pid);
});

/** A node of somebody else, which was told that these are its partners. */
async function stranger(folder: string, partners: string[], flags: string[]): Promise<ClusterNode> {
  const [http, peer] = await freePorts(HOST, 2);
  const id = `${HOST}:${peer}`;
  const data = `--data-dir=${join(folder, String(peer))}`;
  return new ClusterNode({
    ...{ index: 9, id, url: `http://${HOST}:${http}` },
    command: [compiledProgram(), String(http), id, ...partners, data, ...flags],
    stopTimeoutMs: 20_000,
    onLine: () => undefined,
    onExit: () => undefined,
  });
}

test('another cluster that was given the address of a member by mistake', async () => {
  const folder = temporaryFolder();
  const { nodes } = world.cluster;
  const clusterId = (await statusOf(world.cluster.node(0))).cluster_id;
  const linesBefore = nodes.map((node) => world.records.linesOf(node).length);
  const members = nodes.slice(0, 2).map((node) => node.id);
  // One that names another cluster, and one that even has the name right but is no member.
  const strangers = [
    await stranger(folder, members, []),
    await stranger(folder, members, [`--cluster-id=${clusterId}`]),
  ];
  try {
    await Promise.all(strangers.map((node) => node.start()));
    for (const node of strangers) {
      // Long enough for several elections: it waits for a leader, in vain.
      const reply = await put(node.url, 'kept', 'changed by a stranger');
      expect(reply.status).toBe(503);
      expect(await statusOf(node)).toMatchObject({ leader: null, has_quorum: false });
    }
    await eventually('the members say who came', () =>
      nodes.slice(0, 2).every((node, i) => {
        const lines = world.records.linesOf(node).slice(linesBefore[i]);
        return strangers.some(({ id }) => lines.some((line) => line.includes(id)));
      }),
    );
  } finally {
    await Promise.all(strangers.map((node) => node.stop()));
    rmSync(folder, { recursive: true });
  }
  for (const [i, node] of nodes.entries()) {
    expect((await get(node.url, 'kept')).text).toBe('"as it was"');
    const lines = world.records.linesOf(node).slice(linesBefore[i]);
    // However often strangers knock, they must not fill the log.
    expect(lines.length).toBeLessThan(30);
  }
});
