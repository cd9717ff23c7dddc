/**
 * The Express app: every route that is not hot. It can serve `/keys/` too, with the same handler
 * as the hot path, so a program that has an Express app of its own may mount this one whole.
 */

import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import type { KeyValueService } from '../service';
import { readApiDescription } from './api_description';
import { Refusal } from './error_status';
import { INTERNAL_ERROR, type KeyHandler } from './key_handler';
import { isKeyTarget } from './key_target';
import type { HttpSettings } from './options';
import { sendAllow, sendJson, sendRefusal, sendText } from './replies';

interface Route {
  readonly path: string;
  readonly about: string;
  readonly serve: (res: Response) => void | Promise<void>;
}

/** `keys` handles all targets below `/keys/`. */
export function createApp(
  service: KeyValueService,
  settings: HttpSettings,
  keys: KeyHandler,
): Express {
  const app = express();
  app.disable('x-powered-by');
  app.enable('case sensitive routing');
  app.enable('strict routing');
  app.use((req: Request, res: Response, next: NextFunction) => {
    if (isKeyTarget(req.url)) keys.handle(req, res);
    else next();
  });
  for (const { path, serve } of routes(service)) {
    app
      .route(path)
      .get((_req: Request, res: Response) => serve(res))
      .options((_req: Request, res: Response) => sendAllow(res, METHODS))
      .all((_req: Request, res: Response) => sendRefusal(res, METHOD_NOT_ALLOWED));
  }
  app.use(notFound);
  // Express knows an error handler by its four parameters.
  app.use((error: unknown, _req: Request, res: Response, _next: NextFunction) => {
    if (!res.headersSent) sendRefusal(res, INTERNAL_ERROR);
    settings.onError(error);
  });
  return app;
}

const METHODS = 'GET, HEAD, OPTIONS';

const METHOD_NOT_ALLOWED = new Refusal('method_not_allowed', 'This path can only be read.', {
  allow: METHODS,
});

function routes(service: KeyValueService): Route[] {
  const description = readApiDescription();
  const table: Route[] = [
    { path: '/', about: 'this list', serve: (res) => sendJson(res, 200, index) },
    {
      path: '/admin/status',
      about: 'the state of this node',
      serve: (res) => sendJson(res, 200, service.status()),
    },
    {
      path: '/health/live',
      about: '200 while the process runs',
      serve: (res) => sendJson(res, 200, { live: true }),
    },
    {
      path: '/health/ready',
      about: '200 when this node can serve requests, 503 with the reason when not',
      serve: (res) => {
        const { ready, reason } = service.readiness();
        sendJson(res, ready ? 200 : 503, { ready, reason });
      },
    },
    {
      path: '/metrics',
      about: 'metrics in the text format of Prometheus',
      serve: async (res) => {
        const { contentType, text } = await service.metrics();
        if (!res.headersSent) sendText(res, contentType, text);
      },
    },
    {
      path: '/api_description.yml',
      about: 'the description of this interface (OpenAPI 3.0)',
      serve: (res) => sendText(res, 'application/yaml', description),
    },
  ];
  const about = table.map((route) => [route.path, route.about] as const);
  const index = {
    service: 'quorum-kv',
    routes: Object.fromEntries([['/keys/{key}', 'read, write and delete a value'], ...about]),
  };
  return table;
}

function notFound(req: Request, res: Response): void {
  // The one target without a path: it asks what the server can do at all (RFC 9110 §9.3.7).
  if (req.url === '*' && req.method === 'OPTIONS') sendAllow(res, ANY_METHODS);
  else sendRefusal(res, ROUTE_NOT_FOUND);
}

const ANY_METHODS = 'GET, HEAD, POST, DELETE, OPTIONS';
const ROUTE_NOT_FOUND = new Refusal(
  'route_not_found',
  'GET / lists the paths; keys are at /keys/.',
);
