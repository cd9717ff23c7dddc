/**
 * Clients that append to the replicated log, each message under an id of its own, and try again under
 * the same id until they are told that it is there. So each knows what must be in every log in the
 * end: everything it was told of, once, in its order. Nothing else may be there but what it was
 * still trying.
 */

import { setTimeout as wait } from 'node:timers/promises';
import type { ClusterNode } from '../../bin/cluster_node';
import { type Appended, post, type Shown } from './e2e_log';
import { eventually } from './e2e_world';

const RETRY_MS = 30;
const MOST_TRIES = 1000;
const PATIENCE_MS = 3000;

interface Written {
  readonly id: string;
  readonly message: string;
  readonly order: number;
}

export class LogLoad {
  readonly acknowledged: Written[] = [];
  /** How many tries were not, which shows that there was something to survive. */
  retries = 0;
  private stopping = false;
  private failure: Error | undefined;
  private readonly running: Promise<unknown>;

  constructor(
    private readonly master: ClusterNode,
    private readonly w: number,
    clients = 8,
  ) {
    this.running = Promise.all(Array.from({ length: clients }, (_, i) => this.runClient(i)));
    this.running.catch((error: Error) => {
      this.failure = error;
      this.stopping = true;
    });
  }

  async progress(appends: number): Promise<void> {
    const goal = this.acknowledged.length + appends;
    await eventually(`${appends} more appends are acknowledged`, () => {
      if (this.failure !== undefined) throw this.failure;
      return this.acknowledged.length >= goal;
    });
  }

  /** Every client ends what it has begun; rejects if one could not. */
  async stop(): Promise<void> {
    this.stopping = true;
    await this.running;
  }

  abandon(): void {
    this.stopping = true;
  }

  /** Everything acknowledged is there, at the place that was told, and nothing that nobody sent. */
  check(log: readonly Shown[]): void {
    for (const { id, message, order } of this.acknowledged) {
      expect(log[order]).toEqual({ id, message, order });
    }
    expect(log.length).toBe(this.acknowledged.length);
  }

  private async runClient(client: number): Promise<void> {
    for (let n = 0; !this.stopping; n++) {
      const id = `c${client}-${n}`;
      const { order } = await this.appendOnce(id);
      this.acknowledged.push({ id, message: `text of ${id}`, order });
      await wait(2);
    }
  }

  private async appendOnce(id: string): Promise<Appended> {
    let last = '';
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const body = { id, message: `text of ${id}`, w: this.w, timeout_ms: 2000 };
      const reply = await post(this.master, '/messages', body, PATIENCE_MS).catch(
        (error: Error) => error,
      );
      if (!(reply instanceof Error)) {
        if (reply.status === 200) return JSON.parse(reply.text) as Appended;
        if (reply.status < 429) throw new Error(`${id}: ${reply.status} ${reply.text}`);
      }
      last = reply instanceof Error ? reply.message : reply.text;
      this.retries++;
      if (this.stopping && this.failure !== undefined) break;
      await wait(RETRY_MS);
    }
    throw new Error(`${id} cannot be appended: ${last}`);
  }
}
