/** A server of the leaderless system on a free port, in front of a `FakeLeaderless`. */

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { HttpServer } from '../../kv/http/base_server';
import { createDynamoServer } from '../../kv/http/dynamo_server';
import type { HttpOptions } from '../../kv/http/options';
import { FakeLeaderless } from '../support/fake_leaderless';

export interface DynamoTestServer extends HttpServer {
  readonly port: number;
  readonly service: FakeLeaderless;
  /** What `onError` was told. */
  readonly errors: unknown[];
  stop(): Promise<void>;
}

export async function startDynamoServer(
  options: Partial<HttpOptions> = {},
): Promise<DynamoTestServer> {
  const service = new FakeLeaderless();
  const errors: unknown[] = [];
  const onError = (error: unknown) => void errors.push(error);
  const http = createDynamoServer(service, { onError, ...options });
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
