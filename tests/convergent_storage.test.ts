/** A convergent replica embedded in a program: values, options, peers, errors, and its end. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../bin/free_ports';
import { ConfigError, ConvergentStorage, type Json, KVError } from '../kv/kvstorage';

let folder: string;
const replicas: ConvergentStorage[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quorum-kv-convergent-'));
});
afterEach(async () => {
  await Promise.all(replicas.splice(0).map((replica) => replica.close()));
  rmSync(folder, { recursive: true });
});

type Options = Parameters<typeof ConvergentStorage.open>[0];

async function open(options: Partial<Options> = {}): Promise<ConvergentStorage> {
  const [httpPort] = await freePorts('127.0.0.1', 1);
  const replica = await ConvergentStorage.open({ httpPort, ...options });
  replicas.push(replica);
  return replica;
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((next) => setTimeout(next, 20));
}

const equal = (...all: readonly ConvergentStorage[]): Promise<void> =>
  until(() => new Set(all.map((one) => one.digest().digest)).size === 1);

const urlOf = ({ config }: ConvergentStorage): string => config.publicUrl;

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'done',
    (error: unknown) => (error instanceof KVError ? error.code : (error as Error).name),
  );

test('values of every kind come back as they were put, under keys of every kind', async () => {
  const replica = await open();
  const values = [null, false, 0, 1e300, '', 'ü\ud83d\ude00', [], [[{}]], { a: { b: [1, null] } }];
  const state = new Map<string, Json>();
  for (const [i, value] of values.entries()) {
    const key = `ключ/${i} %`;
    await replica.put(key, value);
    state.set(key, value);
    expect(await replica.get(key)).toEqual(value);
  }
  await replica.put('__proto__', 1);
  state.set('__proto__', 1);
  expect(await replica.state()).toEqual(state);
  expect(await replica.get('none')).toBeUndefined();
  expect([await replica.delete('__proto__'), await replica.delete('none')]).toEqual([true, false]);
  expect(replica.digest().keys).toBe(values.length);
});

test('one update changes keys of all types, and says which of them were there', async () => {
  const replica = await open();
  await replica.put('list', ['a']);
  const existed = await replica.update({
    list: { kind: 'append', value: 'ü' },
    counter: { kind: 'increment', by: 3 },
    set: { kind: 'add', elements: ['y', 'x', 'y'] },
    register: { kind: 'assign', value: { z: 1 } },
  });
  expect(existed).toEqual(new Set(['list']));
  await replica.update({
    counter: { kind: 'increment', by: -1 },
    set: { kind: 'remove', elements: ['y'] },
  });
  expect(await replica.state()).toEqual(
    new Map<string, Json>([
      ['list', ['a', 'ü']],
      ['counter', 2],
      ['set', ['x']],
      ['register', [{ z: 1 }]],
    ]),
  );
});

test('what is wrong with a call rejects it, and changes nothing', async () => {
  const replica = await open({ maxKeyBytes: 10, maxBodyBytes: 1024 });
  await replica.put('key', 1);
  const { digest } = replica.digest();
  expect(await codeOf(replica.put('', 1))).toBe('TypeError');
  expect(await codeOf(replica.put('k'.repeat(11), 1))).toBe('too_large');
  expect(await codeOf(replica.put('\0', 1))).toBe('key_reserved');
  expect(await codeOf(replica.put('other', 'v'.repeat(2000)))).toBe('too_large');
  // A program without types may say anything.
  expect(await codeOf(replica.put('other', undefined as never))).toBe('TypeError');
  expect(await codeOf(replica.update({ other: { kind: 'double' } as never }))).toBe('TypeError');
  expect(await codeOf(replica.update({ other: { kind: 'increment', by: 0.5 } }))).toBe(
    'change_not_valid',
  );
  const half = { other: { kind: 'put', value: 1 }, key: { kind: 'increment', by: 1 } } as const;
  expect(await codeOf(replica.update(half))).toBe('wrong_type');
  expect(await codeOf(replica.register('nonsense'))).toBe('peer_url_not_valid');
  expect(await codeOf(replica.register(urlOf(replica)))).toBe('peer_not_possible');
  expect(await codeOf(replica.unregister('http://127.0.0.1:1'))).toBe('peer_not_known');
  expect(replica.digest().digest).toBe(digest);
});

test('options that make no replica are refused, all of them at once', async () => {
  const opened = open({ httpPort: -1, convergent: { maxPeers: 0 } });
  await expect(opened).rejects.toThrow(ConfigError);
  await expect(opened).rejects.toThrow(/'httpPort' .*; 'convergent.maxPeers' /);
});

test('three replicas that write apart end equal once they know each other', async () => {
  const [one, two, three] = [await open(), await open(), await open()];
  for (const [i, replica] of [one, two, three].entries()) {
    await replica.put(`of ${i}`, i);
    await replica.update({ visits: { kind: 'increment', by: 10 ** i } });
  }
  await one.register(urlOf(two));
  await two.register(urlOf(three));
  await equal(one, two, three);
  expect(await three.state()).toEqual(
    new Map([
      ['of 0', 0],
      ['of 1', 1],
      ['of 2', 2],
      ['visits', 111],
    ]),
  );
  expect(one.status().peers).toHaveLength(2);
  expect(one.readiness()).toEqual({ ready: true, reason: 'ready' });
  expect(one.metrics().text).toMatch(/^quorum_kv_peers 2$/m);
});

test('a replica goes on where it was: identity, values, and peers that were down all the time', async () => {
  const [one, two] = [await open({ dataDir: join(folder, '1') }), await open()];
  const { httpPort } = two.config;
  await two.close();
  await one.put('key', 1);
  await one.register(urlOf(two));
  await one.close();
  const again = await open({ httpPort: one.config.httpPort, dataDir: join(folder, '1') });
  expect(again.replicaId).toBe(one.replicaId);
  const other = await open({ httpPort });
  await until(async () => (await other.get('key')) === 1);
});

test('an operator who registers a peer and changes his mind at once is obeyed', async () => {
  const [one, two] = [await open(), await open()];
  for (let i = 0; i < 10; i++) {
    await one.register(urlOf(two));
    // Sometimes it is still being asked, sometimes a peer by now.
    if (i % 2 === 1) await until(() => one.status().links_up === 1);
    await one.unregister(urlOf(two));
  }
  // The other hears of it, though it may have missed some of this; from then on it hears nothing. That it
  // has no peers does not say that it has heard: it had none before.
  await until(() => two.digest().digest === one.digest().digest);
  expect(two.status().peers).toEqual([]);
  await one.put('key', 1);
  await new Promise((next) => setTimeout(next, 300));
  expect([one.status().peers, two.status().peers]).toEqual([[], []]);
  expect(await two.get('key')).toBeUndefined();
});

test('only peers are served at its port', async () => {
  const replica = await open();
  const answer = await fetch(`${urlOf(replica)}/keys/key`);
  expect([answer.status, await answer.text()]).toEqual([404, 'only peers are served here\n']);
});

test('a port that is taken, or a damaged file, is said, and leaves nothing behind', async () => {
  const server = createServer();
  const [httpPort] = await freePorts('127.0.0.1', 1);
  await new Promise<void>((listens) => server.listen(httpPort, '127.0.0.1', listens));
  const dataDir = join(folder, '1');
  await expect(open({ httpPort, dataDir })).rejects.toThrow(/127.0.0.1:\d+ cannot be listened at/);
  await new Promise((closed) => server.close(closed));
  writeFileSync(join(dataDir, 'wanted_peers.json'), 'damaged');
  await expect(open({ dataDir })).rejects.toThrow(/wanted_peers.json is damaged: remove it/);
  rmSync(join(dataDir, 'wanted_peers.json'));
  await open({ dataDir });
});

test('after its end a replica refuses, and its end may be asked for twice', async () => {
  const replica = await open();
  await Promise.all([replica.close(), replica.close()]);
  expect(await codeOf(replica.get('key'))).toBe('stopping');
  expect(await codeOf(replica.register('http://127.0.0.1:1'))).toBe('stopping');
  expect(replica.readiness().ready).toBe(false);
});
