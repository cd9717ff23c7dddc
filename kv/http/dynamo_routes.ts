/** The routes of the leaderless system: what is asked, what is answered. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { OperatingError } from '../core/errors';
import type { LeaderlessService } from '../service';
import { STOPPING } from './base_server';
import { parseJoin, parsePut } from './dynamo_bodies';
import { quoted, Refusal } from './error_status';
import { parseKey, queryOf } from './key_target';
import { descriptionRoute, json, operatorRoutes } from './operator_routes';
import type { HttpSettings } from './options';
import { refuse, sendError, sendJson, sendRefusal, sendText } from './replies';
import { JSON_TYPE } from './reply_parts';
import { RouteTable, takeBody } from './route_table';

const LOOKUP = '/lookup/';
const KEYS = '/keys/';

export function dynamoRoutes(
  service: LeaderlessService,
  settings: HttpSettings,
  isDraining: () => boolean,
): RouteTable {
  const handlers = new DynamoHandlers(service, settings, isDraining);
  return new RouteTable('dynamo', {
    [`${KEYS}{key}`]: {
      about: 'read all versions of a key; write one',
      GET: (req, res) => handlers.get(req, res),
      POST: (req, res) => handlers.put(req, res),
    },
    [`${LOOKUP}{key}`]: {
      about: 'the replicas of a key',
      GET: (req, res) => handlers.lookup(req, res),
    },
    '/admin/join': { about: 'join a group', POST: (req, res) => handlers.join(req, res) },
    '/admin/leave': {
      about: 'hand everything over, and leave the group',
      // It takes no body, but whoever sends one need not be cut off for it.
      POST: (req, res) =>
        takeBody(req, res, settings, () => service.leave((error) => accepted(res, error))),
    },
    '/admin/members': { about: 'members known alive', GET: json(() => service.members()) },
    '/admin/records': { about: 'number of records here', GET: json(() => service.records()) },
    ...operatorRoutes(service, isDraining),
    ...descriptionRoute('dynamo'),
  });
}

class DynamoHandlers {
  constructor(
    private readonly service: LeaderlessService,
    private readonly settings: HttpSettings,
    private readonly isDraining: () => boolean,
  ) {}

  get(req: IncomingMessage, res: ServerResponse): void {
    if (this.isDraining()) return sendError(res, STOPPING);
    const target = req.url ?? '';
    const key = parseKey(target, this.settings.maxKeyBytes);
    if (key instanceof Refusal) return sendRefusal(res, key);
    const quorum = quorumOf(queryOf(target));
    if (quorum instanceof Refusal) return sendRefusal(res, quorum);
    this.service.get(key, quorum, (reply) => {
      if (reply.ok) sendText(res, JSON_TYPE, versionsText(reply));
      else sendError(res, reply.error);
    });
  }

  put(req: IncomingMessage, res: ServerResponse): void {
    if (this.isDraining()) return sendError(res, STOPPING);
    const target = req.url ?? '';
    const key = parseKey(target, this.settings.maxKeyBytes);
    if (key instanceof Refusal) return refuse(req, res, key);
    if (queryOf(target) !== '') return refuse(req, res, NO_PARAMETERS);
    takeBody(req, res, this.settings, (body) => {
      const put = parsePut(body, this.settings.maxNesting);
      if (put instanceof Refusal) return sendRefusal(res, put);
      this.service.put(key, put, (reply) => {
        if (reply.ok) sendJson(res, 200, { metadata: reply.metadata });
        else sendError(res, reply.error);
      });
    });
  }

  join(req: IncomingMessage, res: ServerResponse): void {
    takeBody(req, res, this.settings, (body) => {
      const seed = parseJoin(body);
      if (seed instanceof Refusal) sendRefusal(res, seed);
      else this.service.join(seed, (error) => accepted(res, error));
    });
  }

  lookup(req: IncomingMessage, res: ServerResponse): void {
    const target = KEYS + (req.url ?? '').slice(LOOKUP.length);
    const key = parseKey(target, this.settings.maxKeyBytes);
    if (key instanceof Refusal) sendRefusal(res, key);
    else sendJson(res, 200, this.service.lookup(key));
  }
}

/** Values are texts of JSON values already. */
function versionsText(reply: {
  readonly values: readonly Uint8Array[];
  readonly metadata: readonly string[];
}): string {
  const values = reply.values.map((value) => Buffer.from(value).toString('utf8'));
  return `{"values":[${values.join(',')}],"metadata":${JSON.stringify(reply.metadata)}}\n`;
}

const NO_PARAMETERS = new Refusal(
  'parameter_not_valid',
  'A write takes no parameters; the quorum is a member of the body.',
);

function accepted(res: ServerResponse, error: OperatingError | undefined): void {
  if (error === undefined) sendJson(res, 202, { status: 'accepted' });
  else sendError(res, error);
}

/** The only parameter of a read. */
function quorumOf(query: string): number | undefined | Refusal {
  if (query === '') return undefined;
  const match = /^quorum=([0-9]{1,4})$/.exec(query);
  if (match !== null) return Number(match[1]);
  return new Refusal(
    'parameter_not_valid',
    `The only parameter is quorum, a whole number, not ${quoted(query)}.`,
  );
}
