/**
 * What the HTTP servers of all systems have in common: limits, the peaceful end, and all that must
 * hold for every request before the ways part (absolute targets, a wrong Host, what is no request
 * at all). What is answered is the business of a handler.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { operatingError } from '../core/errors';
import { answerBrokenRequest, refuseTunnel } from './broken_requests';
import { Connections } from './connections';
import { Refusal } from './error_status';
import type { FastLane } from './fast_lane';
import { wrongHost } from './host';
import { originForm } from './key_target';
import type { HttpSettings } from './options';
import { sendRefusal } from './replies';

export interface HttpServer {
  /** Not yet listening. The owner may also take `upgrade` events of it. */
  readonly server: Server;
  /**
   * Stops accepting, answers what is under way, refuses new commands on open connections, and
   * closes each connection after its last answer. Resolves when all are closed, at the latest
   * after `drainTimeoutMs`. Connections that were upgraded are their owner's to close.
   */
  drain(): Promise<void>;
  /** Closes all connections at once but the upgraded ones; more than `closeAllConnections` can. */
  cut(): void;
}

export type HttpHandler = (req: IncomingMessage, res: ServerResponse) => void;

export interface ServerParts {
  /** What takes connections before `node:http` does, if anything. */
  readonly lane?: ((server: Server) => FastLane | undefined) | undefined;
  /** What answers; `isDraining` says whether the server is about to end. */
  handler(isDraining: () => boolean): HttpHandler;
}

export function createBaseServer(settings: HttpSettings, parts: ServerParts): HttpServer {
  const server = createServer(serverOptions(settings));
  // Headers past a maximum count would be dropped without a word; their size is the bound.
  server.maxHeadersCount = 0;
  server.maxConnections = settings.maxConnections;
  // Otherwise whoever has ended its side is not told what became of its requests. What may wait for
  // long looks for such an end itself (`client_end.ts`). The property is not in Node's types.
  Object.assign(server, { httpAllowHalfOpen: true });

  const connections = new Connections(server, settings.drainTimeoutMs, parts.lane?.(server));
  const handle = parts.handler(() => connections.draining);
  const accept: HttpHandler = (req, res) => {
    connections.began(res);
    const refusal = wrongStart(req);
    if (refusal !== undefined) sendRefusal(res, refusal);
    else handle(req, res);
  };

  server.on('request', accept);
  server.on('checkContinue', accept);
  server.on('checkExpectation', (_req: IncomingMessage, res: ServerResponse) => {
    res.shouldKeepAlive = false;
    sendRefusal(res, EXPECTATION_FAILED);
  });
  server.on('clientError', (error, socket) => {
    answerBrokenRequest(error, socket as Socket, connections.newestReply(socket as Socket));
  });
  server.on('connect', (_req, socket) => refuseTunnel(socket as Socket));
  return { server, drain: () => connections.drain(), cut: () => connections.cut() };
}

function serverOptions(settings: HttpSettings) {
  const { headersTimeoutMs, requestTimeoutMs, keepAliveTimeoutMs, maxKeyBytes } = settings;
  return {
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.ceil(Math.min(headersTimeoutMs, requestTimeoutMs) / 4),
    // Room for the longest key with every byte percent-encoded.
    maxHeaderSize: 16 * 1024 + 3 * maxKeyBytes,
    insecureHTTPParser: false,
    // Node's own refusal has no body, so `accept` looks for the Host itself.
    requireHostHeader: false,
    noDelay: true,
  };
}

/** Brings an absolute target into the usual form; returns what is wrong before any route counts. */
function wrongStart(req: IncomingMessage): Refusal | undefined {
  // The parser still takes HTTP/0.9, whose answers have no status and no headers.
  if (req.httpVersionMajor !== 1) return VERSION_NOT_KNOWN;
  const target = originForm(req.url ?? '');
  if (target === undefined) return TARGET_NOT_VALID;
  req.url = target;
  return wrongHost(req);
}

/** What is said to requests that come while the server ends. */
export const STOPPING = operatingError(
  'stopping',
  'The node is shutting down; send the request to another node.',
);
const VERSION_NOT_KNOWN = new Refusal('request_not_valid', 'Only HTTP/1.1 and HTTP/1.0 are known.');
const TARGET_NOT_VALID = new Refusal('request_not_valid', 'The target must begin with a slash.');
const EXPECTATION_FAILED = new Refusal(
  'expectation_failed',
  'The only expectation known is 100-continue.',
);
