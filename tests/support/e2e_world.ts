/**
 * A cluster of real processes in a folder of its own, for one end-to-end test, and what such tests
 * wait for. Nothing here asserts a time: waiting is for events, and its bounds are only there so
 * that a test which will never pass ends with a sentence that says what it waited for.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type Cluster, type ClusterNode, type NodeStatus, startCluster } from '../../bin/cluster';

/** Shorter than by default, so that the suite is done soon; long enough for a busy machine. */
export const ELECTION = { minMs: 400, maxMs: 800, heartbeatMs: 80 };

export function electionFlags({ minMs, maxMs, heartbeatMs }: typeof ELECTION): string[] {
  return [
    `--election-timeout-min-ms=${minMs}`,
    `--election-timeout-max-ms=${maxMs}`,
    `--heartbeat-ms=${heartbeatMs}`,
  ];
}

/** What the nodes have printed and how they ended. */
export class Records {
  private readonly lines = new Map<number, string[]>();
  /** The ends that nobody asked for: `1 code 70`. */
  readonly unexpectedEnds: string[] = [];

  readonly onLine = (node: ClusterNode, line: string): void => {
    this.linesOf(node).push(line);
  };

  readonly onExit = (
    node: ClusterNode,
    exit: { readonly code: number | null; readonly signal: string | null },
    expected: boolean,
  ): void => {
    if (!expected) this.unexpectedEnds.push(`${node.index} ${exit.signal ?? `code ${exit.code}`}`);
  };

  linesOf(node: ClusterNode): string[] {
    const lines = this.lines.get(node.index) ?? [];
    this.lines.set(node.index, lines);
    return lines;
  }
}

export interface World {
  readonly cluster: Cluster;
  readonly records: Records;
  /** The data folder of a node. */
  folderOf(node: ClusterNode): string;
  /** Something of the test that goes on by itself and must end with the world, also when it fails. */
  during<T extends { abandon(): void }>(activity: T): T;
  /** Ends everything, stops the nodes and removes their folders. */
  close(): Promise<void>;
}

export interface WorldOptions {
  readonly nodes?: number;
  readonly flags?: readonly string[];
  readonly election?: typeof ELECTION;
  /** Called with the folder of all nodes before they start. */
  readonly prepare?: (dataDir: string) => void;
  /** Undoes that, once they have stopped. */
  readonly release?: () => void;
}

export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const { nodes = 3, flags = [], election = ELECTION, prepare, release } = options;
  const records = new Records();
  const dataDir = temporaryFolder();
  const remove = () => {
    release?.();
    rmSync(dataDir, { recursive: true, force: true });
  };
  try {
    prepare?.(dataDir);
    const all = [...electionFlags(election), ...flags];
    const { onLine, onExit } = records;
    const cluster = await startCluster({ nodes, dataDir, flags: all, onLine, onExit });
    return worldOf(cluster, records, dataDir, remove);
  } catch (error) {
    remove();
    throw error;
  }
}

/** `remove` takes away what was made for the nodes, once they are stopped. */
export function worldOf(
  cluster: Cluster,
  records: Records,
  dataDir: string,
  remove: () => void,
): World {
  const activities: { abandon(): void }[] = [];
  return {
    cluster,
    records,
    folderOf: (node) => join(dataDir, `node${node.index}`),
    during: (activity) => {
      activities.push(activity);
      return activity;
    },
    close: async () => {
      for (const activity of activities) activity.abandon();
      await cluster.stop().finally(remove);
    },
  };
}

export const temporaryFolder = (): string => mkdtempSync(join(tmpdir(), 'quorum-kv-e2e-'));

const PATIENCE_MS = 60_000;
const POLL_MS = 50;

/** Looks until there is something to see, and returns it. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await wait(POLL_MS);
  }
}

export function statusOf(node: ClusterNode): Promise<NodeStatus> {
  return eventually(`node ${node.index} reports its status`, () => node.status());
}

/**
 * Waits until the given nodes follow one leader, their disks are known, and all of them have
 * applied the same log to its end. For a cluster without load.
 */
export async function settled(cluster: Cluster, nodes = cluster.nodes): Promise<NodeStatus[]> {
  let before = '';
  return eventually('the nodes agree', async () => {
    const statuses = await Promise.all(nodes.map((node) => node.status()));
    const known = statuses.filter((status) => status !== undefined);
    // A disk that is being made known comes as an entry of its own: so it must be the same twice.
    const seen = JSON.stringify(known.map(agreement));
    const same = seen === before && known.length === nodes.length;
    before = seen;
    return same && new Set(known.map((one) => JSON.stringify(agreement(one)))).size === 1
      ? known[0]?.leader !== null && known.every(isWhole) && known
      : undefined;
  });
}

const agreement = (status: NodeStatus): unknown[] =>
  ['leader', 'raft_term', 'commit_idx', 'last_applied', 'last_log_idx'].map((name) => status[name]);

const isWhole = (status: NodeStatus): boolean =>
  status.has_quorum &&
  !status.disk_unknown &&
  status.last_applied === status.commit_idx &&
  status.last_log_idx === status.commit_idx;

/** Waits until a node has applied at least what the present leader had committed. */
export async function caughtUp(cluster: Cluster, node: ClusterNode): Promise<NodeStatus> {
  const leader = await cluster.waitForLeader();
  const { commit_idx: goal } = await statusOf(leader);
  return eventually(`node ${node.index} has applied entry ${goal}`, async () => {
    const status = await node.status();
    return status && status.last_applied >= goal && status.leader !== null && status;
  });
}

/** A leader other than this node, and not this node's former self. */
export function otherLeader(cluster: Cluster, than: ClusterNode): Promise<ClusterNode> {
  return eventually(`another node than ${than.index} leads`, async () => {
    const leader = await cluster.leader();
    return leader !== than && leader;
  });
}

export const urlsOf = ({ nodes }: { readonly nodes: readonly ClusterNode[] }): string[] =>
  nodes.map((node) => node.url);

/** The nodes of a cluster that are not among the given ones. */
export const othersOf = (cluster: Cluster, ...nodes: readonly ClusterNode[]): ClusterNode[] =>
  cluster.nodes.filter((node) => !nodes.includes(node));

/** One of several; a test that gets none is wrong. */
export function pick<T>(from: readonly T[], index = 0): T {
  const one = from[index];
  if (one === undefined) throw new RangeError(`there is no element ${index} of ${from.length}`);
  return one;
}

/** Watches who says that it leads which term: at most one node ever may (Election Safety, §5.2). */
export class LeaderWatch {
  readonly violations: string[] = [];
  private readonly leaders = new Map<number, string>();
  private stopped = false;
  private readonly watching: Promise<void>;

  constructor(cluster: Cluster) {
    this.watching = this.watch(cluster);
  }

  abandon(): void {
    this.stopped = true;
  }

  /** Every leader that was seen, by term. */
  async stop(): Promise<ReadonlyMap<number, string>> {
    this.stopped = true;
    await this.watching;
    return this.leaders;
  }

  private async watch(cluster: Cluster): Promise<void> {
    while (!this.stopped) {
      const statuses = await Promise.all(cluster.nodes.map((node) => node.status()));
      for (const status of statuses) if (status?.state === 2) this.see(status);
      await wait(POLL_MS);
    }
  }

  private see({ raft_term: term, self }: NodeStatus): void {
    const known = this.leaders.get(term) ?? self;
    this.leaders.set(term, known);
    if (known !== self) this.violations.push(`${known} and ${self} both led term ${term}`);
  }
}
