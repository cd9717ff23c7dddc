/** A group of the leaderless system with real processes, each in a network of its own where it can be. */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { compiledProgram } from '../../bin/cluster';
import { ClusterNode } from '../../bin/cluster_node';
import { freePorts } from '../../bin/free_ports';
import { send } from './e2e_http';
import type { TestNetwork } from './e2e_network';
import { eventually, temporaryFolder } from './e2e_world';

const PEER_PORT = 9700;
const HTTP_PORT = 8700;

export interface Versions {
  readonly values: readonly unknown[];
  readonly metadata: readonly string[];
}

export class DynamoWorld {
  readonly nodes: ClusterNode[] = [];
  readonly unexpectedEnds: string[] = [];
  private readonly dataDir = temporaryFolder();

  /** `flags` are for all nodes; by default they compare their data every second. */
  constructor(
    readonly network?: TestNetwork,
    private readonly flags: readonly string[] = ['--anti-entropy-ms', '1000'],
  ) {}

  /** Starts nodes one after the other; the first begins a group, the others join it. */
  async open(count: number): Promise<this> {
    for (let i = 0; i < count; i++) await this.add(i === 0 ? [] : ['--seed', this.id(0)]);
    await this.calm(count);
    return this;
  }

  async add(flags: readonly string[]): Promise<ClusterNode> {
    const index = this.nodes.length;
    const node = await this.make(index, flags);
    this.nodes.push(node);
    await node.start();
    return node;
  }

  id(index: number): string {
    const node = this.nodes[index];
    if (node === undefined) throw new Error(`there is no node ${index}`);
    return node.id;
  }

  /** All are members, know each other, and owe each other nothing. */
  async calm(members: number, among: readonly ClusterNode[] = this.nodes): Promise<void> {
    await eventually(`${members} members are calm`, async () => {
      const all = await Promise.all(among.map(statusOf));
      return all.every(
        (status) =>
          status?.standing === 'member' &&
          status.hints_waiting === 0 &&
          status.keys_to_move === 0 &&
          (status.members as { standing: string; suspected: boolean }[]).filter(
            ({ standing, suspected }) => standing === 'member' && !suspected,
          ).length === members,
      );
    });
  }

  /** The nodes that hold a key, and the others. */
  async homes(key: string): Promise<{ homes: ClusterNode[]; others: ClusterNode[] }> {
    const [asked] = this.nodes.filter((node) => node.isRunning);
    const reply = await send((asked as ClusterNode).url, `/lookup/${encodeURIComponent(key)}`);
    const list = JSON.parse(reply.text) as [string, string][];
    const homes = list.map(([, id]) => this.nodes.find((node) => node.id === id) as ClusterNode);
    return { homes, others: this.nodes.filter((node) => !homes.includes(node)) };
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill().catch(() => undefined)));
    this.network?.close();
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  private async make(index: number, flags: readonly string[]): Promise<ClusterNode> {
    const { network } = this;
    const host = network?.address(index) ?? '127.0.0.1';
    const [free = 0, freeToo = 0] = network ? [] : await freePorts('127.0.0.1', 2);
    const [httpPort, peerPort] = network ? [HTTP_PORT, PEER_PORT] : [free, freeToo];
    const id = `${host}:${peerPort}`;
    const outside = network ? await network.gatewayTo(index, HTTP_PORT) : httpPort;
    return new ClusterNode({
      ...{ index, id, url: `http://127.0.0.1:${outside}`, stopTimeoutMs: 20_000 },
      ...(network ? { wrapper: network.wrapper(index) } : {}),
      command: [
        ...[compiledProgram(), String(httpPort), id, '--protocol', 'dynamo'],
        ...['--node-name', `node0${index + 1}`, '--http-host', host],
        ...['--data-dir', join(this.dataDir, `node${index}`)],
        ...[...this.flags, ...flags],
      ],
      onLine: () => undefined,
      onExit: (node, { code, signal }, expected) => {
        if (!expected) this.unexpectedEnds.push(`${node.id} ${code ?? signal}`);
      },
    });
  }
}

export const placesOf = (nodes: readonly ClusterNode[]): number[] =>
  nodes.map(({ index }) => index);

/** Nothing passes between the one and all others. */
export function isolate(
  network: TestNetwork,
  nodes: readonly ClusterNode[],
  one: ClusterNode,
): void {
  network.partition([one.index], placesOf(nodes.filter((node) => node !== one)));
}

export async function statusOf(node: ClusterNode): Promise<Record<string, unknown> | undefined> {
  return (await node.status()) as Record<string, unknown> | undefined;
}

export async function read(node: ClusterNode, key: string, quorum = 2): Promise<Versions> {
  const reply = await send(node.url, `/keys/${encodeURIComponent(key)}?quorum=${quorum}`);
  if (reply.status !== 200) throw new Error(`${reply.status} ${reply.text}`);
  return JSON.parse(reply.text) as Versions;
}

export async function write(
  node: ClusterNode,
  key: string,
  value: unknown,
  quorum = 2,
  metadata?: string,
): Promise<string> {
  const body = JSON.stringify({ type: 'PUT', value, quorum, metadata });
  const reply = await send(node.url, `/keys/${encodeURIComponent(key)}`, { method: 'POST', body });
  if (reply.status !== 200) throw new Error(`${reply.status} ${reply.text}`);
  return (JSON.parse(reply.text) as { metadata: string }).metadata;
}

export async function recordsOf(node: ClusterNode): Promise<number> {
  return Number((await send(node.url, '/admin/records')).text);
}
