/**
 * The ceiling of the disk: one process that writes a batch of one value per client to the end of
 * what it has written, and flushes it, and so on. Whoever flushes before answering, and lets all
 * that is under way share a flush, can be as fast as this and no faster.
 */

import { join } from 'node:path';
import type { LoadResult } from '../load/load_order';
import type { Place, Running, System } from '../system';
import { Worker } from '../worker';
import { operationsOf } from '../workload';

export const BARE_DISK: System = {
  name: 'bare fdatasync',
  promise: 'one write and one flush for all clients at once: one process, no network',
  missing: () => undefined,
  lacks: ({ workload }) =>
    operationsOf(workload).every((operation) => operation === 'put' || operation === 'append')
      ? undefined
      : 'it only writes',
  start,
};

async function start({ folder }: Place): Promise<Running> {
  const program = join(__dirname, 'bare_disk_writer.js');
  const writer = new Worker(BARE_DISK.name, [process.execPath, program]);
  await writer.ask('open', join(folder, 'batches'));
  let about: unknown;
  return {
    pids: [writer.pid],
    loadPid: undefined,
    prepare: async ({ clients, valueBytes }, part) => {
      about = { clients, valueBytes, seconds: part === 'fill' ? 0 : part.seconds };
    },
    // The writer is ours and compiled with this: it answers `write` with a result.
    go: async () => (await writer.askForLong('write', about)) as LoadResult,
    finish: async () => undefined,
    stop: () => writer.stop(),
  };
}
