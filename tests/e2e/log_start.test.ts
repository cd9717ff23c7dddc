/** Starting and stopping nodes of the replicated log: the scripts, mistakes, a peaceful end. */

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../bin/free_ports';
import { EventReader } from '../http/log_server_support';
import { ROOT } from '../laws/sources';
import { send } from '../support/e2e_http';
import { append, LogWorld, messagesAt, post } from '../support/e2e_log';
import { runNode } from '../support/e2e_process';
import { eventually } from '../support/e2e_world';

jest.setTimeout(120_000);

describe('the start scripts', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'quorum-kv-log-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const script = (role: string) => join(ROOT, 'bin', `create_log_${role}.sh`);

  test('start a master and a secondary of it, from anywhere', async () => {
    const [port = 0, other = 0] = await freePorts('127.0.0.1', 2);
    const run = (role: string, ...args: string[]) =>
      spawn(script(role), [...args, '--data-dir', join(folder, role)], {
        ...{ cwd: folder, stdio: 'ignore' },
      });
    const url = `http://localhost:${port}`;
    const master = run('master', String(port), '--secondaries', `http://localhost:${other}`);
    const secondary = run('secondary', String(other), url);
    try {
      const answer = await eventually('the master answers', () =>
        send(url, '/messages', {
          method: 'POST',
          body: '{"message":"Msg1","w":2}',
        }).catch(() => undefined),
      );
      expect(answer.status).toBe(200);
      const read = await send(`http://localhost:${other}`, '/messages');
      expect(JSON.parse(read.text)).toEqual({ messages: ['Msg1'] });
    } finally {
      for (const child of [master, secondary]) child.kill('SIGTERM');
    }
    const codes = await Promise.all(
      [master, secondary].map(async (child) =>
        child.exitCode === null ? (await once(child, 'exit'))[0] : child.exitCode,
      ),
    );
    expect(codes).toEqual([0, 0]);
  });

  test('a master knows of two secondaries unless it is told otherwise', async () => {
    const [port = 0] = await freePorts('127.0.0.1', 1);
    const child = spawn(script('master'), [String(port), '--data-dir', folder], {
      stdio: 'ignore',
    });
    try {
      const health = await eventually('it answers', () =>
        send(`http://localhost:${port}`, '/health').catch(() => undefined),
      );
      expect(Object.keys(JSON.parse(health.text))).toEqual([
        ...['http://localhost:5001', 'http://localhost:5002'],
      ]);
    } finally {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
  });

  test.each([
    ['master', ['x'], 'the port must be from 1 to 65535, not x'],
    ['master', ['70000'], 'the port must be from 1 to 65535, not 70000'],
    ['master', ['5000', '--secondaries', 'x'], '--secondaries is not the URL of a node, "x"'],
    ['secondary', [], 'the port must be from 1 to 65535, not nothing'],
    ['secondary', ['5001'], 'needs the URL of the master'],
    ['secondary', ['5001', 'localhost'], '--master is not the URL of a node, "localhost"'],
    ['secondary', ['5001', 'http://localhost:5000', '--unknown'], 'unknown flag --unknown'],
  ])('a wrong %s %j is one clear line', (role, args, why) => {
    const { status, stderr } = spawnSync(script(role), args, { encoding: 'utf8' });
    expect(status).toBe(2);
    expect(stderr.trim().split('\n')).toEqual([expect.stringContaining(why)]);
  });
});

describe('nodes', () => {
  let world: LogWorld;
  afterEach(() => world.close());

  test('a port in use, a folder in use and the folder of another role are clear lines', async () => {
    world = await LogWorld.open({ secondaries: 1 });
    const { master } = world;
    const port = new URL(master.url).port;
    const [free = 0] = await freePorts('127.0.0.1', 1);
    const start = (at: string | number, folder: string, ...flags: string[]) =>
      runNode([String(at), '--protocol', 'log', '--data-dir', folder, ...flags]);
    const inUse = await start(port, world.folder(7));
    expect([inUse.code, inUse.complaints.at(-1)]).toEqual([
      1,
      expect.stringContaining(`127.0.0.1:${port} is in use`),
    ]);
    const held = await start(free, world.folder(0));
    expect([held.code, held.complaints.at(-1)]).toEqual([1, expect.stringContaining('in use')]);
    await append(master, 'Msg1', 2);
    await master.stop();
    const wrong = await start(free, world.folder(0), '--master', 'http://localhost:1');
    expect([wrong.code, wrong.complaints.at(-1)]).toEqual([
      1,
      expect.stringContaining('this data folder is of a master'),
    ]);
  });

  test('SIGTERM: a client that waits is told how many copies there are, streams end, exit code 0', async () => {
    world = await LogWorld.make({ secondaries: 2 });
    const { master } = world;
    await Promise.all([master.start(), world.secondary(1).start()]);
    await append(master, 'Msg1', 2);
    const waiting = post(master, '/messages', { message: 'Msg2', id: 'b' });
    await eventually(
      'it is there',
      async () => (await messagesAt(world.secondary(1))).length === 2,
    );
    const reader = await EventReader.open(`${master.url}/messages/stream`);
    await reader.until(() => reader.messages.length === 2);
    const stopped = master.stop();
    const late = await waiting;
    expect([late.status, JSON.parse(late.text).error.details]).toEqual([
      504,
      { message_id: 'b', order: 1, copies: 2, w: 3 },
    ]);
    await reader.untilEnd();
    expect(reader.response.complete).toBe(true);
    expect(await stopped).toEqual({ code: 0, signal: null });
    await master.start();
    expect(await messagesAt(master)).toEqual(['Msg1', 'Msg2']);
  });
});
