import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Cluster, type ClusterOptions, startCluster } from '../../bin/cluster';
import { freePorts } from '../../bin/free_ports';

const PROGRAM = join(__dirname, 'stub_node.js');
const open: Cluster[] = [];

async function cluster(options: Partial<ClusterOptions> = {}): Promise<Cluster> {
  const one = await startCluster({ nodes: 3, dataDir: tmpdir(), program: PROGRAM, ...options });
  open.push(one);
  return one;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.stop()));
});

function isAlive(pid: number | undefined): boolean {
  try {
    return process.kill(pid ?? 0, 0);
  } catch {
    return false;
  }
}

test('every node is a process that was told who it is and who the others are', async () => {
  const { nodes } = await cluster({ flags: ['--log-level', 'warn'] });
  expect(new Set(nodes.map((node) => node.pid)).size).toBe(3);
  for (const node of nodes) {
    const others = nodes.filter((other) => other !== node).map((other) => other.id);
    const folder = join(tmpdir(), `node${node.index}`);
    expect(await node.status()).toMatchObject({
      self: node.id,
      pid: node.pid,
      args: [...others, '--data-dir', folder, '--log-level', 'warn'],
    });
  }
});

test('the leader is found, and another one after it was killed', async () => {
  const one = await cluster();
  const first = await one.waitForLeader();
  expect(await first.kill()).toEqual({ code: null, signal: 'SIGKILL' });
  expect(first.isRunning).toBe(false);
  expect(first.pid).toBeUndefined();
  expect(await first.status()).toBeUndefined();
  const second = await one.waitForLeader();
  expect(second.id).not.toBe(first.id);
  await first.start();
  expect((await one.waitForLeader()).id).toBe(first.id);
});

test('without a majority there is no leader, and waiting for one says what the nodes say', async () => {
  const one = await cluster();
  await one.waitForLeader();
  await Promise.all([one.node(0).kill(), one.node(1).kill()]);
  expect(await one.leader()).toBeUndefined();
  await expect(one.waitForLeader(1)).rejects.toThrow(
    new RegExp(`no leader after 1 ms: .*${one.node(0).id} does not answer.*in term 1, leader null`),
  );
});

test('a node restarts as a new process on its old addresses', async () => {
  const node = (await cluster()).node(1);
  const { pid, url } = node;
  await node.restart();
  expect(node.url).toBe(url);
  expect(node.pid).not.toBe(pid);
  expect(isAlive(pid)).toBe(false);
  expect(await node.status()).toMatchObject({ self: node.id, pid: node.pid });
  await expect(node.start()).rejects.toThrow('is running already');
});

test('a frozen node does not answer, comes back, and can be stopped while frozen', async () => {
  const node = (await cluster()).node(2);
  node.pause();
  expect(await node.status()).toBeUndefined();
  expect(node.isRunning).toBe(true);
  node.resume();
  expect(await node.status()).toMatchObject({ self: node.id });
  node.pause();
  expect(await node.stop()).toEqual({ code: 0, signal: null });
});

test('stopping leaves no process behind, not even one that refuses to stop', async () => {
  const exits: string[] = [];
  const one = await cluster({
    flags: ['--stubborn'],
    stopTimeoutMs: 50,
    onExit: (node, { signal }, expected) => exits.push(`${node.index} ${signal} ${expected}`),
  });
  const pids = one.nodes.map((node) => node.pid);
  expect(pids.map(isAlive)).toEqual([true, true, true]);
  await one.stop();
  expect(pids.map(isAlive)).toEqual([false, false, false]);
  expect(exits.sort()).toEqual(['0 SIGKILL true', '1 SIGKILL true', '2 SIGKILL true']);
  expect(await one.node(0).stop()).toBeUndefined();
});

test('an end that nobody asked for is told as such', async () => {
  const exits: string[] = [];
  const unexpected = new Promise<void>((resolve) => {
    void cluster({
      nodes: 1,
      onExit: (node, { signal }, expected) => {
        exits.push(`${node.index} ${signal} ${expected}`);
        resolve();
      },
    }).then((one) => process.kill(one.node(0).pid ?? 0, 'SIGKILL'));
  });
  await unexpected;
  expect(exits).toEqual(['0 SIGKILL false']);
});

test('what the nodes print is heard', async () => {
  let starting: Promise<Cluster> | undefined;
  const heard = new Promise<string>((resolve) => {
    const onLine: ClusterOptions['onLine'] = (node, line) => resolve(`${node.index} ${line}`);
    starting = cluster({ nodes: 1, onLine });
  });
  expect(await heard).toMatch(/^0 stub 127\.0\.0\.1:\d+ is up$/);
  await starting;
});

test('a node that cannot start is one clear line, and takes the others down', async () => {
  const ends: number[] = [];
  const failing = startCluster({
    nodes: 2,
    dataDir: tmpdir(),
    program: PROGRAM,
    flags: ['--fail'],
    onExit: (node) => ends.push(node.index),
  });
  await expect(failing).rejects.toThrow(
    /^node [01] \(127\.0\.0\.1:\d+\) did not start \(exit code 3\): kvstorage_http: this stub was told to fail$/,
  );
  expect(ends.sort()).toEqual([0, 1]);
});

test('a node that is alive but never answers is killed, and its last words are told', async () => {
  const lines: string[] = [];
  const exits: string[] = [];
  const starting = startCluster({
    nodes: 1,
    dataDir: tmpdir(),
    program: PROGRAM,
    flags: ['--mute'],
    startTimeoutMs: 100,
    onLine: (_node, line) => lines.push(line),
    onExit: (node, { signal }, expected) => exits.push(`${node.index} ${signal} ${expected}`),
  });
  const message = await starting.then(
    () => 'it started',
    (error: Error) => error.message,
  );
  const [how, ...last] = message.split('): ');
  expect(how).toMatch(/^node 0 \(127\.0\.0\.1:\d+\) did not start \(no answer in 100 ms, killed$/);
  expect(last.join('): ')).toBe(lines.at(-1) ?? 'it said nothing');
  expect(exits).toEqual(['0 SIGKILL true']);
});

test('a port that is taken, even by something that answers, is a failed start', async () => {
  const squatter = createServer((_request, response) => response.end('{"pid":1}'));
  const [port = 0] = await freePorts('127.0.0.1', 1);
  await new Promise<void>((resolve) => squatter.listen(port, '127.0.0.1', resolve));
  const ends: number[] = [];
  const [other = 0] = await freePorts('127.0.0.1', 1);
  const options = { nodes: 2, dataDir: tmpdir(), program: PROGRAM, httpPorts: [other, port] };
  const starting = startCluster({ ...options, onExit: (node) => ends.push(node.index) });
  await expect(starting).rejects.toThrow(/^node 1 .*EADDRINUSE/);
  expect(ends.sort()).toEqual([0, 1]);
  squatter.closeAllConnections();
  await new Promise((resolve) => squatter.close(resolve));
});

test('free ports are different, free, and not where outgoing connections get theirs', async () => {
  const ports = await freePorts('127.0.0.1', 50);
  expect(new Set(ports).size).toBe(50);
  for (const port of ports) {
    expect(port).toBeLessThan(32_768);
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.on('error', reject).listen(port, '127.0.0.1', resolve);
    });
    await new Promise((resolve) => server.close(resolve));
  }
});
