/**
 * A cluster of real processes on this machine: started, watched, frozen, killed and stopped. The
 * demonstration, `npm start` and the end-to-end tests are written with it.
 *
 *     const cluster = await startCluster({ nodes: 3, dataDir });
 *     const leader = await cluster.waitForLeader();
 *     await leader.kill();
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { ClusterNode, type NodeOptions } from './cluster_node';
import { freePorts } from './free_ports';

export type { ClusterNode, Exit, NodeStatus } from './cluster_node';

export interface ClusterOptions {
  readonly nodes: number;
  /** Each node keeps its data in `node<n>` below this folder. */
  readonly dataDir: string;
  /** One for each node; free ones when absent. */
  readonly httpPorts?: readonly number[];
  readonly peerPorts?: readonly number[];
  /** Further flags for every node. */
  readonly flags?: readonly string[];
  /** Further flags for the Node that runs each of them. */
  readonly nodeFlags?: readonly string[];
  /** The compiled program of a node; the project's own when absent. */
  readonly program?: string;
  /** How long a node may take to stop by itself before it is killed. */
  readonly stopTimeoutMs?: number;
  /** How long a node may take to answer after its start before it is killed; a minute when absent. */
  readonly startTimeoutMs?: number;
  /** Hears every line that a node prints. */
  readonly onLine?: (node: ClusterNode, line: string) => void;
  /** Hears of every end of a node's process. */
  readonly onExit?: NodeOptions['onExit'];
}

/**
 * For the Node that runs a node, as in the `create_server` scripts: the young generation is small
 * and collected by one thread, so that no collection stops the event loop for long. With several
 * threads the pause would last until the slowest has had its turn of a busy machine's processors.
 * And what idles keeps its memory: otherwise V8 shrinks its heap after some seconds, and the first
 * seconds of the next load cost half as much again. The old generation may grow to three times what
 * the last collection left: the log and the values are outside of the heap but count against its
 * growth, and what is in the heap is so little that they would cause a collection each second.
 */
export const NODE_FLAGS = [
  '--no-parallel-scavenge',
  '--no-memory-reducer',
  '--min-semi-space-size=8',
  '--max-semi-space-size=8',
  '--heap-growing-percent=200',
];
const HOST = '127.0.0.1';
const STOP_TIMEOUT_MS = 20_000;
const LEADER_TIMEOUT_MS = 30_000;
const POLL_MS = 50;

/** Starts all nodes; resolves when each one answers. If one cannot start, stops the others. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const count = options.nodes;
  const free = await freePorts(HOST, 2 * count);
  const httpPorts = options.httpPorts ?? free.slice(0, count);
  const peerPorts = options.peerPorts ?? free.slice(count);
  const ids = peerPorts.map((port) => `${HOST}:${port}`);
  const program = options.program ?? compiledProgram();
  const node = [...NODE_FLAGS, ...(options.nodeFlags ?? [])];
  const nodes = ids.map((id, index) => {
    const httpPort = httpPorts[index] ?? 0;
    const partners = ids.filter((other) => other !== id);
    const folder = join(options.dataDir, `node${index}`);
    const flags = ['--data-dir', folder, ...(options.flags ?? [])];
    return new ClusterNode({
      ...{ index, id, url: `http://${HOST}:${httpPort}` },
      command: [...node, program, String(httpPort), id, ...partners, ...flags],
      stopTimeoutMs: options.stopTimeoutMs ?? STOP_TIMEOUT_MS,
      startTimeoutMs: options.startTimeoutMs,
      onLine: options.onLine ?? (() => undefined),
      onExit: options.onExit ?? (() => undefined),
    });
  });
  const cluster = new Cluster(nodes);
  const started = await Promise.allSettled(nodes.map((node) => node.start()));
  const failed = started.find((one) => one.status === 'rejected');
  if (failed) {
    await cluster.stop();
    throw failed.reason;
  }
  return cluster;
}

/** The program of a node as `tsc` leaves it, seen from the sources or from what was compiled. */
export function compiledProgram(): string {
  const places = [join(__dirname, '..'), join(__dirname, '..', 'dist')];
  const files = places.map((place) => join(place, 'kv', 'kvstorage_http.js'));
  const found = files.find((file) => existsSync(file));
  if (!found) throw new Error(`${files.at(-1)} is missing: run 'npm run build'`);
  return found;
}

export class Cluster {
  constructor(readonly nodes: readonly ClusterNode[]) {
    process.once('exit', this.killAll);
  }

  node(index: number): ClusterNode {
    const node = this.nodes[index];
    if (!node) throw new RangeError(`there is no node ${index} among ${this.nodes.length}`);
    return node;
  }

  /** The node that a majority, itself included, takes for its leader; undefined if there is none. */
  async leader(): Promise<ClusterNode | undefined> {
    const statuses = await Promise.all(this.nodes.map((node) => node.status()));
    return this.nodes.find((node, i) => {
      const followers = statuses.filter((status) => status?.leader === node.id).length;
      return statuses[i]?.state === 2 && followers * 2 > this.nodes.length;
    });
  }

  /** Waits for a leader; rejects with what the nodes say if none comes up in time. */
  async waitForLeader(timeoutMs = LEADER_TIMEOUT_MS): Promise<ClusterNode> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const leader = await this.leader();
      if (leader) return leader;
      if (performance.now() > deadline) {
        throw new Error(`no leader after ${timeoutMs} ms: ${await this.describe()}`);
      }
      await wait(POLL_MS);
    }
  }

  /** Stops all nodes: gracefully, and by force those that do not. */
  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
    process.off('exit', this.killAll);
  }

  /** For the end of this process, when there is no time to ask: no child may outlive it. */
  private readonly killAll = (): void => {
    for (const node of this.nodes) node.signal('SIGKILL');
  };

  private async describe(): Promise<string> {
    const lines = this.nodes.map(async (node) => {
      const status = await node.status();
      if (!status) return `${node.id} does not answer`;
      return `${node.id} is ${status.state} in term ${status.raft_term}, leader ${status.leader}`;
    });
    return (await Promise.all(lines)).join('; ');
  }
}
