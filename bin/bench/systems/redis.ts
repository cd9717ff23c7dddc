/**
 * Redis as durable as it can be told to be: every node flushes its append-only file before it
 * answers (`appendfsync always`, also while the file is rewritten), and every write waits for as
 * many replicas as make a majority with the primary. That is less than a quorum system promises:
 * replication is asynchronous, nobody votes, and a failover may lose what WAIT has confirmed.
 */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '../../free_ports';
import { minorityOf, type Place, type Running, type System } from '../system';
import { operationsOf, type Shape } from '../workload';
import { ask, Daemon, findProgram, type Member } from './daemons';
import { runPeer } from './peer_running';

const HOST = '127.0.0.1';
const PROGRAM = 'redis-server';

export const REDIS: System = {
  name: 'redis',
  promise: 'RESP; a put is flushed by the primary and received by a majority (WAIT)',
  missing: () => (findProgram(PROGRAM) === undefined ? 'apt-get install redis-server' : undefined),
  lacks,
  start,
};

function lacks({ workload, through }: Shape): string | undefined {
  const operations = operationsOf(workload);
  if (operations.includes('get') || operations.includes('lease')) {
    return 'it has no linearizable reads';
  }
  return through === 'followers' && !operations.includes('stale')
    ? 'replicas only read'
    : undefined;
}

async function start({ nodes, folder }: Place): Promise<Running> {
  const ports = await freePorts(HOST, nodes);
  const members = ports.map((port, i): Member => {
    const dir = join(folder, `node${i}`);
    mkdirSync(dir);
    const settings = {
      ...{ port, bind: HOST, dir, daemonize: 'no', save: '', 'repl-diskless-sync-delay': 0 },
      ...{ appendonly: 'yes', appendfsync: 'always', 'no-appendfsync-on-rewrite': 'no' },
      ...(i === 0 ? {} : { replicaof: `${HOST} ${ports[0]}` }),
    };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const daemon = new Daemon(`redis ${i}`, [findProgram(PROGRAM) ?? PROGRAM, ...args], dir);
    return { daemon, port };
  });
  const [primary] = members as [Member, ...Member[]];
  const replicas = `\r\nconnected_slaves:${nodes - 1}\r\n`;
  const primaryFirst = () =>
    primary.daemon.until('waiting for the replicas', async () => {
      const said = await ask(primary.port, 'INFO replication\r\nQUIT\r\n');
      const online = said.match(/state=online/g)?.length ?? 0;
      return said.includes(replicas) && online === nodes - 1 ? members : undefined;
    });
  const target = { protocol: 'redis', replicas: minorityOf(nodes) } as const;
  return runPeer(REDIS.name, members, primaryFirst, target);
}
