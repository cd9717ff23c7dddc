/** The load that the generator makes on one running system, over the network. */

import { join } from 'node:path';
import { NODE_FLAGS } from '../cluster';
import type { LoadOrder, LoadResult } from './load/load_order';
import { FILL_CLIENTS, type Part } from './system';
import { Worker } from './worker';
import type { Shape } from './workload';

/** How many connections clients share where they share any; see docs/benchmarks.md for why. */
export const SHARED_CONNECTIONS = 4;

/** What the system itself decides of an order. */
export type Target = Pick<LoadOrder, 'protocol' | 'ports' | 'replicas' | 'connections'>;

export class GeneratedLoad {
  private readonly worker: Worker;

  constructor(system: string) {
    const program = join(__dirname, 'load', 'generator.js');
    this.worker = new Worker(`the load on ${system}`, [process.execPath, ...NODE_FLAGS, program]);
  }

  get pid(): number {
    return this.worker.pid;
  }

  async prepare(target: Target, shape: Shape, part: Part): Promise<void> {
    const { clients, keys, valueBytes, workload } = shape;
    const order: LoadOrder =
      part === 'fill'
        ? { ...target, workload: 'fill', clients: FILL_CLIENTS, keys, valueBytes }
        : { ...target, workload, clients, keys, valueBytes, seconds: part.seconds };
    await this.worker.ask('connect', order);
  }

  async go(): Promise<LoadResult> {
    // The generator is ours and compiled with this: it answers `go` with a result.
    return (await this.worker.askForLong('go')) as LoadResult;
  }

  async finish(): Promise<void> {
    await this.worker.ask('close');
  }

  stop(): Promise<void> {
    return this.worker.stop();
  }
}
