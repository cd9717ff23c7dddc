/**
 * An HTTP server straight on `node:http` for the services whose routes are a table: with the limits,
 * the refusals and the peaceful end that the server of the key/value service has too.
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { answerBrokenRequest, refuseTunnel } from './broken_requests';
import { Connections } from './connections';
import { Refusal } from './error_status';
import { originForm } from './key_target';
import type { HttpSettings } from './options';
import { sendRefusal } from './replies';
import type { RouteTable } from './route_table';
import type { HttpServer } from './server';

/** `routesFor` is told how to know whether the server drains. */
export function createPlainServer(
  settings: HttpSettings,
  routesFor: (isDraining: () => boolean) => Pick<RouteTable, 'handle'>,
): HttpServer {
  const { headersTimeoutMs, requestTimeoutMs, keepAliveTimeoutMs, maxKeyBytes } = settings;
  const server = createServer({
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    // Room for the longest key with every byte percent-encoded.
    maxHeaderSize: 16 * 1024 + 3 * maxKeyBytes,
    insecureHTTPParser: false,
    noDelay: true,
  });
  server.maxHeadersCount = 0;
  server.maxConnections = settings.maxConnections;
  const connections = new Connections(server, settings.drainTimeoutMs, undefined);
  const routes = routesFor(() => connections.draining);

  server.on('request', (req: IncomingMessage, res: ServerResponse) => {
    connections.began(res);
    const target = originForm(req.url ?? '');
    if (target === undefined) return sendRefusal(res, TARGET_NOT_VALID);
    req.url = target;
    routes.handle(req, res);
  });
  server.on('clientError', (error, socket) => {
    answerBrokenRequest(error, socket as Socket, connections.newestReply(socket as Socket));
  });
  server.on('connect', (_req, socket) => refuseTunnel(socket as Socket));
  return { server, drain: () => connections.drain(), cut: () => connections.cut() };
}

const TARGET_NOT_VALID = new Refusal('request_not_valid', 'The target must begin with a slash.');
