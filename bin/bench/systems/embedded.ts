/**
 * Our own service without HTTP: each node is a `KVStorage` in a program of its own, and the program
 * that leads puts into its own node.
 */

import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { freePorts } from '../../free_ports';
import type { LoadResult } from '../load/load_order';
import type { Place, Running, System } from '../system';
import { Worker } from '../worker';

const HOST = '127.0.0.1';
const LEADER_TIMEOUT_MS = 30_000;

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
  const workers = ids.map((_, i) => new Worker(`embedded node ${i}`, [process.execPath, program]));
  await Promise.all(
    workers.map((worker, i) => {
      const [nodeId, partners] = [ids[i], ids.filter((id) => id !== ids[i])];
      return worker.ask('open', { nodeId, partners, dataDir: join(folder, `node${i}`) });
    }),
  );
  let leader = await leaderOf(workers);
  return {
    get pids() {
      return [leader, ...workers.filter((worker) => worker !== leader)].map(({ pid }) => pid);
    },
    loadPid: undefined,
    prepare: async (shape, part) => {
      leader = await leaderOf(workers);
      await leader.ask('prepare', { shape, part });
    },
    // The node is ours and compiled with this: it answers `go` with a result.
    go: async () => (await leader.ask('go')) as LoadResult,
    finish: async () => undefined,
    stop: async () => {
      await Promise.all(workers.map((worker) => worker.stop()));
    },
  };
}

/** Whoever leads, according to itself and at least one other. */
async function leaderOf(workers: readonly Worker[]): Promise<Worker> {
  const deadline = performance.now() + LEADER_TIMEOUT_MS;
  while (performance.now() < deadline) {
    const leads = await Promise.all(workers.map((worker) => worker.ask('leads')));
    const leader = workers[leads.indexOf(true)];
    if (leader !== undefined) return leader;
    await wait(50);
  }
  throw new Error(`the embedded nodes have no leader after ${LEADER_TIMEOUT_MS} ms`);
}
