/** A server on a free port in front of a `FakeService`, and its three variants. */

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { HttpOptions } from '../../kv/http/options';
import { createHttpServer, type HttpServer } from '../../kv/http/server';
import { FakeService } from '../support/fake_service';

export const VARIANTS = [
  { variant: 'fast lane', fastLane: true, hotPath: true },
  { variant: 'hot path', fastLane: false, hotPath: true },
  { variant: 'Express only', fastLane: false, hotPath: false },
] as const;

export interface TestServer extends HttpServer {
  readonly port: number;
  readonly service: FakeService;
  /** What `onError` was told. */
  readonly errors: unknown[];
  stop(): Promise<void>;
}

export async function startServer(options: Partial<HttpOptions> = {}): Promise<TestServer> {
  const service = new FakeService();
  const errors: unknown[] = [];
  const http = createHttpServer(service, { onError: (error) => errors.push(error), ...options });
  http.server.listen(0, '127.0.0.1');
  await once(http.server, 'listening');
  const { port } = http.server.address() as AddressInfo;
  const stop = (): Promise<void> => {
    const drained = http.drain();
    http.cut();
    return drained;
  };
  return { ...http, port, service, errors, stop };
}

export interface ErrorReply {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly outcome: string;
    readonly retry: string;
    readonly details: { readonly hint?: string } & Readonly<Record<string, string | number>>;
  };
}

export function errorOf(response: { readonly body: string }): ErrorReply['error'] {
  return (JSON.parse(response.body) as ErrorReply).error;
}
