/**
 * One node's HTTP server, in three layers: a fast lane on bare sockets for plain requests on keys,
 * the hot path straight on `node:http` for all other requests on keys, Express for the rest.
 *
 * What `node:http` does for a request costs more than all the work of this node on a key, and what
 * Express adds costs as much again. So a connection begins in the fast lane (`fast_lane.ts`) and is
 * handed to `node:http` with the first thing that is not plain. There both ways end in the same
 * handler, and everything that must hold for all requests (draining, absolute targets, a wrong
 * Host) is done here, before the ways part. All three share what decides and what words an answer.
 */

import type { KeyValueService } from '../service';
import { createApp } from './app';
import { createBaseServer, type HttpServer, STOPPING } from './base_server';
import { FastLane } from './fast_lane';
import { KeyHandler } from './key_handler';
import { isKeyTarget } from './key_target';
import { type HttpOptions, type HttpSettings, httpSettings } from './options';
import { sendError } from './replies';

export type { HttpServer } from './base_server';

export function createHttpServer(service: KeyValueService, options: HttpOptions): HttpServer {
  const settings = httpSettings(options);
  return createBaseServer(settings, {
    lane: (server) => (hasFastLane(settings) ? new FastLane(server, service, settings) : undefined),
    handler: (isDraining) => {
      const keys = new KeyHandler(service, settings);
      const app = createApp(withDraining(service, isDraining), settings, keys);
      return (req, res) => {
        if (!isKeyTarget(req.url ?? '')) app(req, res);
        else if (isDraining()) sendError(res, STOPPING);
        else if (settings.hotPath) keys.handle(req, res);
        else app(req, res);
      };
    },
  });
}

/** A timeout of 0 is none to `node:http`; only it knows what to do without. */
function hasFastLane(settings: HttpSettings): boolean {
  const { headersTimeoutMs, requestTimeoutMs, keepAliveTimeoutMs } = settings;
  const timed = Math.min(headersTimeoutMs, requestTimeoutMs, keepAliveTimeoutMs) > 0;
  return settings.hotPath && settings.fastLane && timed;
}

/** The service as it is to be shown while the server drains: not ready. */
function withDraining(service: KeyValueService, isDraining: () => boolean): KeyValueService {
  return {
    write: (command, options, done) => service.write(command, options, done),
    read: (key, options, done) => service.read(key, options, done),
    status: () => service.status(),
    readiness: () =>
      isDraining() ? { ready: false, reason: STOPPING.message } : service.readiness(),
    metrics: () => service.metrics(),
  };
}
