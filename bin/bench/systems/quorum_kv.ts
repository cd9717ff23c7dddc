/** Our own service: real nodes, HTTP, the defaults of the command line. */

import { type Cluster, startCluster } from '../../cluster';
import type { ClusterNode } from '../../cluster_node';
import { GeneratedLoad, SHARED_CONNECTIONS, type Target } from '../generated_load';
import type { Place, Running, System } from '../system';
import type { Shape } from '../workload';

export const QUORUM_KV = quorumKv('quorum-kv', 'HTTP and JSON', { protocol: 'http' });
export const QUORUM_KV_PIPELINED = quorumKv(
  'quorum-kv pipelined',
  `HTTP and JSON, pipelined over ${SHARED_CONNECTIONS} shared connections`,
  { protocol: 'http', connections: SHARED_CONNECTIONS },
);

function quorumKv(name: string, way: string, target: Omit<Target, 'ports'>): System {
  return {
    name,
    promise: `${way}; a put is on the disks of a majority, a get is linearizable`,
    missing: () => undefined,
    lacks: () => undefined,
    start: (place) => start(name, place, target),
  };
}

async function start(
  name: string,
  { nodes, folder }: Place,
  target: Omit<Target, 'ports'>,
): Promise<Running> {
  const cluster = await startCluster({ nodes, dataDir: folder });
  let leader = await cluster.waitForLeader();
  const load = new GeneratedLoad(name);
  return {
    get pids() {
      return leaderFirst(cluster, leader).map((node) => node.pid ?? 0);
    },
    loadPid: load.pid,
    prepare: async (shape, part) => {
      leader = await cluster.waitForLeader();
      const ports = portsOf(shape, leaderFirst(cluster, leader));
      await load.prepare({ ...target, ports }, shape, part);
    },
    go: () => load.go(),
    finish: () => load.finish(),
    stop: async () => {
      await load.stop();
      await cluster.stop();
    },
  };
}

function leaderFirst(cluster: Cluster, leader: ClusterNode): readonly ClusterNode[] {
  return [leader, ...cluster.nodes.filter((node) => node !== leader)];
}

function portsOf({ through }: Shape, [leader, ...followers]: readonly ClusterNode[]): number[] {
  const chosen = through === 'leader' || followers.length === 0 ? [leader] : followers;
  return chosen.map((node) => Number(new URL(node?.url ?? '').port));
}
