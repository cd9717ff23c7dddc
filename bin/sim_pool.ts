/**
 * Deals chunks of seeds to worker processes, the next one to whoever is done, so that slow seeds
 * hold up nobody.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Chunk, ChunkResult } from './sim_worker';

const WORKER = join(__dirname, 'sim_worker.js');

export interface Deal {
  readonly chunks: Iterator<Chunk>;
  readonly jobs: number;
  onResult(result: ChunkResult): void;
  /** Asked before each chunk: whether to deal no more. */
  isOver(): boolean;
}

/** Resolves when all that was dealt is done; rejects if a worker dies. */
export async function dealOut(deal: Deal): Promise<void> {
  let isBroken = false;
  const shared = { ...deal, isOver: () => isBroken || deal.isOver() };
  const workers = Array.from({ length: deal.jobs }, async () => {
    try {
      await serve(shared);
    } catch (error) {
      isBroken = true;
      throw error;
    }
  });
  const outcomes = await Promise.allSettled(workers);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

/** One worker, from its start to its end. */
async function serve(deal: Deal): Promise<void> {
  const child = spawn(process.execPath, [...process.execArgv, WORKER], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  // A worker that died is noticed by its answers ending; what is written to it then is lost.
  child.stdin.on('error', () => undefined);
  const closed = once(child, 'close');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  try {
    while (!deal.isOver()) {
      const next = deal.chunks.next();
      if (next.done) break;
      child.stdin.write(`${JSON.stringify(next.value)}\n`);
      const answer = await lines.next();
      if (answer.done) throw await deathOf(child, closed, next.value);
      deal.onResult(JSON.parse(answer.value));
    }
  } finally {
    child.stdin.end();
    await closed;
  }
}

async function deathOf(child: ChildProcess, closed: Promise<unknown>, chunk: Chunk) {
  await closed;
  const { first, last } = chunk;
  const how = child.signalCode ?? `exit code ${child.exitCode}`;
  return new Error(`a worker died (${how}) somewhere in the seeds ${first} to ${last}`);
}
