/** The routes that every service has, for those who run it. */

import type { Readiness } from '../service';
import { readApiDescription } from './api_description';
import { sendJson, sendText } from './replies';
import type { Route, Serve } from './route_table';

interface OperatedService {
  status(): Readonly<Record<string, unknown>>;
  readiness(): Readiness;
  metrics(): { readonly contentType: string; readonly text: string };
}

export function operatorRoutes(
  service: OperatedService,
  isDraining: () => boolean,
): Readonly<Record<string, Route>> {
  const readiness = (): Readiness =>
    isDraining() ? { ready: false, reason: 'The node is shutting down.' } : service.readiness();
  return {
    '/admin/status': { about: 'the state of this node', GET: json(() => service.status()) },
    '/health/live': { about: '200 while it runs', GET: json(() => ({ live: true })) },
    '/health/ready': {
      about: '200 when this node can serve requests, 503 with the reason when not',
      GET: (_req, res) => {
        const { ready, reason } = readiness();
        sendJson(res, ready ? 200 : 503, { ready, reason });
      },
    },
    '/metrics': {
      about: 'metrics in the text format of Prometheus',
      GET: (_req, res) => {
        const { contentType, text } = service.metrics();
        sendText(res, contentType, text);
      },
    },
  };
}

/** The description of the interface, where there is one. */
export function descriptionRoute(protocol: string): Readonly<Record<string, Route>> {
  const description = readApiDescription(protocol);
  return {
    '/api_description.yml': {
      about: 'the description of this interface (OpenAPI 3.0)',
      GET: (_req, res) => sendText(res, 'application/yaml', description),
    },
  };
}

export const json =
  (what: () => unknown): Serve =>
  (_req, res) =>
    sendJson(res, 200, what());
