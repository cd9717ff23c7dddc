/**
 * The paths of a service whose HTTP side is a list of routes: which handler takes a request, and
 * what is said of a path or a method that is not known.
 *
 * The table is plain data, so the index that `GET /` shows and the methods in `Allow` cannot differ
 * from what is served. A path that ends in a name in braces takes everything that begins with it.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Refusal } from './error_status';
import { INTERNAL_ERROR } from './key_handler';
import type { HttpSettings } from './options';
import { refuse, sendAllow, sendJson, sendRefusal } from './replies';
import { collectBody, hasBody, refuseByHeaders } from './request_body';

export type Serve = (req: IncomingMessage, res: ServerResponse) => void;

const METHODS = ['GET', 'POST', 'PATCH', 'DELETE'] as const;

export type Route = { readonly about: string } & {
  readonly [Method in (typeof METHODS)[number]]?: Serve;
};

export class RouteTable {
  private readonly exact = new Map<string, Route>();
  private readonly prefixes: (readonly [prefix: string, route: Route])[] = [];

  constructor(protocol: string, routes: Readonly<Record<string, Route>>) {
    const index = (): Record<string, string> =>
      Object.fromEntries(Object.entries(all).map(([path, { about }]) => [path, about]));
    const all: Readonly<Record<string, Route>> = {
      '/': {
        about: 'this list',
        GET: (_req, res) => sendJson(res, 200, { service: 'quorum-kv', protocol, routes: index() }),
      },
      ...routes,
    };
    for (const [path, route] of Object.entries(all)) {
      const brace = path.indexOf('{');
      if (brace < 0) this.exact.set(path, route);
      else this.prefixes.push([path.slice(0, brace), route]);
    }
  }

  handle(req: IncomingMessage, res: ServerResponse): void {
    const { url: target = '' } = req;
    if (target === '*' && req.method === 'OPTIONS') return sendAllow(res, this.allMethods());
    const route = this.find(target);
    if (route === undefined) return refuse(req, res, NOT_FOUND);
    const method = req.method === 'HEAD' ? 'GET' : req.method;
    const serve = METHODS.find((one) => one === method && route[one] !== undefined);
    if (serve === 'GET' && hasBody(req)) return refuse(req, res, BODY_NOT_TAKEN);
    if (serve !== undefined) return route[serve]?.(req, res);
    const allow = allowed(route);
    if (method === 'OPTIONS') return sendAllow(res, allow);
    refuse(req, res, new Refusal('method_not_allowed', `It takes ${allow}.`, { allow }));
  }

  private allMethods(): string {
    const routes = [...this.exact.values(), ...this.prefixes.map(([, route]) => route)];
    return [...new Set(routes.flatMap((route) => allowed(route).split(', ')))].join(', ');
  }

  private find(target: string): Route | undefined {
    const found = this.prefixes.find(([prefix]) => target.startsWith(prefix));
    return found?.[1] ?? this.exact.get(target.split('?', 1)[0] ?? '');
  }
}

function allowed(route: Route): string {
  const own = METHODS.filter((method) => route[method] !== undefined);
  return [...own.flatMap((one) => (one === 'GET' ? ['GET', 'HEAD'] : [one])), 'OPTIONS'].join(', ');
}

/**
 * Hands over the whole body of a request, unless it is refused or its client goes away. What
 * `done` throws is a bug: the client is told so, and the owner of the server too.
 */
export function takeBody(
  req: IncomingMessage,
  res: ServerResponse,
  { maxBodyBytes, onError }: Pick<HttpSettings, 'maxBodyBytes' | 'onError'>,
  done: (body: Buffer) => void,
): void {
  const refusal = refuseByHeaders(req, maxBodyBytes);
  if (refusal !== undefined) return refuse(req, res, refusal);
  // Only an expectation of 100-continue comes this far, and HTTP/1.0 knows none.
  if (req.headers.expect !== undefined && req.httpVersion === '1.1') res.writeContinue();
  collectBody(req, maxBodyBytes, (body) => {
    // Answered already: the request took too long, or its end was broken.
    if (res.headersSent) return;
    if (body instanceof Refusal) return refuse(req, res, body);
    try {
      done(body);
    } catch (error) {
      if (!res.headersSent) sendRefusal(res, INTERNAL_ERROR);
      onError(error);
    }
  });
}

const NOT_FOUND = new Refusal('route_not_found', 'GET / lists the paths.');
const BODY_NOT_TAKEN = new Refusal('request_not_valid', 'A request to read has no body.');
