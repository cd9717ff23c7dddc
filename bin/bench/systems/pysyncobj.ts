/**
 * PySyncObj, the library behind the service that this project began from: nodes in Python programs,
 * puts in the leader's own process. It has a journal but never flushes it, so what it acknowledges
 * may be lost with the power; the numbers stand beside those of durable systems for comparison only.
 */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { freePorts } from '../../free_ports';
import type { Place, Running, System } from '../system';
import { Worker } from '../worker';
import { operationsOf, type Shape } from '../workload';
import { runInProcess } from './in_process';

const HOST = '127.0.0.1';
/** A new journal is of 1 KiB and doubles once for a record that does not fit, however large that is. */
const LARGEST_VALUE = 512;
/** Debian's own Python comes first: it is the one that Debian's packages are installed for. */
const PYTHONS = ['/usr/bin/python3', 'python3'];

export const PYSYNCOBJ: System = {
  name: 'pysyncobj',
  promise: "no network: puts in the leader's own process; a journal that is never flushed",
  missing: () => (findPython() === undefined ? 'apt-get install python3-pysyncobj' : undefined),
  lacks,
  start,
};

function lacks({ workload, through, valueBytes }: Shape): string | undefined {
  if (valueBytes > LARGEST_VALUE) return 'its journal breaks on a first record larger than itself';
  if (!operationsOf(workload).every((operation) => operation === 'put')) {
    return 'its reads are of local memory';
  }
  return through === 'leader' ? undefined : 'its puts are made where the leader is';
}

/** A Python that has the library. */
function findPython(): string | undefined {
  return PYTHONS.find((python) => spawnSync(python, ['-c', 'import pysyncobj']).status === 0);
}

async function start({ nodes, folder }: Place): Promise<Running> {
  const ids = (await freePorts(HOST, nodes)).map((port) => `${HOST}:${port}`);
  const command = [findPython() ?? 'python3', scriptFile()];
  return runInProcess(
    ids.map((nodeId, i) => ({
      worker: new Worker(`${PYSYNCOBJ.name} ${i}`, command),
      open: {
        nodeId,
        partners: ids.filter((id) => id !== nodeId),
        journal: join(folder, `journal${i}`),
      },
    })),
  );
}

/** The script stays among the sources when those are compiled. */
function scriptFile(): string {
  let folder = __dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return join(folder, 'bin', 'bench', 'peers', 'pysyncobj_node.py');
}
