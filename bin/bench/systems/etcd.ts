/**
 * etcd, by its JSON gateway and by gRPC, each with a cluster of its own and the server's defaults:
 * every put is flushed by a majority, every range is linearizable unless it is asked not to be.
 */

import { join } from 'node:path';
import axios from 'axios';
import { freePorts } from '../../free_ports';
import { SHARED_CONNECTIONS, type Target } from '../generated_load';
import type { Place, Running, System } from '../system';
import { operationsOf, type Shape } from '../workload';
import { Daemon, findProgram, leaderFirst, type Member } from './daemons';
import { runPeer } from './peer_running';

const HOST = '127.0.0.1';
const PROGRAM = 'etcd';
/** A run of an hour writes more than the two GiB after which etcd takes no more by default. */
const QUOTA_BYTES = 8 * 2 ** 30;

export const ETCD_JSON = etcd('etcd JSON', 'HTTP and JSON', { protocol: 'etcd-json' });
export const ETCD_GRPC = etcd('etcd gRPC', `gRPC over ${SHARED_CONNECTIONS} shared connections`, {
  ...{ protocol: 'etcd-grpc', connections: SHARED_CONNECTIONS },
});
export const ETCD_GRPC_EACH = etcd('etcd gRPC each', 'gRPC, a connection for each client', {
  ...{ protocol: 'etcd-grpc', connections: 'each' },
});

function etcd(name: string, way: string, target: Omit<Target, 'ports'>): System {
  return {
    name,
    promise: `${way}; a put is on the disks of a majority, a get is linearizable`,
    missing: () => (findProgram(PROGRAM) === undefined ? 'apt-get install etcd-server' : undefined),
    lacks,
    start: (place) => start(name, place, target),
  };
}

export function lacks({ workload }: Shape): string | undefined {
  if (operationsOf(workload).includes('append')) return 'it has no append';
  return workload === 'lease' ? 'it has no reads by lease' : undefined;
}

async function start(
  name: string,
  { nodes, folder }: Place,
  target: Omit<Target, 'ports'>,
): Promise<Running> {
  const ports = await freePorts(HOST, 2 * nodes);
  const peerUrls = ports.slice(nodes).map((port) => `http://${HOST}:${port}`);
  const cluster = peerUrls.map((url, i) => `node${i}=${url}`).join(',');
  const members = peerUrls.map((peerUrl, i): Member => {
    const port = ports[i] ?? 0;
    const flags = {
      ...{ name: `node${i}`, 'data-dir': join(folder, `node${i}`) },
      ...{ 'listen-client-urls': `http://${HOST}:${port}` },
      ...{ 'advertise-client-urls': `http://${HOST}:${port}` },
      ...{ 'listen-peer-urls': peerUrl, 'initial-advertise-peer-urls': peerUrl },
      ...{ 'initial-cluster': cluster, 'initial-cluster-token': name.replace(/\W/g, '-') },
      ...{ 'quota-backend-bytes': QUOTA_BYTES, logger: 'zap', 'log-level': 'error' },
    };
    const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
    const daemon = new Daemon(`${name} ${i}`, [findProgram(PROGRAM) ?? PROGRAM, ...args], folder);
    return { daemon, port };
  });
  return runPeer(name, members, () => leaderFirst(members, leads), target);
}

interface Status {
  readonly header: { readonly member_id: string };
  readonly leader?: string;
}

async function leads({ port }: Member): Promise<boolean> {
  const url = `http://${HOST}:${port}/v3/maintenance/status`;
  const { data } = await axios.post<Status>(url, {}, { timeout: 1000, proxy: false });
  return data.leader === data.header.member_id;
}
