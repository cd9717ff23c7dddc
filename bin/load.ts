/**
 * Load on an HTTP key/value service: many clients, each with a connection of its own and one
 * request under way, over bare sockets so that the generator costs little beside what it measures.
 */

import { connect, type Socket } from 'node:net';

export interface LoadOptions {
  /** Clients are spread over these ports of the loopback address. */
  readonly ports: readonly number[];
  readonly clients: number;
  /** What the n-th request asks; see {@link putRequest}. */
  readonly request: (n: number) => Buffer;
  /** Stop after this long, or after this many requests, whichever comes first. */
  readonly seconds?: number;
  readonly requests?: number;
  readonly onProgress?: (done: number) => void;
}

export interface LoadResult {
  readonly requests: number;
  /** Answers other than 2xx and 404. */
  readonly errors: number;
  /** The first such answer. */
  readonly firstError: string | undefined;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly worstMs: number;
}

const HOST = '127.0.0.1';
const HEADERS_END = '\r\n\r\n';

export const putRequest = (key: string, json: string): Buffer => request('PUT', key, json);
export const appendRequest = (key: string, json: string): Buffer => request('APPEND', key, json);

function request(type: string, key: string, json: string): Buffer {
  const body = `{"type":"${type}","value":${json}}`;
  const head = `POST /keys/${key} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n`;
  return Buffer.from(`${head}Content-Length: ${Buffer.byteLength(body)}${HEADERS_END}${body}`);
}

export const getRequest = (key: string): Buffer =>
  Buffer.from(`GET /keys/${key} HTTP/1.1\r\nHost: bench${HEADERS_END}`);

/** Runs the load to its end. Rejects when a connection fails. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const run = new Run(options);
  const begin = performance.now();
  const clients = Array.from({ length: options.clients }, (_, i) => run.client(i));
  await Promise.all(clients);
  return run.result((performance.now() - begin) / 1000);
}

class Run {
  private readonly latencies: number[] = [];
  private readonly until: number;
  private errors = 0;
  private firstError: string | undefined;
  private started = 0;

  constructor(private readonly options: LoadOptions) {
    this.until = performance.now() + (options.seconds ?? Number.POSITIVE_INFINITY) * 1000;
  }

  /** One client: asks, waits for the answer, asks again. */
  client(index: number): Promise<void> {
    const port = this.options.ports[index % this.options.ports.length] as number;
    return new Promise((resolve, reject) => {
      const socket = connect(port, HOST);
      socket.setNoDelay(true);
      let sentAt = 0;
      const next = () => {
        const request = this.nextRequest();
        if (request === undefined) return void socket.end(resolve);
        sentAt = performance.now();
        socket.write(request);
      };
      socket.once('connect', next);
      socket.on('error', reject);
      onAnswers(socket, (status, answer) => {
        this.latencies.push(performance.now() - sentAt);
        if (!/^(2..|404)$/.test(status)) {
          this.errors += 1;
          this.firstError ??= answer;
        }
        this.options.onProgress?.(this.latencies.length);
        next();
      });
    });
  }

  result(seconds: number): LoadResult {
    const sorted = Float64Array.from(this.latencies).sort();
    const at = (part: number) => sorted[Math.floor((sorted.length - 1) * part)] ?? 0;
    return {
      requests: sorted.length,
      errors: this.errors,
      firstError: this.firstError,
      perSecond: sorted.length / seconds,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      worstMs: at(1),
    };
  }

  private nextRequest(): Buffer | undefined {
    const { requests = Number.POSITIVE_INFINITY, request } = this.options;
    if (this.started >= requests || performance.now() >= this.until) return undefined;
    return request(this.started++);
  }
}

/** Calls back with the status and the text of each whole answer; there is one under way at a time. */
function onAnswers(socket: Socket, answered: (status: string, answer: string) => void): void {
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    const head = text.indexOf(HEADERS_END);
    if (head < 0) return;
    const length = Number(/^content-length: (\d+)/im.exec(text.slice(0, head))?.[1] ?? 0);
    if (text.length < head + HEADERS_END.length + length) return;
    const answer = text;
    text = '';
    answered(answer.slice(9, 12), answer);
  });
}
