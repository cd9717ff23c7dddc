/**
 * The routes of a convergent replica: two forms of one interface for those who know its originals,
 * `/keys/{key}` for those who know this service, and what operators need.
 *
 * The two forms answer as their originals did, also where that is unusual: what is missing is a
 * `null` with 200 in the first, and plain text in the second.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { OperatingError } from '../core/errors';
import type { KeyView, KeyViews, ReplicaService } from '../service';
import { keyOf, type Puts, parseChange, parsePeer, parsePuts } from './convergent_bodies';
import { keyText, mapFragments, plainString, viewText } from './convergent_views';
import { quoted, Refusal } from './error_status';
import { parseKey, queryOf } from './key_target';
import { descriptionRoute, json, operatorRoutes } from './operator_routes';
import type { HttpSettings } from './options';
import {
  sendError,
  sendJson,
  sendJsonBytes,
  sendNothing,
  sendRefusal,
  sendRefusalAndLinger,
  sendText,
} from './replies';
import { RouteTable, takeBody } from './route_table';
import { sendFragments } from './text_pieces';

const KEYS = '/keys/';
const GET = '/get/';
const DELETE = '/delete/';

export function convergentRoutes(
  service: ReplicaService,
  settings: HttpSettings,
  isDraining: () => boolean,
): RouteTable {
  const on = new ConvergentHandlers(service, settings);
  return new RouteTable('convergent', {
    [`${KEYS}{key}`]: {
      about: 'read, change and delete a key',
      GET: (req, res) => on.read(req, res, KEYS, (view) => answerKey(res, view)),
      POST: (req, res) => on.change(req, res),
      DELETE: (req, res) => on.remove(req, res),
    },
    '/update': { about: 'write keys together', PATCH: (req, res) => on.update(req, res) },
    [`${DELETE}{key}`]: { about: 'delete a key', DELETE: (req, res) => on.deleteKey(req, res) },
    [`${GET}{key}`]: { about: 'read a key', GET: (req, res) => on.get(req, res) },
    '/state': { about: 'the whole map', GET: (_req, res) => on.state(res) },
    '/register': {
      about: 'make the replica at a URL a peer',
      POST: (req, res) => on.register(req, res),
    },
    '/unregister': {
      about: 'wait for a peer no more',
      POST: (req, res) => on.unregister(req, res),
    },
    '/set': { about: 'write keys together', PATCH: (req, res) => on.set(req, res) },
    '/read': { about: 'read ?key= as a plain value', GET: (req, res) => on.readPlain(req, res) },
    '/health': {
      about: 'that it lives, and its id',
      GET: json(() => ({ status: 'healthy', replica_id: service.replicaId })),
    },
    '/admin/digest': {
      about: 'a hash of the state, equal on converged replicas',
      GET: json(() => service.digest()),
    },
    ...operatorRoutes(service, isDraining),
    ...descriptionRoute('convergent'),
  });
}

class ConvergentHandlers {
  constructor(
    private readonly service: ReplicaService,
    private readonly settings: HttpSettings,
  ) {}

  /** Reads the key of the target and hands over what is there. */
  read(
    req: IncomingMessage,
    res: ServerResponse,
    prefix: string,
    answer: (view: KeyView | undefined, key: string) => void,
  ): void {
    const key = this.keyOfTarget(req, prefix);
    if (key instanceof Refusal) return sendRefusal(res, key);
    this.service.get(key, (reply) => {
      if (reply.ok) answer(reply.view, key);
      else sendError(res, reply.error);
    });
  }

  change(req: IncomingMessage, res: ServerResponse): void {
    const key = this.keyOfTarget(req, KEYS);
    if (key instanceof Refusal) return sendRefusalAndLinger(req, res, key);
    takeBody(req, res, this.settings, (body) => {
      const change = parseChange(body, this.settings.maxNesting);
      if (change instanceof Refusal) return sendRefusal(res, change);
      this.service.update({ changes: [{ key, change }], returnsState: false }, (reply) => {
        if (reply.ok) sendNothing(res);
        else sendError(res, reply.error);
      });
    });
  }

  remove(req: IncomingMessage, res: ServerResponse): void {
    const key = this.keyOfTarget(req, KEYS);
    if (key instanceof Refusal) return sendRefusal(res, key);
    const change = { kind: 'delete' as const };
    this.service.update({ changes: [{ key, change }], returnsState: false }, (reply) => {
      if (!reply.ok) sendError(res, reply.error);
      else if (reply.existed[0] === true) sendNothing(res);
      else sendRefusal(res, NOTHING_DELETED);
    });
  }

  update(req: IncomingMessage, res: ServerResponse): void {
    this.puts(req, res, 'updates', (puts) => {
      if (puts.length === 0) return this.stateAsAnswer(res);
      this.service.update({ changes: puts, returnsState: true }, (reply) => {
        if (reply.ok) sendState(res, reply.state);
        else sendError(res, reply.error);
      });
    });
  }

  deleteKey(req: IncomingMessage, res: ServerResponse): void {
    const key = this.keyOfTarget(req, DELETE);
    if (key instanceof Refusal) return sendRefusal(res, key);
    const change = { kind: 'delete' as const };
    this.service.update({ changes: [{ key, change }], returnsState: true }, (reply) => {
      if (reply.ok) sendState(res, reply.state);
      else sendError(res, reply.error);
    });
  }

  get(req: IncomingMessage, res: ServerResponse): void {
    this.read(req, res, GET, (view, key) => {
      const text =
        view === undefined
          ? '{"status":"success","value":null}'
          : `{"status":"success","key":${keyText(key)},"value":${viewText(view)}}`;
      sendJsonBytes(res, `${text}\n`);
    });
  }

  state(res: ServerResponse): void {
    this.service.state((reply) => {
      if (reply.ok) sendFragments(res, around('', reply.state, '\n'));
      else sendError(res, reply.error);
    });
  }

  set(req: IncomingMessage, res: ServerResponse): void {
    this.puts(req, res, 'values', (puts) => {
      if (puts.length === 0) return sendJson(res, 200, { status: 'success' });
      this.service.update({ changes: puts, returnsState: false }, (reply) => {
        if (reply.ok) sendJson(res, 200, { status: 'success' });
        else sendError(res, reply.error);
      });
    });
  }

  readPlain(req: IncomingMessage, res: ServerResponse): void {
    const key = keyOfQuery(queryOf(req.url ?? ''), this.settings.maxKeyBytes);
    if (key instanceof Refusal) return sendRefusal(res, key);
    this.service.get(key, (reply) => {
      if (!reply.ok) return sendError(res, reply.error);
      if (reply.view === undefined) return sendText(res, PLAIN, 'key not found', 404);
      const text = viewText(reply.view);
      const plain = plainString(text);
      if (plain === undefined) sendJsonBytes(res, text);
      else sendText(res, PLAIN, plain);
    });
  }

  register(req: IncomingMessage, res: ServerResponse): void {
    takeBody(req, res, this.settings, (body) => {
      const url = parsePeer(body, ['url']);
      if (url instanceof Refusal) return sendRefusal(res, url);
      this.service.register(url, (error) => this.registered(res, error));
    });
  }

  unregister(req: IncomingMessage, res: ServerResponse): void {
    takeBody(req, res, this.settings, (body) => {
      const peer = parsePeer(body, ['url', 'replica_id']);
      if (peer instanceof Refusal) return sendRefusal(res, peer);
      this.service.unregister(peer, (error) => this.registered(res, error));
    });
  }

  private registered(res: ServerResponse, error: OperatingError | undefined): void {
    if (error !== undefined) return sendError(res, error);
    sendJson(res, 200, { status: 'success', replica_id: this.service.replicaId });
  }

  private stateAsAnswer(res: ServerResponse): void {
    this.service.state((reply) => {
      if (reply.ok) sendState(res, reply.state);
      else sendError(res, reply.error);
    });
  }

  /**
   * The originals took any media type, and what curl says of `-d` is not JSON. A PATCH may be taken
   * so: a page of somebody else's cannot make a browser send one without being asked first.
   */
  private puts(
    req: IncomingMessage,
    res: ServerResponse,
    name: string,
    done: (puts: Puts) => void,
  ): void {
    delete req.headers['content-type'];
    takeBody(req, res, this.settings, (body) => {
      const puts = parsePuts(body, name, this.settings);
      if (puts instanceof Refusal) sendRefusal(res, puts);
      else done(puts);
    });
  }

  private keyOfTarget(req: IncomingMessage, prefix: string): string | Refusal {
    const target = req.url ?? '';
    if (queryOf(target) !== '') return NO_PARAMETERS;
    return parseKey(KEYS + target.slice(prefix.length), this.settings.maxKeyBytes);
  }
}

