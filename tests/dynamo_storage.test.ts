/** A node of the leaderless system embedded in a program: values, options, errors, and its end. */

import { freePorts } from '../bin/free_ports';
import { ConfigError, DynamoStorage, KVError } from '../kv/kvstorage';

const nodes: DynamoStorage[] = [];
afterEach(() => Promise.all(nodes.splice(0).map((node) => node.close())));

async function open(options: Partial<Parameters<typeof DynamoStorage.open>[0]> = {}) {
  const [port] = await freePorts('127.0.0.1', 1);
  const node = await DynamoStorage.open({ nodeId: `127.0.0.1:${port}`, ...options });
  nodes.push(node);
  return node;
}

test('values of every kind come back as they were put, under keys of every kind', async () => {
  const node = await open();
  const values = [null, false, 0, 1e300, '', 'ü\ud83d\ude00', [], [[{}]], { a: { b: [1, null] } }];
  for (const [i, value] of values.entries()) {
    const key = `ключ/${i} %`;
    const metadata = await node.put(key, value, { quorum: 1 });
    expect(await node.get(key, { quorum: 1 })).toEqual({ values: [value], metadata: [metadata] });
  }
  expect(node.records()).toBe(values.length);
  expect(await node.get('none', { quorum: 1 })).toEqual({ values: [], metadata: [] });
});

test('metadata replaces what was seen; several strings resolve a conflict', async () => {
  const node = await open();
  const one = await node.put('key', 1, { quorum: 1 });
  const two = await node.put('key', 2, { quorum: 1 });
  const both = await node.get('key', { quorum: 1 });
  expect(both.values).toEqual([1, 2]);
  expect(both.metadata).toEqual([one, two]);
  const three = await node.put('key', 3, { quorum: 1, metadata: both.metadata });
  expect(await node.get('key', { quorum: 1 })).toEqual({ values: [3], metadata: [three] });
});

test('what is wrong with a call rejects it, and changes nothing', async () => {
  const node = await open({ maxKeyBytes: 10, maxBodyBytes: 1024 });
  const code = (promise: Promise<unknown>) =>
    promise.then(
      () => 'done',
      (error: unknown) => (error instanceof KVError ? error.code : (error as Error).name),
    );
  expect(await code(node.put('', 1))).toBe('TypeError');
  expect(await code(node.put('k'.repeat(11), 1))).toBe('too_large');
  expect(await code(node.put('key', 'v'.repeat(2000)))).toBe('too_large');
  // A program without types may say anything.
  expect(await code(node.put('key', undefined as never))).toBe('TypeError');
  expect(await code(node.put('key', 1, { quorum: 4 }))).toBe('quorum_not_valid');
  expect(await code(node.put('key', 1, { metadata: 'forged' }))).toBe('metadata_not_valid');
  expect(await code(node.put('cart', [1], { quorum: 1 }))).toBe('value_not_mergeable');
  expect(await code(node.get('key', { quorum: 0 }))).toBe('quorum_not_valid');
  expect(await code(node.join('nonsense'))).toBe('membership_not_possible');
  expect(await code(node.leave())).toBe('membership_not_possible');
  expect(node.records()).toBe(0);
});

test('a quorum that one node cannot meet says how many there were, and that it may be written', async () => {
  const node = await open({ dynamo: { standInMs: 20, giveUpMs: 40 } });
  const error = await node.put('key', 1, { quorum: 2 }).catch((each: unknown) => each);
  expect(error).toMatchObject({
    ...{ code: 'write_quorum_not_met', outcome: 'unknown' },
    details: { quorum: 2, answered: 1 },
  });
  expect((await node.get('key', { quorum: 1 })).values).toEqual([1]);
});

test('options that make no node are refused, all of them at once', async () => {
  const opened = open({ nodeId: 'nowhere', dynamo: { replicas: 0 } });
  await expect(opened).rejects.toThrow(ConfigError);
  await expect(opened).rejects.toThrow(/'nodeId' .*; 'dynamo.replicas' /);
});

test('a second node joins, and is looked up, listed and measured', async () => {
  const one = await open({ nodeName: 'one' });
  const two = await open({ nodeName: 'two', seed: one.config.nodeId });
  while (two.status().standing !== 'member') await new Promise((next) => setTimeout(next, 20));
  while (one.members().length < 2) await new Promise((next) => setTimeout(next, 20));
  await two.put('key', 1, { quorum: 2 });
  expect(one.records() + two.records()).toBe(2);
  expect(one.members()).toEqual(['one', 'two']);
  expect(two.lookup('key').map(([name]) => name)).toEqual(expect.arrayContaining(['one', 'two']));
  expect(two.readiness()).toEqual({ ready: true, reason: 'ready' });
  expect(two.metrics().text).toMatch(/^quorum_kv_keys 1$/m);
});

test('after its end a node refuses, and its end may be asked for twice', async () => {
  const node = await open();
  await Promise.all([node.close(), node.close()]);
  await expect(node.get('key')).rejects.toThrow(KVError);
  expect(node.readiness().ready).toBe(false);
});
