/** What is measured: an operation, by how many clients, on how large a cluster, with which values. */

/**
 * `get`, `lease` and `stale` are the read levels; `mix` is nine linearizable reads to one put; `hot`
 * puts to one key only; `embedded` puts in the process of the leader where a system can do that, and
 * over the network where it cannot.
 */
export const WORKLOADS = [
  ...(['put', 'append', 'get', 'lease', 'stale', 'mix', 'hot', 'embedded'] as const),
];
export type WorkloadName = (typeof WORKLOADS)[number];

export const WAYS = ['leader', 'followers'] as const;
/** Which nodes the clients are connected to. */
export type Way = (typeof WAYS)[number];

/** What one client asks in one request. */
export type Operation = 'put' | 'append' | 'get' | 'lease' | 'stale';

/** One row of the result. */
export interface Shape {
  readonly workload: WorkloadName;
  readonly clients: number;
  readonly nodes: number;
  readonly valueBytes: number;
  readonly through: Way;
  readonly keys: number;
}

/** What the n-th request of a workload asks. */
export function operationOf(workload: WorkloadName, n: number): Operation {
  if (workload === 'mix') return n % 10 === 0 ? 'put' : 'get';
  return workload === 'hot' || workload === 'embedded' ? 'put' : workload;
}

/** Every operation that a workload has. */
export function operationsOf(workload: WorkloadName): readonly Operation[] {
  return [...new Set([operationOf(workload, 0), operationOf(workload, 1)])];
}

export function describeShape({ workload, clients, nodes, valueBytes, through, keys }: Shape) {
  const who = `${clients} client${clients === 1 ? '' : 's'}`;
  const where = through === 'leader' ? 'through the leader' : 'through the followers';
  const what = workload === 'hot' ? '1 key' : `${keys} keys`;
  return `${workload}, ${who}, ${nodes} nodes, ${what}, ${valueBytes}-byte values, ${where}`;
}

/** Values times keys stay below this, so that three nodes of every system fit into memory. */
const DATA_BYTES = 256 * 2 ** 20;

/** How many keys there are: what was asked for, or fewer where values are large. */
export function keysFor(wanted: number, valueBytes: number): number {
  return Math.max(1, Math.min(wanted, Math.floor(DATA_BYTES / valueBytes)));
}
