/** KVStorage as a program embeds it: real sockets on loopback, in memory or on a temporary disk. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../bin/free_ports';
import {
  KVError,
  KVStorage,
  type KVStorageOptions,
  type ReadOptions,
  type WriteOptions,
} from '../kv/kvstorage';
import { VERSION } from '../kv/version';

const FAST = { electionTimeoutMinMs: 150, electionTimeoutMaxMs: 300, heartbeatMs: 30 };
const open: KVStorage[] = [];
const lines: string[] = [];
const log = {
  info: (message: string) => void lines.push(message),
  warn: (message: string) => void lines.push(message),
  error: (message: string) => void lines.push(message),
};

async function openNode(options: KVStorageOptions): Promise<KVStorage> {
  const node = await KVStorage.open({ raft: FAST, log, ...options });
  open.push(node);
  return node;
}

async function openCluster(count: number): Promise<KVStorage[]> {
  const ids = (await freePorts('127.0.0.1', count)).map((port) => `127.0.0.1:${port}`);
  return Promise.all(
    ids.map((nodeId) => openNode({ nodeId, partners: ids.filter((id) => id !== nodeId) })),
  );
}

const openOne = async (options: Partial<KVStorageOptions> = {}): Promise<KVStorage> => {
  const [port] = await freePorts('127.0.0.1', 1);
  return openNode({ nodeId: `127.0.0.1:${port}`, ...options });
};

afterEach(async () => {
  lines.length = 0;
  await Promise.all(open.splice(0).map((node) => node.close()));
});

test('the version is that of the package', () => {
  const file = join(__dirname, '..', 'package.json');
  expect((JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version).toBe(VERSION);
});

test('a cluster of one serves every operation', async () => {
  const node = await openOne();
  expect(await node.get('a')).toBeUndefined();
  await node.put('a', { text: 'grüße ✓', list: [1, null, true] });
  expect(await node.get('a')).toEqual({ text: 'grüße ✓', list: [1, null, true] });
  await node.put('schlüssel 🐈', 'plain');
  expect(await node.get('schlüssel 🐈')).toBe('plain');
  await node.append('b', 1);
  const { index } = await node.append('b', 'zwei');
  expect(await node.get('b', { minIndex: index })).toEqual([1, 'zwei']);
  expect(await node.delete('b')).toBe(true);
  expect(await node.delete('b')).toBe(false);
  expect(await node.get('b')).toBeUndefined();
});

test('every node of a cluster reads what any node wrote', async () => {
  const nodes = await openCluster(3);
  for (const [i, node] of nodes.entries()) await node.append('list', i);
  for (const node of nodes) expect(await node.get('list')).toEqual([0, 1, 2]);
  for (const level of ['lease', 'stale'] as const) {
    const { index } = await (nodes[0] as KVStorage).append('more', level);
    for (const node of nodes) {
      expect(await node.get('more', { level, minIndex: index })).toContain(level);
    }
  }
});

test.each([
  ['timeoutMs', { timeoutMs: Number.NaN }, 'timeoutMs must be a whole number from 1 to 2147483647'],
  ['timeoutMs', { timeoutMs: '5' }, 'timeoutMs must be a whole number'],
  ['timeoutMs', { timeoutMs: 0 }, 'timeoutMs must be a whole number'],
  ['timeoutMs', { timeoutMs: 2 ** 31 }, 'timeoutMs must be a whole number'],
  ['idempotencyKey', { idempotencyKey: '' }, '1 to 255 bytes of UTF-8; it has 0'],
  ['idempotencyKey', { idempotencyKey: 'ü'.repeat(128) }, '1 to 255 bytes of UTF-8; it has 256'],
  ['idempotencyKey', { idempotencyKey: 17 }, 'an idempotency key must be a string'],
  ['idempotencyKey', { idempotencyKey: '\ud800' }, 'an idempotency key must be Unicode'],
])(
  'a write with a bad %s is refused, changes nothing, and the node goes on',
  async (_, bad, why) => {
    const node = await openOne();
    const options = bad as WriteOptions;
    await expect(node.put('a', 1, options)).rejects.toThrow(why);
    await expect(node.append('a', 1, options)).rejects.toThrow(why);
    await expect(node.delete('a', options)).rejects.toThrow(why);
    expect(await node.get('a')).toBeUndefined();
    expect(node.status()).toMatchObject({ last_applied: node.status().commit_idx });
  },
);

test.each([
  [{ level: 'foo' }, 'level must be one of linearizable, lease, stale'],
  [{ timeoutMs: -5 }, 'timeoutMs must be a whole number'],
  [{ minIndex: -1 }, 'minIndex must be a whole number from 0'],
  [{ minIndex: 2 ** 48 }, 'minIndex must be a whole number from 0'],
  [{ level: 'stale', maxStalenessMs: Number.NaN }, 'maxStalenessMs must be a whole number'],
  [{ maxStalenessMs: 5 }, "maxStalenessMs needs level: 'stale'"],
])('a read with the options %j is refused, and the node goes on', async (bad, why) => {
  const node = await openOne();
  await expect(node.get('a', bad as ReadOptions)).rejects.toThrow(why);
  await node.put('a', 1, { timeoutMs: 2 ** 31 - 1, idempotencyKey: 'x'.repeat(255) });
  expect(await node.get('a', { timeoutMs: 2 ** 31 - 1, minIndex: 0 })).toBe(1);
});

test('idempotency keys and keys that share no character but the last byte are different', async () => {
  const node = await openOne();
  await node.append('list', 'x', { idempotencyKey: '\u4e00' });
  await node.append('list', 'x', { idempotencyKey: '\u4f00' });
  await node.append('list', 'x', { idempotencyKey: '\u4e00' });
  expect(await node.get('list')).toEqual(['x', 'x']);
  await expect(node.put('\ud800', 1)).rejects.toThrow('a key must be Unicode');
  await expect(node.get('\udfff')).rejects.toThrow('a key must be Unicode');
});

test('an idempotency key makes a repetition harmless on every node; another command is refused', async () => {
  const nodes = await openCluster(3);
  for (const node of [...nodes, ...nodes]) {
    await node.append('list', 'once', { idempotencyKey: 'k' });
  }
  expect(await nodes[1]?.get('list')).toEqual(['once']);
  await expect(nodes[0]?.append('list', 'twice', { idempotencyKey: 'k' })).rejects.toMatchObject({
    code: 'key_reused',
    outcome: 'not_applied',
    retry: 'no',
  });
});

test('errors say what became of the request', async () => {
  const node = await openOne({ maxKeyBytes: 4, maxBodyBytes: 1024 });
  await node.put('text', 'no list');
  const append = node.append('text', 1);
  await expect(append).rejects.toBeInstanceOf(KVError);
  await expect(append).rejects.toMatchObject({ code: 'not_a_list', outcome: 'not_applied' });
  await expect(node.put('12345', 1)).rejects.toMatchObject({ code: 'too_large' });
  await expect(node.put('a', 'x'.repeat(2000))).rejects.toMatchObject({ code: 'too_large' });
  await expect(node.put('', 1)).rejects.toThrow('must not be empty');
  await expect(node.put(7 as never, 1)).rejects.toThrow('must be a string');
  await expect(node.put('a', undefined as never)).rejects.toThrow('JSON');
  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  await expect(node.put('a', cyclic as never)).rejects.toThrow('circular');
  await expect(node.get('12345')).rejects.toMatchObject({ code: 'too_large' });
});

test('a node alone of three refuses writes and linearizable reads, not stale ones', async () => {
  const [first, ...others] = await openCluster(3);
  const node = first as KVStorage;
  const { index } = await node.put('a', 1);
  expect(await node.get('a', { level: 'stale', minIndex: index })).toBe(1);
  await Promise.all(others.map((other) => other.close()));
  const refused = { outcome: 'not_applied', retry: 'safe' };
  await expect(node.put('a', 2, { timeoutMs: 2000 })).rejects.toMatchObject(refused);
  await expect(node.get('a', { timeoutMs: 2000 })).rejects.toMatchObject(refused);
  expect(await node.get('a', { level: 'stale' })).toBe(1);
  await expect(node.get('a', { level: 'stale', maxStalenessMs: 0 })).rejects.toMatchObject({
    code: 'too_stale',
  });
  expect(node.readiness().ready).toBe(false);
});

test('a closed node says so, and closing twice is one closing', async () => {
  const node = await openOne();
  const closing = node.close();
  await expect(node.put('a', 1)).rejects.toMatchObject({ code: 'stopping' });
  expect(node.close()).toBe(closing);
  await closing;
});

test('what was acknowledged survives a restart from disk', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'quorum-kv-embedded-'));
  try {
    const node = await openOne({ dataDir });
    for (let i = 0; i < 20; i++) await node.append('list', i);
    const { nodeId } = node.config;
    await node.close();
    const again = await openNode({ nodeId, dataDir });
    expect(await again.get('list')).toEqual(Array.from({ length: 20 }, (_, i) => i));
    await expect(openNode({ nodeId, dataDir })).rejects.toThrow('in use by process');
  } finally {
    await Promise.all(open.splice(0).map((node) => node.close()));
    rmSync(dataDir, { recursive: true, force: true });
  }
});

test('options that make no node are refused, all problems at once', async () => {
  const bad = KVStorage.open({ nodeId: 'nowhere', raft: { heartbeatMs: 0 } });
  await expect(bad).rejects.toThrow(/nodeId.*heartbeatMs/);
});

test('a data folder that cannot be made is named, with the reason and what to do', async () => {
  const dataDir = join(__filename, 'data');
  await expect(openOne({ dataDir })).rejects.toThrow(
    `the data folder ${dataDir} cannot be opened: ENOTDIR: not a directory, mkdir '${dataDir}'. ` +
      'Something that is not a folder has its name or one above it: choose another folder',
  );
});

test('a peer address in use is refused with one clear sentence', async () => {
  const node = await openOne();
  await expect(openNode({ nodeId: node.config.nodeId })).rejects.toThrow('in use');
});

test('the log tells who leads, and the metrics count', async () => {
  const node = await openOne();
  await node.put('a', 1);
  expect(lines).toContain('leads term 1');
  const { text } = await node.metrics();
  expect(text).toContain('quorum_kv_requests_total{kind="put",outcome="ok"} 1');
  expect(text).toContain('quorum_kv_role 2');
  expect(node.status()).toMatchObject({ state: 2, has_quorum: true, keys: 1, commit_idx: 3 });
});
