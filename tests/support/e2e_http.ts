/**
 * A client of the HTTP service for the end-to-end tests. Each request has a connection of its own:
 * nodes are killed and cut off all the time, and no request may suffer from what happened to
 * another one.
 */

import { request } from 'node:http';

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** What is said of a request that was refused. */
export interface Refused {
  readonly code: string;
  readonly message: string;
  readonly outcome: string;
  readonly retry: string;
}

export interface SendOptions {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly body?: string;
  readonly idempotencyKey?: string;
  /** How long the client waits for the answer. */
  readonly patienceMs?: number;
}

const PATIENCE_MS = 20_000;

/** Resolves with the answer, whatever it is; rejects when there is none. */
export function send(url: string, path: string, options: SendOptions = {}): Promise<Reply> {
  const { method = 'GET', body, idempotencyKey, patienceMs = PATIENCE_MS } = options;
  const headers = {
    ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
    ...(idempotencyKey === undefined ? {} : { 'Idempotency-Key': idempotencyKey }),
  };
  return new Promise((resolve, reject) => {
    const outgoing = request(`${url}${path}`, { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
      });
    });
    const tooLate = setTimeout(() => {
      outgoing.destroy(new Error(`${url} did not answer within ${patienceMs} ms`));
    }, patienceMs);
    outgoing.on('error', reject);
    outgoing.on('close', () => clearTimeout(tooLate));
    outgoing.end(body);
  });
}

type WriteOptions = Pick<SendOptions, 'idempotencyKey' | 'patienceMs'> & {
  readonly query?: string;
};

export function put(url: string, key: string, value: unknown, options?: WriteOptions) {
  return post(url, key, 'PUT', value, options);
}

export function append(url: string, key: string, value: unknown, options?: WriteOptions) {
  return post(url, key, 'APPEND', value, options);
}

/** `query` as it stands after the question mark: `level=stale`. */
export function get(url: string, key: string, query = '', patienceMs?: number): Promise<Reply> {
  const path = `/keys/${key}${query && `?${query}`}`;
  return send(url, path, patienceMs === undefined ? {} : { patienceMs });
}

/** The value of a key; throws unless the answer is 200. */
export async function value(url: string, key: string, query = ''): Promise<unknown> {
  const reply = await get(url, key, query);
  if (reply.status !== 200) throw new Error(`GET ${key}: ${reply.status} ${reply.text}`);
  return JSON.parse(reply.text);
}

/** Why a request was refused; throws if it was not. */
export function refusal(reply: Reply): Refused {
  if (reply.status < 400) throw new Error(`was not refused: ${reply.status} ${reply.text}`);
  return (JSON.parse(reply.text) as { error: Refused }).error;
}

/** Expects each answer to be: not now, nothing has happened, and it is safe to try again. */
export async function expectUnavailable(...replies: Promise<Reply>[]): Promise<void> {
  for (const reply of await Promise.all(replies)) {
    expect(reply.status).toBe(503);
    expect(refusal(reply)).toMatchObject({ outcome: 'not_applied', retry: 'safe' });
  }
}

function post(url: string, key: string, type: string, what: unknown, options: WriteOptions = {}) {
  const { query, ...rest } = options;
  const body = JSON.stringify({ type, value: what });
  return send(url, `/keys/${key}${query ? `?${query}` : ''}`, { method: 'POST', body, ...rest });
}
