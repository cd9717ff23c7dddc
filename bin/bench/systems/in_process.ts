/**
 * Systems that are a library: each node is in a program of its own, and the program that leads puts
 * into its own node. The programs answer `open`, `leads`, `prepare` and `go`; see `questions.ts`.
 */

import { setTimeout as wait } from 'node:timers/promises';
import type { LoadResult } from '../load/load_order';
import type { Running } from '../system';
import type { Worker } from '../worker';

const LEADER_TIMEOUT_MS = 30_000;

/** `open` is what each of the programs is told first. No program is left if they do not start. */
export async function runInProcess(
  nodes: readonly { readonly worker: Worker; readonly open: unknown }[],
): Promise<Running> {
  const workers = nodes.map(({ worker }) => worker);
  const stop = async () => {
    await Promise.all(workers.map((worker) => worker.stop()));
  };
  let leader: Worker;
  try {
    await Promise.all(nodes.map(({ worker, open }) => worker.ask('open', open)));
    leader = await leaderOf(workers);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    get pids() {
      return [leader, ...workers.filter((worker) => worker !== leader)].map(({ pid }) => pid);
    },
    loadPid: undefined,
    prepare: async (shape, part) => {
      leader = await leaderOf(workers);
      await leader.ask('prepare', { shape, part });
    },
    // The programs are ours and are written for this: they answer `go` with a result.
    go: async () => (await leader.askForLong('go')) as LoadResult,
    finish: async () => undefined,
    stop,
  };
}

/** Whoever says that it leads. */
async function leaderOf(workers: readonly Worker[]): Promise<Worker> {
  const deadline = performance.now() + LEADER_TIMEOUT_MS;
  while (performance.now() < deadline) {
    const leads = await Promise.all(workers.map((worker) => worker.ask('leads')));
    const leader = workers[leads.indexOf(true)];
    if (leader !== undefined) return leader;
    await wait(50);
  }
  throw new Error(`${workers[0]?.name}: no leader after ${LEADER_TIMEOUT_MS} ms`);
}
