/**
 * A network of a test's own, whose links can be cut: each node has a network namespace with one
 * address, joined to a bridge in yet another namespace. Nothing of it can be seen from outside. A
 * cut is a route into nothing, so whoever sends hears nothing back, as with a broken cable; it
 * drops what goes in one direction only, answers and acknowledgements of TCP included. A rule before
 * the routes may drop what goes to a listening port alone. All of it takes `ip` and nothing else.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { run } from './e2e_root';

const PREFIX = 'quorum-kv-';
const SUBNET = '10.77.0';
const GATEWAY = join(__dirname, 'e2e_gateway.ts');

export class TestNetwork {
  /** The namespace of the bridge; those of the nodes have a number after it. */
  private readonly hub = `${PREFIX}${process.pid}`;
  private readonly cuts: [string, string][] = [];
  private readonly drops: [string, string[]][] = [];
  private gateway: ChildProcess | undefined;

  constructor(private readonly nodes: number) {}

  /** Makes the network; throws where that is not possible. */
  open(): void {
    removeLeftOvers();
    try {
      this.join(this.hub);
      run('ip', '-n', this.hub, 'link', 'add', 'bridge', 'type', 'bridge');
      run('ip', '-n', this.hub, 'addr', 'add', `${SUBNET}.254/24`, 'dev', 'bridge');
      run('ip', '-n', this.hub, 'link', 'set', 'bridge', 'up');
      for (let node = 0; node < this.nodes; node++) this.connect(node);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Takes everything down; may be called at any time and more than once. */
  close(): void {
    this.gateway?.kill('SIGKILL');
    this.gateway = undefined;
    const all = namespaces().filter((name) => name.startsWith(this.hub));
    for (const name of all) run('ip', 'netns', 'del', name);
  }

  address(node: number): string {
    return `${SUBNET}.${node + 1}`;
  }

  /** Words before a command that run it in the place of a node. */
  wrapper(node: number): string[] {
    return ['ip', 'netns', 'exec', this.name(node)];
  }

  /** A port of the loopback address outside that leads to a port of a node; one at a time. */
  async gatewayTo(node: number, port: number): Promise<number> {
    const program = this.gateway === undefined ? compiledGateway() : undefined;
    this.gateway ??= fork(program ?? '', {
      execPath: 'ip',
      execArgv: ['netns', 'exec', this.hub, process.execPath],
    });
    const { gateway } = this;
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const ready = new Promise((resolve, reject) => {
      gateway.once('message', resolve);
      gateway.once('exit', () => reject(new Error('the gateway has ended')));
    });
    gateway.send({ host: this.address(node), port }, server);
    await ready;
    // A program that runs needs its file no more.
    if (program !== undefined) rmSync(dirname(program), { recursive: true, force: true });
    // Only the gateway's copy listens from now on.
    server.close();
    if (address === null || typeof address === 'string') throw new Error('a port has a number');
    return address.port;
  }

  /** Drops what goes from one node to another. */
  cutOneWay(from: number, to: number): void {
    const cut: [string, string] = [this.name(from), `${this.address(to)}/32`];
    this.cuts.push(cut);
    run('ip', '-n', cut[0], 'route', 'add', 'blackhole', cut[1]);
  }

  /** Cuts all links between two groups, both ways. */
  partition(side: readonly number[], otherSide: readonly number[]): void {
    for (const one of side) {
      for (const other of otherSide) {
        this.cutOneWay(one, other);
        this.cutOneWay(other, one);
      }
    }
  }

  /**
   * Drops what goes from one node to the port that another one listens on; what that one sends, also
   * on connections of its own, still arrives.
   */
  dropToPort(from: number, to: number, port: number): void {
    const name = this.name(from);
    const rule = ['to', this.address(to), 'ipproto', 'tcp', 'dport', String(port), 'blackhole'];
    this.drops.push([name, rule]);
    run('ip', '-n', name, 'rule', 'add', ...rule);
  }

  /** Mends everything that was cut. */
  heal(): void {
    for (const [name, route] of this.cuts.splice(0)) {
      run('ip', '-n', name, 'route', 'del', 'blackhole', route);
    }
    for (const [name, rule] of this.drops.splice(0)) {
      run('ip', '-n', name, 'rule', 'del', ...rule);
    }
  }

  private name(node: number): string {
    return `${this.hub}-${node}`;
  }

  private join(name: string): void {
    run('ip', 'netns', 'add', name);
    run('ip', '-n', name, 'link', 'set', 'lo', 'up');
  }

  private connect(node: number): void {
    const { hub } = this;
    const name = this.name(node);
    const port = `port${node}`;
    this.join(name);
    const ends = ['link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name];
    run('ip', '-n', hub, ...ends);
    run('ip', '-n', hub, 'link', 'set', port, 'master', 'bridge', 'up');
    run('ip', '-n', name, 'addr', 'add', `${this.address(node)}/24`, 'dev', 'eth0');
    run('ip', '-n', name, 'link', 'set', 'eth0', 'up');
  }
}

/** Throws where such networks cannot be made. */
export function tryNetwork(): void {
  const network = new TestNetwork(1);
  try {
    network.open();
  } finally {
    network.close();
  }
}

function namespaces(): string[] {
  const lines = run('ip', 'netns', 'list').split('\n');
  return lines.map((line) => line.split(' ')[0] ?? '');
}

/** Networks of test processes that were killed before they could take theirs down. */
function removeLeftOvers(): void {
  for (const name of namespaces().filter((one) => one.startsWith(PREFIX))) {
    const pid = name.slice(PREFIX.length).split('-')[0];
    if (!existsSync(`/proc/${pid}`)) run('ip', 'netns', 'del', name);
  }
}

/** The program of the gateway as JavaScript: it runs in a process that knows no TypeScript. */
function compiledGateway(): string {
  const folder = mkdtempSync(join(tmpdir(), 'quorum-kv-gateway-'));
  const options = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 };
  const program = join(folder, 'gateway.js');
  writeFileSync(program, ts.transpile(readFileSync(GATEWAY, 'utf8'), options));
  return program;
}
