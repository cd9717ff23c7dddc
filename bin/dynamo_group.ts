/**
 * A group of the leaderless system as real processes on this machine: the first begins it, the others
 * join. For measurements and scripts; `cluster.ts` does the same for a cluster on Raft.
 */

import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { compiledProgram, NODE_FLAGS } from './cluster';
import { ClusterNode } from './cluster_node';
import { freePorts } from './free_ports';

const HOST = '127.0.0.1';
const STOP_TIMEOUT_MS = 20_000;
const CALM_TIMEOUT_MS = 60_000;
const POLL_MS = 100;

/** What is read of the status of a node; there is more in it. */
export interface DynamoNodeStatus {
  readonly standing: string;
  readonly hints_waiting: number;
  readonly keys_to_move: number;
  readonly peer_messages_sent: number;
  readonly members: readonly {
    readonly address: string;
    readonly standing: string;
    readonly suspected: boolean;
  }[];
}

export class DynamoProcesses {
  private constructor(readonly nodes: readonly ClusterNode[]) {
    process.once('exit', this.killAll);
  }

  /** Resolves when all are members and know it. */
  static async start(
    count: number,
    dataDir: string,
    flags: readonly string[] = [],
  ): Promise<DynamoProcesses> {
    const ports = await freePorts(HOST, 2 * count);
    const ids = Array.from({ length: count }, (_, i) => `${HOST}:${ports[count + i]}`);
    const nodes = ids.map((id, index) => {
      const seed = index === 0 ? [] : ['--seed', ids[0] ?? ''];
      const own = ['--node-name', `node0${index + 1}`, '--data-dir', join(dataDir, `node${index}`)];
      return new ClusterNode({
        ...{ index, id, url: `http://${HOST}:${ports[index]}`, stopTimeoutMs: STOP_TIMEOUT_MS },
        command: [
          ...[...NODE_FLAGS, compiledProgram(), String(ports[index]), id, '--protocol', 'dynamo'],
          ...[...own, ...seed, ...flags],
        ],
        onLine: () => undefined,
        onExit: () => undefined,
      });
    });
    const group = new DynamoProcesses(nodes);
    try {
      for (const node of nodes) await node.start();
      await group.calm();
    } catch (error) {
      await group.stop();
      throw error;
    }
    return group;
  }

  /** Waits until all are members, suspect nobody, and owe each other nothing. */
  async calm(): Promise<void> {
    const deadline = performance.now() + CALM_TIMEOUT_MS;
    for (;;) {
      const all = await Promise.all(this.nodes.map(statusOf));
      if (all.every((status) => status !== undefined && isCalm(status, this.nodes.length))) return;
      if (performance.now() > deadline) {
        throw new Error(`the group is not calm after ${CALM_TIMEOUT_MS} ms`);
      }
      await wait(POLL_MS);
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
    process.off('exit', this.killAll);
  }

  /** For the end of this process, when there is no time to ask: no child may outlive it. */
  private readonly killAll = (): void => {
    for (const node of this.nodes) node.signal('SIGKILL');
  };
}

/** What a node says of itself; undefined if it does not answer. */
export async function statusOf(node: ClusterNode): Promise<DynamoNodeStatus | undefined> {
  // The status of another protocol than the one that `ClusterNode` was made for.
  return (await node.status()) as DynamoNodeStatus | undefined;
}

/** A member of a group of so many that is at rest. */
export function isCalm(status: DynamoNodeStatus, members: number): boolean {
  const { standing, hints_waiting: hints, keys_to_move: moves } = status;
  const known = status.members.filter((one) => one.standing === 'member' && !one.suspected);
  return standing === 'member' && hints === 0 && moves === 0 && known.length === members;
}
