/** ZooKeeper by its own protocol, with the defaults of Debian's package and of the JVM. */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '../../free_ports';
import { SHARED_CONNECTIONS, type Target } from '../generated_load';
import type { Place, Running, System } from '../system';
import { ask, Daemon, findProgram, leaderFirst, type Member } from './daemons';
import { lacks } from './etcd';
import { runPeer } from './peer_running';

const HOST = '127.0.0.1';
const JARS = '/usr/share/java/zookeeper.jar';
const MAIN = 'org.apache.zookeeper.server.quorum.QuorumPeerMain';

export const ZOOKEEPER = zookeeper('zookeeper', 'its own protocol', { protocol: 'zookeeper' });
export const ZOOKEEPER_SHARED = zookeeper(
  'zookeeper shared',
  `its own protocol in ${SHARED_CONNECTIONS} shared sessions`,
  { protocol: 'zookeeper', connections: SHARED_CONNECTIONS },
);

function zookeeper(name: string, way: string, target: Omit<Target, 'ports'>): System {
  return {
    name,
    promise: `${way}; a put is on the disks of a majority, a get is sync and read`,
    missing: () =>
      findProgram('java') === undefined || !existsSync(JARS)
        ? 'apt-get install zookeeper default-jre-headless'
        : undefined,
    lacks,
    start: (place) => start(name, place, target),
  };
}

async function start(
  name: string,
  { nodes, folder }: Place,
  target: Omit<Target, 'ports'>,
): Promise<Running> {
  const ports = await freePorts(HOST, 3 * nodes);
  const servers = Array.from({ length: nodes }, (_, i) => {
    const [quorumPort, electionPort] = [ports[nodes + i], ports[2 * nodes + i]];
    return `server.${i + 1}=${HOST}:${quorumPort}:${electionPort}`;
  });
  const members = servers.map((_, i): Member => {
    const dir = join(folder, `node${i}`);
    mkdirSync(dir);
    writeFileSync(join(dir, 'myid'), String(i + 1));
    const port = ports[i] ?? 0;
    const settings = {
      ...{ dataDir: dir, clientPort: port, clientPortAddress: HOST, tickTime: 2000 },
      ...{ initLimit: 10, syncLimit: 5, maxClientCnxns: 0, 'admin.enableServer': false },
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
    const file = join(dir, 'zoo.cfg');
    writeFileSync(file, [...lines, ...servers, ''].join('\n'));
    const command = [findProgram('java') ?? 'java', '-cp', JARS, MAIN, file];
    return { daemon: new Daemon(`${name} ${i}`, command, dir), port };
  });
  const leads = async ({ port }: Member) => /^Mode: leader$/m.test(await ask(port, 'srvr'));
  return runPeer(name, members, () => leaderFirst(members, leads), target);
}
