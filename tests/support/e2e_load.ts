/**
 * Clients that append to lists through all nodes and try again, with the same Idempotency-Key,
 * until they are told that it is done. So each knows exactly what must be in the lists in the end:
 * everything it appended, once, in its order. That is the whole oracle.
 */

import { setTimeout as wait } from 'node:timers/promises';
import { append, value } from './e2e_http';
import { eventually } from './e2e_world';

export interface LoadOptions {
  /** Tells several loads on one cluster apart. */
  readonly name?: string;
  readonly urls: readonly string[];
  readonly clients?: number;
  /** How long a client waits between two appends. */
  readonly pauseMs?: number;
}

/** How often a client tries one append before it calls the service broken. */
const MOST_TRIES = 400;
const RETRY_MS = 50;
/** How long a client waits for one answer: a frozen node gives none. */
const PATIENCE_MS = 1500;
/** In place of a status, where there was no answer. */
const NO_ANSWER = 0;
/** What says "try again": too busy, no leader, outcome unknown. */
const TRY_AGAIN = [NO_ANSWER, 429, 503, 504];

export class AppendLoad {
  /** How many appends of all clients were acknowledged. */
  acknowledged = 0;
  /** How many tries were not, which shows that there was something to survive. */
  retries = 0;
  private readonly counts: number[];
  private stopping = false;
  private abandoned = false;
  private failure: Error | undefined;
  private readonly running: Promise<void>;

  constructor(private readonly options: LoadOptions) {
    const { clients = 8 } = options;
    this.counts = new Array<number>(clients).fill(0);
    const all = this.counts.map((_, client) => this.runClient(client));
    this.running = Promise.all(all).then(() => undefined);
    this.running.catch((error: Error) => {
      this.failure = error;
      this.stopping = true;
    });
  }

  /** Resolves when this many more appends have been acknowledged. */
  async progress(appends: number): Promise<void> {
    const goal = this.acknowledged + appends;
    await eventually(`${appends} more appends are acknowledged`, () => {
      if (this.failure !== undefined) throw this.failure;
      return this.acknowledged >= goal;
    });
  }

  /** Every client ends what it has begun; rejects if one could not. */
  stop(): Promise<void> {
    this.stopping = true;
    return this.running;
  }

  private get name(): string {
    return this.options.name ?? 'load';
  }

  private get sharedKey(): string {
    return `${this.name}-shared`;
  }

  private ownKey(client: number): string {
    return `${this.name}-${client}`;
  }

  abandon(): void {
    this.stopping = true;
    this.abandoned = true;
  }

  /** Everything is there once and in order, as this node tells it. Throws what is wrong. */
  async check(url: string, query = ''): Promise<void> {
    const shared = (await value(url, this.sharedKey, query)) as string[];
    const strangers = shared.filter((item) => !(Number(item.split(':')[0]) in this.counts));
    expect(strangers).toEqual([]);
    for (const [client, count] of this.counts.entries()) {
      const all = Array.from({ length: count }, (_, n) => n);
      const itemsOf = (parity: number) =>
        all.filter((n) => n % 2 === parity).map((n) => itemOf(client, n));
      expect(shared.filter((item) => item.startsWith(`${client}:`))).toEqual(itemsOf(0));
      if (count > 1) expect(await value(url, this.ownKey(client), query)).toEqual(itemsOf(1));
    }
  }

  private async runClient(client: number): Promise<void> {
    const { pauseMs = 10 } = this.options;
    for (let n = 0; !this.stopping; n++) {
      await this.appendOnce(client, n);
      this.counts[client] = n + 1;
      this.acknowledged++;
      await wait(pauseMs);
    }
  }

  private async appendOnce(client: number, n: number): Promise<void> {
    const { urls } = this.options;
    let last = '';
    for (let tries = 0; tries < MOST_TRIES && !this.abandoned; tries++) {
      const url = urls[(client + n + tries) % urls.length] ?? '';
      const { status, said } = await this.tryAppend(url, client, n);
      if (status === 204) return;
      last = said;
      if (!TRY_AGAIN.includes(status)) break;
      this.retries++;
      await wait(RETRY_MS);
    }
    throw new Error(`client ${client} cannot append ${n}: ${last}`);
  }

  /** Even items go to a list that all share, odd ones to a list of the client's own. */
  private tryAppend(url: string, client: number, n: number): Promise<Outcome> {
    const key = n % 2 === 0 ? this.sharedKey : this.ownKey(client);
    const item = itemOf(client, n);
    const options = { idempotencyKey: `${this.name}-${item}`, patienceMs: PATIENCE_MS };
    return append(url, key, item, options).then(
      ({ status, text }) => ({ status, said: `${status} ${text}` }),
      (error: Error) => ({ status: NO_ANSWER, said: error.message }),
    );
  }
}

interface Outcome {
  readonly status: number;
  readonly said: string;
}

const itemOf = (client: number, n: number): string => `${client}:${n}`;
