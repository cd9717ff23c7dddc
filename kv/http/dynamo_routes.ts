/** The routes of the leaderless system: what is asked, what is answered. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ByteString } from '../core/command';
import type { OperatingError } from '../core/errors';
import type { LeaderlessService } from '../service';
import { parseJoin, parsePut } from './dynamo_bodies';
import { quoted, Refusal } from './error_status';
import { isKeyTarget, parseKey, queryOf } from './key_target';
import type { HttpSettings } from './options';
import {
  sendAllow,
  sendError,
  sendJson,
  sendRefusal,
  sendRefusalAndLinger,
  sendText,
} from './replies';
import { collectBody, refuseByHeaders } from './request_body';

const LOOKUP = '/lookup/';
const KEYS = '/keys/';

type Serve = (req: IncomingMessage, res: ServerResponse) => void;

interface Route {
  readonly about: string;
  readonly GET?: Serve;
  readonly POST?: Serve;
}

export class DynamoRoutes {
  private readonly routes: ReadonlyMap<string, Route>;

  constructor(
    private readonly service: LeaderlessService,
    private readonly settings: HttpSettings,
    private readonly isDraining: () => boolean,
  ) {
    this.routes = new Map(Object.entries(this.table()));
  }

  handle(req: IncomingMessage, res: ServerResponse): void {
    const target = req.url ?? '';
    const route = this.find(target);
    if (route === undefined) return sendRefusal(res, NOT_FOUND);
    const { GET, POST } = route;
    const allow = [...(GET ? ['GET', 'HEAD'] : []), ...(POST ? ['POST'] : []), 'OPTIONS'].join(
      ', ',
    );
    const method = req.method === 'HEAD' ? 'GET' : req.method;
    if (method === 'OPTIONS') return sendAllow(res, allow);
    const serve = method === 'GET' ? GET : method === 'POST' ? POST : undefined;
    if (serve !== undefined) return serve(req, res);
    sendRefusal(res, new Refusal('method_not_allowed', `It takes ${allow}.`, { allow }));
  }

  private find(target: string): Route | undefined {
    if (isKeyTarget(target)) return this.routes.get(KEYS);
    if (target.startsWith(LOOKUP)) return this.routes.get(LOOKUP);
    return this.routes.get(target.split('?', 1)[0] ?? '');
  }

  private table(): Readonly<Record<string, Route>> {
    const { service } = this;
    const json =
      (what: () => unknown): Serve =>
      (_req, res) =>
        sendJson(res, 200, what());
    return {
      '/': {
        about: 'this list',
        GET: json(() => ({ service: 'quorum-kv', protocol: 'dynamo', routes: this.index() })),
      },
      [KEYS]: {
        about: 'read all versions of a key; write one',
        GET: (req, res) => this.get(req, res),
        POST: (req, res) => this.put(req, res),
      },
      [LOOKUP]: { about: 'the replicas of a key', GET: (req, res) => this.lookup(req, res) },
      '/admin/join': { about: 'join a group', POST: (req, res) => this.join(req, res) },
      '/admin/leave': {
        about: 'hand everything over, and leave the group',
        POST: (_req, res) => service.leave((error) => accepted(res, error)),
      },
      '/admin/members': { about: 'members known alive', GET: json(() => service.members()) },
      '/admin/records': { about: 'number of records here', GET: json(() => service.records()) },
      '/admin/status': { about: 'the state of this node', GET: json(() => service.status()) },
      '/health/live': { about: '200 while it runs', GET: json(() => ({ live: true })) },
      '/health/ready': {
        about: '200 when this node can serve requests, 503 with the reason when not',
        GET: (_req, res) => {
          const { ready, reason } = this.readiness();
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

  private index(): Readonly<Record<string, string>> {
    const named = (path: string): string =>
      path === KEYS || path === LOOKUP ? `${path}{key}` : path;
    return Object.fromEntries([...this.routes].map(([path, { about }]) => [named(path), about]));
  }

  private readiness(): ReturnType<LeaderlessService['readiness']> {
    if (this.isDraining()) return { ready: false, reason: 'The node is shutting down.' };
    return this.service.readiness();
  }

  private get(req: IncomingMessage, res: ServerResponse): void {
    const target = req.url ?? '';
    const key = parseKey(target, this.settings.maxKeyBytes);
    if (key instanceof Refusal) return sendRefusal(res, key);
    const quorum = quorumOf(queryOf(target));
    if (quorum instanceof Refusal) return sendRefusal(res, quorum);
    this.service.get(key, quorum, (reply) => {
      if (!reply.ok) return sendError(res, reply.error);
      // Values are texts of JSON values already.
      const values = reply.values.map((value) => Buffer.from(value).toString('utf8'));
      const text = `{"values":[${values.join(',')}],"metadata":${JSON.stringify(reply.metadata)}}\n`;
      sendText(res, JSON_TYPE, text);
    });
  }

  private put(req: IncomingMessage, res: ServerResponse): void {
    const target = req.url ?? '';
    const key = parseKey(target, this.settings.maxKeyBytes);
    if (key instanceof Refusal) return sendRefusalAndLinger(req, res, key);
    if (queryOf(target) !== '') return sendRefusalAndLinger(req, res, NO_PARAMETERS);
    this.body(req, res, (body) => {
      const put = parsePut(body, this.settings.maxNesting);
      if (put instanceof Refusal) return sendRefusal(res, put);
      this.service.put(key, put, (reply) => {
        if (reply.ok) sendJson(res, 200, { metadata: reply.metadata });
        else sendError(res, reply.error);
      });
    });
  }

  private join(req: IncomingMessage, res: ServerResponse): void {
    this.body(req, res, (body) => {
      const seed = parseJoin(body);
      if (seed instanceof Refusal) sendRefusal(res, seed);
      else this.service.join(seed, (error) => accepted(res, error));
    });
  }

  private lookup(req: IncomingMessage, res: ServerResponse): void {
    const target = KEYS + (req.url ?? '').slice(LOOKUP.length);
    const key: ByteString | Refusal = parseKey(target, this.settings.maxKeyBytes);
    if (key instanceof Refusal) sendRefusal(res, key);
    else sendJson(res, 200, this.service.lookup(key));
  }

  private body(req: IncomingMessage, res: ServerResponse, done: (body: Buffer) => void): void {
    const { maxBodyBytes, onError } = this.settings;
    const refusal = refuseByHeaders(req, maxBodyBytes);
    if (refusal !== undefined) return sendRefusalAndLinger(req, res, refusal);
    collectBody(req, maxBodyBytes, (body) => {
      if (body instanceof Refusal) return sendRefusalAndLinger(req, res, body);
      try {
        done(body);
      } catch (error) {
        if (!res.headersSent) sendRefusal(res, BUG);
        onError(error);
      }
    });
  }
}

const JSON_TYPE = 'application/json; charset=utf-8';
const NOT_FOUND = new Refusal('route_not_found', 'GET / lists the paths; keys are at /keys/.');
const NO_PARAMETERS = new Refusal(
  'parameter_not_valid',
  'A write takes no parameters; the quorum is a member of the body.',
);
const BUG = new Refusal('internal_error', 'This is a bug; the log of the node says more.');

function accepted(res: ServerResponse, error: OperatingError | undefined): void {
  if (error === undefined) sendJson(res, 202, { status: 'accepted' });
  else sendError(res, error);
}

/** The only parameter of a read. */
function quorumOf(query: string): number | undefined | Refusal {
  if (query === '') return undefined;
  const parameters = [...new URLSearchParams(query)];
  const [name = '', value = ''] = parameters[0] ?? [];
  if (parameters.length === 1 && name === 'quorum' && /^[0-9]{1,4}$/.test(value)) {
    return Number(value);
  }
  return new Refusal(
    'parameter_not_valid',
    `The only parameter is quorum, a whole number, not ${quoted(query)}.`,
  );
}
