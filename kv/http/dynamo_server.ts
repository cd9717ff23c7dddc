/** The HTTP server of a node of the leaderless system. */

import type { LeaderlessService } from '../service';
import { dynamoRoutes } from './dynamo_routes';
import { type HttpOptions, httpSettings } from './options';
import { createPlainServer } from './plain_server';
import type { HttpServer } from './server';

export function createDynamoServer(service: LeaderlessService, options: HttpOptions): HttpServer {
  const settings = httpSettings(options);
  return createPlainServer(settings, (isDraining) => dynamoRoutes(service, settings, isDraining));
}