const PLAIN = 'text/plain; charset=utf-8';
const NO_PARAMETERS = new Refusal('parameter_not_valid', 'This path takes no parameters.');
const NOT_FOUND = new Refusal(
  'key_not_found',
  'A POST with {"type":"PUT","value":…} creates it; it may be under way from a peer.',
);
const NOTHING_DELETED = new Refusal('key_not_found', 'There was nothing to delete here.');

function sendState(res: ServerResponse, state: KeyViews): void {
  sendFragments(res, around('{"status":"success","state":', state, '}\n'));
}

function* around(before: string, state: KeyViews, after: string): Generator<string, void> {
  yield before;
  yield* mapFragments(state);
  yield after;
}

function answerKey(res: ServerResponse, view: KeyView | undefined): void {
  if (view === undefined) return sendRefusal(res, NOT_FOUND);
  sendJsonBytes(res, viewText(view), ['X-Quorum-Type', view.type]);
}

/** The only parameter of a read in the second form. */
function keyOfQuery(query: string, maxKeyBytes: number): string | Refusal {
  const wrong = new Refusal(
    'parameter_not_valid',
    `It takes ?key= with one key, not ${quoted(query)}.`,
  );
  const encoded = /^key=([^&]*)$/.exec(query)?.[1];
  if (encoded === undefined) return wrong;
  try {
    return keyOf(decodeURIComponent(encoded.replaceAll('+', ' ')), maxKeyBytes);
  } catch {
    return wrong;
  }
}
