/**
 * A client that does not give up: it goes from node to node until one of them has done the work.
 * Each write carries an idempotency key, so that trying again cannot do it twice.
 */

import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import axios from 'axios';
import type { ClusterNode } from './cluster';

export interface Response {
  /** The HTTP status; 0 if there was no answer. */
  readonly status: number;
  readonly body: unknown;
}

const TRY_TIMEOUT_MS = 6000;
const GIVE_UP_MS = 60_000;
const PAUSE_MS = 50;

/** One try on one node. */
export async function send(
  node: ClusterNode,
  method: 'GET' | 'POST',
  key: string,
  data?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const url = `${node.url}/keys/${encodeURIComponent(key)}`;
  const common = { proxy: false, timeout: TRY_TIMEOUT_MS, validateStatus: () => true } as const;
  try {
    const { status, data: body } = await axios.request({ method, url, data, headers, ...common });
    return { status, body };
  } catch (error) {
    return { status: 0, body: (error as Error).message };
  }
}

export class RetryingClient {
  /** How many tries had to be repeated. */
  retries = 0;
  private at = 0;

  constructor(private readonly nodes: readonly ClusterNode[]) {}

  get(key: string): Promise<Response> {
    return this.persist((node) => send(node, 'GET', key));
  }

  post(key: string, data: unknown): Promise<Response> {
    const headers = { 'Idempotency-Key': randomUUID() };
    return this.persist((node) => send(node, 'POST', key, data, headers));
  }

  /** Tries until one node has an answer; stays with a node that works. */
  private async persist(tryOn: (node: ClusterNode) => Promise<Response>): Promise<Response> {
    const deadline = performance.now() + GIVE_UP_MS;
    for (;;) {
      const node = this.nodes[this.at % this.nodes.length] as ClusterNode;
      const response = await tryOn(node);
      if (response.status >= 200 && response.status < 500 && response.status !== 429) {
        return response;
      }
      if (performance.now() > deadline) {
        throw new Error(`no answer in ${GIVE_UP_MS} ms; the last: ${JSON.stringify(response)}`);
      }
      this.retries++;
      this.at++;
      await wait(PAUSE_MS);
    }
  }
}
