/**
 * An HTTP server straight on `node:http` for the services whose routes are a table: with the limits,
 * the refusals and the peaceful end that the server of the key/value service has too.
 */

import { createBaseServer, type HttpServer } from './base_server';
import { INTERNAL_ERROR } from './key_handler';
import type { HttpSettings } from './options';
import { sendRefusal } from './replies';
import type { RouteTable } from './route_table';

/** `routesFor` is told how to know whether the server drains. */
export function createPlainServer(
  settings: HttpSettings,
  routesFor: (isDraining: () => boolean) => Pick<RouteTable, 'handle'>,
): HttpServer {
  return createBaseServer(settings, {
    handler: (isDraining) => {
      const routes = routesFor(isDraining);
      return (req, res) => {
        // Nothing that a service throws may leave a client without an answer.
        try {
          routes.handle(req, res);
        } catch (error) {
          if (!res.headersSent) sendRefusal(res, INTERNAL_ERROR);
          settings.onError(error);
        }
      };
    },
  });
}
