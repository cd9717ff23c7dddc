/** The process of the bare disk; see `bare_disk.ts`. */

import { type FileHandle, open } from 'node:fs/promises';
import type { LoadResult } from '../load/load_order';
import { serveQuestions } from '../load/questions';
import { Latencies, percentile } from '../statistics';

/** As a journal does: zeros written beforehand, so that a flush changes no size of a file. */
const FILE_BYTES = 64 * 2 ** 20;
const CHUNK = Buffer.alloc(2 ** 20);

interface Batches {
  readonly clients: number;
  readonly valueBytes: number;
  readonly seconds: number;
}

let file: FileHandle | undefined;

async function openFile(path: string): Promise<void> {
  file = await open(path, 'w');
  for (let at = 0; at < FILE_BYTES; at += CHUNK.length) await file.write(CHUNK, 0, undefined, at);
  await file.sync();
}

async function write({ clients, valueBytes, seconds }: Batches): Promise<LoadResult> {
  if (file === undefined) throw new Error('the file is not open');
  const batch = Buffer.alloc(clients * valueBytes, 'x');
  const latencies = new Latencies();
  const begun = performance.now();
  let now = begun;
  for (let at = 0; now - begun < seconds * 1000; at += batch.length) {
    if (at + batch.length > FILE_BYTES) at = 0;
    await file.write(batch, 0, batch.length, at);
    await file.datasync();
    const before = now;
    now = performance.now();
    latencies.add(now - before);
  }
  const sorted = latencies.sorted();
  return {
    ...{ operations: sorted.length * clients, seconds: (now - begun) / 1000, errors: 0 },
    ...{ p50Ms: percentile(sorted, 0.5), p99Ms: percentile(sorted, 0.99) },
    ...{ p999Ms: percentile(sorted, 0.999), worstMs: percentile(sorted, 1) },
  };
}

serveQuestions({ open: openFile, write });
