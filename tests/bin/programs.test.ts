/** `npm start` and `npm run demo` as a user runs them: real nodes, real ports, real signals. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import axios from 'axios';
import { freePorts } from '../../bin/free_ports';
import { ROOT } from '../laws/sources';

const HOST = '127.0.0.1';
let folder: string;
const begun: Program[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quorum-kv-programs-'));
});
afterEach(async () => {
  // Where a test failed halfway, its program is still there.
  for (const program of begun.splice(0)) {
    program.child.kill('SIGINT');
    await program.ended;
  }
  rmSync(folder, { recursive: true });
});

class Program {
  stdout = '';
  stderr = '';
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;

  constructor(name: string, ...args: string[]) {
    const file = join(ROOT, 'dist', 'bin', `${name}.js`);
    const env = { ...process.env, TMPDIR: folder };
    this.child = spawn(process.execPath, [file, ...args], { cwd: folder, env });
    this.child.stdout?.on('data', (data) => {
      this.stdout += data;
    });
    this.child.stderr?.on('data', (data) => {
      this.stderr += data;
    });
    this.ended = new Promise((resolve) => this.child.on('close', resolve));
    begun.push(this);
  }

  /** Resolves when the pattern stands in what was printed; fails if the program ends without. */
  async heard(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.stdout)) {
      const ended = this.ended.then(() => 'ended');
      const data = once(this.child.stdout as NodeJS.ReadableStream, 'data');
      if ((await Promise.race([data, ended])) === 'ended' && !pattern.test(this.stdout)) {
        throw new Error(`${pattern} was not said, but: ${this.stdout}${this.stderr}`);
      }
    }
  }
}

/** Two rows of `count` ports, one after the other, as `start_cluster` takes them. */
async function firstPorts(count: number): Promise<{ http: number; peer: number }> {
  for (;;) {
    const ports = await freePorts(HOST, 2 * count);
    const [http = 0, ...rest] = ports;
    const inARow = rest.every((port, i) => port === http + i + 1);
    if (inARow) return { http, peer: http + count };
  }
}

test('the demonstration holds, and cleans up', async () => {
  const demo = new Program('demo');
  expect([await demo.ended, demo.stderr]).toEqual([0, '']);
  expect(demo.stdout).toMatch(/All of it held\.\n$/);
  expect(demo.stdout.match(/✓/g)?.length).toBe(9);
  expect(demo.stdout).not.toMatch('✗');
});

test('a cluster runs in the foreground until a signal, and leaves nothing behind', async () => {
  const { http, peer } = await firstPorts(3);
  const ports = ['--http-port', String(http), '--peer-port', String(peer)];
  const program = new Program('start_cluster', ...ports, '--data-dir', join(folder, 'data'));
  await program.heard(/^node \d is the leader of term \d+ /m);
  await program.heard(/^Ctrl-C stops all nodes\.$/m);
  const statuses = await Promise.all(
    [http, http + 1, http + 2].map((port) => axios.get(`http://${HOST}:${port}/admin/status`)),
  );
  const pids = statuses.map(({ data }) => Number(data.pid));
  expect(new Set(pids).size).toBe(3);
  program.child.kill('SIGINT');
  expect([await program.ended, program.stderr]).toEqual([0, '']);
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
});

test('a port that is in use is one clear line, and the other nodes are stopped', async () => {
  const { http, peer } = await firstPorts(3);
  const squatter = createServer().listen(http + 1, HOST);
  await once(squatter, 'listening');
  const ports = ['--http-port', String(http), '--peer-port', String(peer)];
  const program = new Program('start_cluster', ...ports, '--data-dir', join(folder, 'data'));
  expect(await program.ended).toBe(1);
  expect(program.stderr).toMatch(/^start_cluster: node 1 [^\n]*in use[^\n]*\n$/);
  squatter.close();
  for (const port of [http, http + 2]) {
    const status = axios.get(`http://${HOST}:${port}/admin/status`);
    await expect(status).rejects.toThrow('ECONNREFUSED');
  }
});

test.each([
  [['--colour', 'red'], /^start_cluster: .*colour\n$/],
  [['--nodes', '0'], /^start_cluster: --nodes must be a whole number from 1 to 99\n$/],
  [['8080'], /^start_cluster: [^\n]+\n$/],
])('start_cluster %j is one clear line and code 2', async (args, complaint) => {
  const program = new Program('start_cluster', ...args);
  expect(await program.ended).toBe(2);
  expect(program.stderr).toMatch(complaint);
  expect(program.stdout).toBe('');
});
