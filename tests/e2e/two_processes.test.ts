/** What an operator gets wrong when starting nodes: each mistake is one clear line, and harms nobody. */

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterNode } from '../../bin/cluster';
import { freePorts } from '../../bin/free_ports';
import { append, value } from '../support/e2e_http';
import { runNode } from '../support/e2e_process';
import { openWorld, settled, temporaryFolder, type World } from '../support/e2e_world';

jest.setTimeout(120_000);

const HOST = '127.0.0.1';
/** Of a node that gets far enough to log, only what is wrong counts. */
const QUIET = '--log-level=error';

let world: World;
let node: ClusterNode;
let folder: string;
let pid: number | undefined;
let writes = 0;

beforeAll(async () => {
  folder = temporaryFolder();
  world = await openWorld({ nodes: 1 });
  node = world.cluster.node(0);
  await settled(world.cluster);
  pid = node.pid;
});
afterAll(async () => {
  await world?.close();
  rmSync(folder, { recursive: true, force: true });
});

afterEach(async () => {
  // Whatever was tried, the node that runs goes on.
  expect((await append(node.url, 'list', writes++)).status).toBe(204);
  expect(await value(node.url, 'list')).toEqual(Array.from({ length: writes }, (_, n) => n));
  expect(node.pid).toBe(pid);
});

async function freePeer(): Promise<string> {
  const [port] = await freePorts(HOST, 1);
  return `${HOST}:${port}`;
}

const dataDir = (path: string): string => `--data-dir=${path}`;

test('a second process on a data folder in use', async () => {
  // The same node started twice, but for its ports, and another node by mistake.
  for (const id of [node.id, await freePeer()]) {
    const ended = await runNode(['0', id, dataDir(world.folderOf(node))]);
    expect(ended.code).toBe(1);
    expect(ended.complaints).toEqual([
      `kvstorage_http: the data folder ${world.folderOf(node)} is in use by process ${pid}`,
    ]);
  }
});

test('an HTTP port in use', async () => {
  const port = new URL(node.url).port;
  const ended = await runNode([port, await freePeer(), dataDir(join(folder, 'http')), QUIET]);
  expect(ended.code).toBe(1);
  expect(ended.complaints).toEqual([
    `kvstorage_http: the HTTP address ${HOST}:${port} is in use by another process; choose another port`,
  ]);
});

test('a peer port in use', async () => {
  const ended = await runNode(['0', node.id, dataDir(join(folder, 'peer')), QUIET]);
  expect(ended.code).toBe(1);
  expect(ended.complaints).toHaveLength(1);
  expect(ended.complaints[0]).toContain(node.id);
  expect(ended.complaints[0]).toMatch(/in use/);
});

test('the data folder of another node, or of another cluster', async () => {
  const mine = join(folder, 'mine');
  const [id, other] = [await freePeer(), await freePeer()];
  const http = new URL(node.url).port;
  // The HTTP port is taken, so this one makes its folder and ends.
  await runNode([http, id, dataDir(mine)]);
  const asOther = await runNode(['0', other, dataDir(mine)]);
  expect(asOther.code).toBe(1);
  expect(asOther.complaints).toHaveLength(1);
  expect(asOther.complaints[0]).toContain(`belongs to node "${id}", but this is node "${other}"`);
  const elsewhere = await runNode(['0', id, '--cluster-id=elsewhere', dataDir(mine)]);
  expect(elsewhere.code).toBe(1);
  expect(elsewhere.complaints).toHaveLength(1);
  expect(elsewhere.complaints[0]).toMatch(
    /belongs to cluster ".*", but this is cluster "elsewhere"/,
  );
});

test('a data folder that is none', async () => {
  const file = join(folder, 'file');
  writeFileSync(file, 'not a folder');
  const ended = await runNode(['0', await freePeer(), dataDir(file)]);
  expect(ended.code).toBe(1);
  expect(ended.complaints).toHaveLength(1);
  expect(ended.complaints[0]).toContain(file);
});

test('a data folder with data that is nobody knows whose', async () => {
  const lost = join(folder, 'lost');
  mkdirSync(join(lost, 'snapshots'), { recursive: true });
  writeFileSync(join(lost, 'snapshots', 'something'), 'data');
  const ended = await runNode(['0', await freePeer(), dataDir(lost)]);
  expect(ended.code).toBe(1);
  expect(ended.complaints).toHaveLength(1);
  expect(ended.complaints[0]).toMatch(/identity of the data folder is damaged.*it is missing/);
});

const SELF = '127.0.0.1:1';
const MISTAKES: [string, string[], RegExp][] = [
  ['no arguments', [], /needs <http_port> <self host:port>/],
  ['an unknown flag', ['0', SELF, '--data-dri=x'], /unknown flag --data-dri/],
  ['a flag without a value', ['0', SELF, '--data-dir'], /--data-dir needs a value/],
  ['a port that is no number', ['http', SELF], /<http_port> must be a port/],
  ['a port that is none', ['70000', SELF], /<http_port>/],
  ['an address without a port', ['0', 'localhost'], /<self>/],
  ['a partner that is no address', ['0', SELF, 'nonsense'], /<partner>/],
  ['itself as its partner', ['0', SELF, SELF], /must not name this node itself/],
  ['a size that is none', ['0', SELF, '--max-body-bytes=big'], /--max-body-bytes must be a size/],
  ['a heartbeat too slow', ['0', SELF, '--heartbeat-ms=400'], /--heartbeat-ms .* at most a third/],
  ['a secret that is not there', ['0', SELF, '--secret-file=/nowhere'], /--secret-file cannot be/],
];

test.each(MISTAKES)('a command line with %s', async (_, args, complaint) => {
  const ended = await runNode(args);
  expect(ended.code).toBe(2);
  expect(ended.stdout).toBe('');
  expect(ended.complaints).toHaveLength(1);
  expect(ended.complaints[0]).toMatch(complaint);
});
