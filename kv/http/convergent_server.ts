/** The HTTP server of a convergent replica. */

import type { ReplicaService } from '../service';
import { convergentRoutes } from './convergent_routes';
import { type HttpOptions, httpSettings } from './options';
import { createPlainServer } from './plain_server';
import type { HttpServer } from './server';

export function createConvergentServer(service: ReplicaService, options: HttpOptions): HttpServer {
  const settings = httpSettings(options);
  return createPlainServer(settings, (isDraining) =>
    convergentRoutes(service, settings, isDraining),
  );
}
