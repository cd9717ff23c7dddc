/** The HTTP server of a node of the replicated message log. */

import type { LogService } from '../service';
import { logRoutes } from './log_routes';
import { LogStreams, STREAM_LIMITS, type StreamLimits } from './log_streams';
import { type HttpOptions, httpSettings } from './options';
import { createPlainServer } from './plain_server';
import type { HttpServer } from './server';

export function createLogServer(
  service: LogService,
  options: HttpOptions & { readonly streams?: Partial<StreamLimits> },
): HttpServer {
  const { streams: limits, ...rest } = options;
  const settings = httpSettings(rest);
  const streams = new LogStreams(service, { ...STREAM_LIMITS, ...limits });
  const plain = createPlainServer(settings, (isDraining) =>
    logRoutes(service, streams, settings, isDraining),
  );
  const endStreams = (): void => streams.end();
  return {
    server: plain.server,
    drain: () => {
      const drained = plain.drain();
      endStreams();
      return drained;
    },
    cut: () => {
      endStreams();
      plain.cut();
    },
  };
}
