/** The routes of the replicated message log: what is asked, what is answered. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { type OperatingError, operatingError } from '../core/errors';
import type { LogMessage, LogService } from '../service';
import { whenClientEnds } from './client_end';
import { EchoBook } from './echo_book';
import { Refusal } from './error_status';
import { queryOf } from './key_target';
import { parseAppend, parseEcho, parseReplicate } from './log_bodies';
import { LogPages } from './log_pages';
import { parseRange } from './log_range';
import type { LogStreams } from './log_streams';
import { descriptionRoute, json, operatorRoutes } from './operator_routes';
import type { HttpSettings } from './options';
import { sendError, sendJson, sendRefusal, sendRefusalAndLinger, sendText } from './replies';
import { JSON_TYPE } from './reply_parts';
import { type Route, RouteTable, type Serve, takeBody } from './route_table';

export function logRoutes(
  service: LogService,
  streams: LogStreams,
  settings: HttpSettings,
  isDraining: () => boolean,
): RouteTable {
  const handlers = new LogHandlers(service, settings, isDraining);
  const echoes = new EchoBook();
  const clear: Route = {
    about: 'empty the logs, where --allow-clear was given',
    POST: (req, res) => handlers.clear(req, res),
  };
  return new RouteTable('log', {
    '/messages': {
      about: 'the messages in their order',
      GET: handlers.reader(({ text }) => text),
      ...(service.isMaster && { POST: (req, res) => handlers.append(req, res) }),
    },
    '/full_messages': {
      about: 'the messages with their ids and orders',
      GET: handlers.reader(
        ({ id, text, order }) => `{"id":${JSON.stringify(id)},"message":${text},"order":${order}}`,
      ),
    },
    '/messages/stream': {
      about: 'the messages as server-sent events, and those to come',
      GET: (req, res) => streams.open(req, res),
    },
    ...(service.isMaster
      ? {
          '/health': {
            about: 'what the master thinks of each secondary',
            GET: json(() => service.secondaries()),
          },
        }
      : {
          '/replicate': {
            about: 'take a message at its place',
            POST: (req: IncomingMessage, res: ServerResponse) => handlers.replicate(req, res),
          },
        }),
    '/clear': clear,
    '/clean': clear,
    '/echo': {
      about: 'say something, and what was said',
      GET: (_req, res) => sendText(res, JSON_TYPE, `{"messages":${echoes.json}}\n`),
      POST: (req, res) => handlers.echo(req, res, echoes),
    },
    ...operatorRoutes(service, isDraining),
    ...descriptionRoute('log'),
  });
}

class LogHandlers {
  constructor(
    private readonly service: LogService,
    private readonly settings: HttpSettings,
    private readonly isDraining: () => boolean,
  ) {}

  reader(textOf: (message: LogMessage) => string): Serve {
    return (req, res) => {
      const range = parseRange(queryOf(req.url ?? ''), ['from', 'limit']);
      if (range instanceof Refusal) sendRefusal(res, range);
      else new LogPages(res, this.service, range, textOf).send();
    };
  }

  append(req: IncomingMessage, res: ServerResponse): void {
    this.write(req, res, (body) => {
      const message = parseAppend(body, this.settings.maxTimeoutMs);
      if (message instanceof Refusal) return sendRefusal(res, message);
      const waiting = this.service.append(message, (reply) => {
        if (!reply.ok) return sendError(res, reply.error);
        const { isNew, id, order } = reply;
        const status = isNew ? 'ok' : 'Message already exists';
        sendJson(res, 200, { status, message_id: id, order });
      });
      // The wait may be long and its client impatient: then nobody wants the answer any more.
      res.once('close', () => {
        if (!res.writableEnded) waiting.forget();
      });
      whenClientEnds(res, () => {
        const timer = setTimeout(() => {
          if (res.headersSent) return;
          waiting.forget();
          sendError(res, CLIENT_ENDED);
        }, PATIENCE_MS);
        res.once('close', () => clearTimeout(timer));
      });
    });
  }

  replicate(req: IncomingMessage, res: ServerResponse): void {
    this.write(req, res, (body) => {
      const message = parseReplicate(body);
      if (message instanceof Refusal) return sendRefusal(res, message);
      this.service.replicate(message, (error) => done(res, error, { status: 'ACK' }));
    });
  }

  clear(req: IncomingMessage, res: ServerResponse): void {
    // Whatever body comes with it says nothing.
    this.write(req, res, () => {
      this.service.clear((error) => done(res, error, { status: 'cleared' }));
    });
  }

  echo(req: IncomingMessage, res: ServerResponse, echoes: EchoBook): void {
    takeBody(req, res, this.settings, (body) => {
      const echo = parseEcho(body);
      if (echo instanceof Refusal) return sendRefusal(res, echo);
      echoes.add(echo.message);
      sendJson(res, 200, { received: echo.message });
    });
  }

  private write(req: IncomingMessage, res: ServerResponse, done: (body: Buffer) => void): void {
    if (this.isDraining()) return sendError(res, STOPPING);
    if (queryOf(req.url ?? '') !== '') return sendRefusalAndLinger(req, res, NO_PARAMETERS);
    takeBody(req, res, this.settings, done);
  }
}

function done(res: ServerResponse, error: OperatingError | undefined, body: object): void {
  if (error === undefined) sendJson(res, 200, body);
  else sendError(res, error);
}

/** How long an append goes on waiting for copies when its client may have gone. */
const PATIENCE_MS = 2000;
const CLIENT_ENDED = operatingError(
  'timeout',
  'The client ended its side of the connection before all copies were there.',
);
const STOPPING = operatingError('stopping', 'The node is shutting down.');
const NO_PARAMETERS = new Refusal(
  'parameter_not_valid',
  'A write takes no parameters; what there is to say stands in the body.',
);
