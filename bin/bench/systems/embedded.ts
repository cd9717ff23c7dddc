/** Our own service without HTTP: each node is a `KVStorage` in a program of its own. */

import { join } from 'node:path';
import { NODE_FLAGS } from '../../cluster';
import { freePorts } from '../../free_ports';
import type { Place, Running, System } from '../system';
import { Worker } from '../worker';
import { runInProcess } from './in_process';

const HOST = '127.0.0.1';

export const EMBEDDED: System = {
  name: 'quorum-kv embedded',
  promise: "no HTTP: puts in the leader's own process, on the disks of a majority",
  missing: () => undefined,
  lacks: ({ workload }) => (workload === 'embedded' ? undefined : 'it is measured by `embedded`'),
  start,
};

async function start({ nodes, folder }: Place): Promise<Running> {
  const ids = (await freePorts(HOST, nodes)).map((port) => `${HOST}:${port}`);
  const program = join(__dirname, 'embedded_node.js');
  return runInProcess(
    ids.map((nodeId, i) => ({
      worker: new Worker(`${EMBEDDED.name} ${i}`, [process.execPath, ...NODE_FLAGS, program]),
      open: {
        nodeId,
        partners: ids.filter((id) => id !== nodeId),
        dataDir: join(folder, `node${i}`),
      },
    })),
  );
}
