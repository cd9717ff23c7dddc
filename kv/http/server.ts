/**
 * One node's HTTP server, in three layers: a fast lane on bare sockets for plain requests on keys,
 * the hot path straight on `node:http` for all other requests on keys, Express for the rest.
 *
 * What `node:http` does for a request costs more than all the work of this node on a key, and what
 * Express adds costs as much again. So a connection begins in the fast lane (`fast_lane.ts`) and is
 * handed to `node:http` with the first thing that is not plain. There both ways end in the same
 * handler, and everything that must hold for all requests (draining, absolute targets, a missing
 * Host) is done here, before the ways part. All three share what decides and what words an answer.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { operatingError } from '../core/errors';
import type { KeyValueService } from '../service';
import { createApp } from './app';
import { answerBrokenRequest, refuseTunnel } from './broken_requests';
import { Connections } from './connections';
import { Refusal } from './error_status';
import { FastLane } from './fast_lane';
import { KeyHandler } from './key_handler';
import { isKeyTarget, originForm } from './key_target';
import { type HttpOptions, type HttpSettings, httpSettings } from './options';
import { sendError, sendRefusal } from './replies';

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

export function createHttpServer(service: KeyValueService, options: HttpOptions): HttpServer {
  const settings = httpSettings(options);
  const server = createServer(serverOptions(settings));
  // Headers past a maximum count would be dropped without a word; their size is the bound.
  server.maxHeadersCount = 0;
  server.maxConnections = settings.maxConnections;

  const lane = hasFastLane(settings) ? new FastLane(server, service, settings) : undefined;
  const connections = new Connections(server, settings.drainTimeoutMs, lane);
  const keys = new KeyHandler(service, settings);
  const app = createApp(withDraining(service, connections), settings, keys);

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

  function accept(req: IncomingMessage, res: ServerResponse): void {
    connections.began(res);
    const refusal = wrongStart(req);
    if (refusal !== undefined) sendRefusal(res, refusal);
    else if (!isKeyTarget(req.url ?? '')) app(req, res);
    else if (connections.draining) sendError(res, STOPPING);
    else if (settings.hotPath) keys.handle(req, res);
    else app(req, res);
  }
}

/** A timeout of 0 is none to `node:http`; only it knows what to do without. */
function hasFastLane(settings: HttpSettings): boolean {
  const { headersTimeoutMs, requestTimeoutMs, keepAliveTimeoutMs } = settings;
  const timed = Math.min(headersTimeoutMs, requestTimeoutMs, keepAliveTimeoutMs) > 0;
  return settings.hotPath && settings.fastLane && timed;
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
  const hostMissing = req.headers.host === undefined && req.httpVersion === '1.1';
  return hostMissing ? HOST_MISSING : undefined;
}

/** The service as it is to be shown while the server drains: not ready. */
function withDraining(service: KeyValueService, connections: Connections): KeyValueService {
  return {
    write: (command, options, done) => service.write(command, options, done),
    read: (key, options, done) => service.read(key, options, done),
    status: () => service.status(),
    readiness: () =>
      connections.draining ? { ready: false, reason: STOPPING.message } : service.readiness(),
    metrics: () => service.metrics(),
  };
}

const STOPPING = operatingError(
  'stopping',
  'The node is shutting down; send the request to another node.',
);
const VERSION_NOT_KNOWN = new Refusal('request_not_valid', 'Only HTTP/1.1 and HTTP/1.0 are known.');
const TARGET_NOT_VALID = new Refusal('request_not_valid', 'The target must begin with a slash.');
const HOST_MISSING = new Refusal('request_not_valid', 'HTTP/1.1 requires the header Host.');
const EXPECTATION_FAILED = new Refusal(
  'expectation_failed',
  'The only expectation known is 100-continue.',
);
