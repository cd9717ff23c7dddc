/**
 * The HTTP server of a node of the leaderless system: straight on `node:http`, with the parsing, the
 * refusals and the peaceful end that the other server has too.
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { LeaderlessService } from '../service';
import { answerBrokenRequest, refuseTunnel } from './broken_requests';
import { Connections } from './connections';
import { DynamoRoutes } from './dynamo_routes';
import { Refusal } from './error_status';
import { originForm } from './key_target';
import { type HttpOptions, httpSettings } from './options';
import { sendRefusal } from './replies';
import type { HttpServer } from './server';

export function createDynamoServer(service: LeaderlessService, options: HttpOptions): HttpServer {
  const settings = httpSettings(options);
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
  const routes = new DynamoRoutes(service, settings, () => connections.draining);

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
