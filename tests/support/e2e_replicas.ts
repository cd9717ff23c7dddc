/** Convergent replicas as real processes, each in a network of its own where it is told to be. */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { compiledProgram } from '../../bin/cluster';
import { ClusterNode } from '../../bin/cluster_node';
import { freePorts } from '../../bin/free_ports';
import { type Reply, send } from './e2e_http';
import type { TestNetwork } from './e2e_network';
import { eventually, temporaryFolder } from './e2e_world';

/** Where replicas listen that have an address of their own. */
export const REPLICA_PORT = 8000;

export class ReplicaWorld {
  readonly nodes: ClusterNode[] = [];
  readonly lines: string[] = [];
  readonly unexpectedEnds: string[] = [];
  private readonly dataDir = temporaryFolder();

  constructor(
    readonly network?: TestNetwork,
    private readonly flags: readonly string[] = [],
  ) {}

  async open(count: number): Promise<this> {
    for (let i = 0; i < count; i++) await this.add();
    return this;
  }

  async add(): Promise<ClusterNode> {
    const node = await this.make(this.nodes.length);
    this.nodes.push(node);
    await node.start();
    return node;
  }

  /** Kills a node and starts it with its data at another port. */
  async move(index: number): Promise<void> {
    await this.node(index).kill();
    this.nodes[index] = await this.make(index);
    await this.node(index).start();
  }

  node(index: number): ClusterNode {
    const node = this.nodes[index];
    if (node === undefined) throw new Error(`there is no node ${index}`);
    return node;
  }

  /** The URL at which other replicas reach a node, which is its id here. */
  urlOf(index: number): string {
    return this.node(index).id;
  }

  folderOf(index: number): string {
    return join(this.dataDir, `node${index}`);
  }

  /** Tells one replica of another. */
  async register(at: number, whom: number): Promise<void> {
    await ok(this.node(at), '/register', 'POST', { url: this.urlOf(whom) });
  }

  /** Waits until all given nodes hold exactly this, and their digests are equal. */
  async all(expected: Readonly<Record<string, unknown>>, nodes = this.nodes): Promise<void> {
    const text = sorted(expected);
    let seen = '';
    await eventually('all replicas hold the same', async () => {
      const states = await Promise.all(nodes.map(stateOf));
      const digests = new Set(await Promise.all(nodes.map(digestOf)));
      seen = JSON.stringify(states);
      return states.every((state) => sorted(state) === text) && digests.size === 1;
    }).catch((error) => {
      throw new Error(`${(error as Error).message}: ${text} but ${seen}`);
    });
  }

  /** Waits until each of two replicas says that the link to the other one is up. */
  async linked(one: number, other: number): Promise<void> {
    const sees = async (a: number, b: number): Promise<boolean> => {
      const id = (await healthOf(this.node(b))).replica_id;
      const peers = await peersOf(this.node(a));
      return peers.some(({ replica_id: peer, connected }) => peer === id && connected);
    };
    await eventually(`${one} and ${other} are linked`, async () => {
      return (await sees(one, other)) && (await sees(other, one));
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill().catch(() => undefined)));
    this.network?.close();
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  private async make(index: number): Promise<ClusterNode> {
    const { network } = this;
    const host = network?.address(index) ?? '127.0.0.1';
    const [free = 0] = network ? [REPLICA_PORT] : await freePorts('127.0.0.1', 1);
    const outside = network ? await network.gatewayTo(index, REPLICA_PORT) : free;
    return new ClusterNode({
      ...{ index, id: `http://${host}:${free}`, url: `http://127.0.0.1:${outside}` },
      ...(network ? { wrapper: network.wrapper(index) } : {}),
      stopTimeoutMs: 20_000,
      command: [
        ...[compiledProgram(), String(free), '--protocol', 'convergent', '--http-host', host],
        ...['--data-dir', this.folderOf(index), ...this.flags],
      ],
      onLine: (node, line) => this.lines.push(`${node.index} ${line}`),
      onExit: (node, { code, signal }, expected) => {
        if (!expected) this.unexpectedEnds.push(`${node.id} ${code ?? signal}`);
      },
    });
  }
}

interface PeerLine {
  readonly replica_id: string;
  readonly url: string;
  readonly connected: boolean;
}

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

async function ok(
  node: ClusterNode,
  path: string,
  method: Method = 'GET',
  body?: unknown,
): Promise<Reply> {
  const text = body === undefined ? {} : { body: JSON.stringify(body) };
  const reply = await send(node.url, path, { method, ...text });
  if (reply.status >= 300) throw new Error(`${method} ${path}: ${reply.status} ${reply.text}`);
  return reply;
}

const json = ({ text }: Reply): Record<string, unknown> =>
  JSON.parse(text) as Record<string, unknown>;

/** Writes keys together; the state as the answer shows it. */
export async function update(
  node: ClusterNode,
  updates: Readonly<Record<string, unknown>>,
): Promise<Record<string, unknown>> {
  const { state } = json(await ok(node, '/update', 'PATCH', { updates }));
  return state as Record<string, unknown>;
}

export const remove = (node: ClusterNode, key: string): Promise<Reply> =>
  ok(node, `/delete/${encodeURIComponent(key)}`, 'DELETE');

/** One change of `/keys/{key}`. */
export const change = (node: ClusterNode, key: string, type: string, value?: unknown) =>
  ok(node, `/keys/${encodeURIComponent(key)}`, 'POST', { type, value });

export const stateOf = async (node: ClusterNode): Promise<Record<string, unknown>> =>
  json(await ok(node, '/state'));

export const digestOf = async (node: ClusterNode): Promise<string> =>
  String(json(await ok(node, '/admin/digest')).digest);

export const healthOf = async (node: ClusterNode): Promise<{ replica_id: string }> =>
  json(await ok(node, '/health')) as { replica_id: string };

export const statusOf = async (node: ClusterNode): Promise<Record<string, unknown>> =>
  json(await ok(node, '/admin/status'));

export const peersOf = async (node: ClusterNode): Promise<readonly PeerLine[]> =>
  (await statusOf(node)).peers as PeerLine[];

export const unregister = (node: ClusterNode, body: object): Promise<Reply> =>
  ok(node, '/unregister', 'POST', body);

function sorted(map: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
}
