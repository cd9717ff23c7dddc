/**
 * Writers that never give up, for measuring how long writes stop: each has one request under way, on
 * a connection of its own, and goes on with the next node when the one it asks refuses or is gone.
 */

import { Agent, type IncomingMessage, request } from 'node:http';
import type { ClusterNode } from './cluster';

/** An acknowledged write: by which node, and when. */
interface Acknowledged {
  readonly node: ClusterNode;
  readonly at: number;
}

const PATIENCE_MS = 10_000;
/** A node that refuses is left alone for so long. */
const PAUSE_MS = 2;
const BODY = JSON.stringify({ type: 'PUT', value: 'x'.repeat(256) });

export class FailoverLoad {
  readonly acknowledged: Acknowledged[] = [];
  /** Answers other than 2xx, by status and code; and requests that got none. */
  readonly others = new Map<string, number>();
  private isOver = false;
  private readonly running: Promise<void>[];
  private readonly ended: (() => void)[] = [];

  /** Each client begins with the node that is next in turn. */
  constructor(
    private readonly nodes: readonly ClusterNode[],
    clients: number,
  ) {
    this.running = Array.from({ length: clients }, (_, i) => this.client(i));
  }

  /** Ends when every client has had its last answer. */
  async stop(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.running);
    for (const end of this.ended) end();
  }

  /** The longest time without an acknowledgement of a node, of what lies behind a moment. */
  longestSilence(node: ClusterNode, since: number): number {
    const own = this.acknowledged.filter((each) => each.node === node).map(({ at }) => at);
    const before = own.filter((at) => at <= since).at(-1) ?? since;
    const moments = [before, ...own.filter((at) => at > since)];
    return Math.max(0, ...moments.slice(1).map((at, i) => at - (moments[i] as number)));
  }

  private async client(index: number): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: this.nodes.length });
    this.ended.push(() => agent.destroy());
    for (let turn = index; !this.isOver; ) {
      const node = this.nodes[turn % this.nodes.length] as ClusterNode;
      const outcome = await put(agent, `${node.url}/keys/failover-${index}`);
      if (outcome === 'ok') {
        this.acknowledged.push({ node, at: performance.now() });
        continue;
      }
      this.others.set(outcome, (this.others.get(outcome) ?? 0) + 1);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      turn++;
    }
  }
}

/** `ok`, or a few words on what came instead. */
function put(agent: Agent, url: string): Promise<string> {
  return new Promise((resolve) => {
    const headers = { 'content-type': 'application/json', 'content-length': BODY.length };
    const asked = request(url, { method: 'POST', agent, headers, timeout: PATIENCE_MS });
    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    asked.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    asked.on('response', (response) => void answerOf(response).then(resolve));
    asked.end(BODY);
  });
}

async function answerOf(response: IncomingMessage): Promise<string> {
  let text = '';
  response.setEncoding('utf8');
  try {
    for await (const chunk of response) text += chunk;
  } catch {
    return 'a broken answer';
  }
  if (response.statusCode === 204) return 'ok';
  const { error } = JSON.parse(text) as { error?: { code?: string; outcome?: string } };
  return `${response.statusCode} ${error?.code} (${error?.outcome})`;
}
