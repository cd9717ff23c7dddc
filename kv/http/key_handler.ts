/**
 * `/keys/{key}`: the hot path. One function from a request of `node:http` to its reply, which
 * makes no promise, matches no route, and parses nothing that is not there. Express calls the very
 * same function when it stands in front (`app.ts`).
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ByteString, Command, CommandResult } from '../core/command';
import type { KeyValueService, WriteOptions } from '../service';
import { parseCommand } from './command_body';
import { Refusal } from './error_status';
import { parseKey, queryOf } from './key_target';
import type { HttpSettings } from './options';
import { refuse, sendAllow, sendDone, sendError, sendRefusal, sendValue } from './replies';
import { collectBody, hasBody, refuseByHeaders } from './request_body';
import { parseReadOptions, parseWriteOptions } from './request_options';

export const KEY_METHODS = 'GET, HEAD, POST, DELETE, OPTIONS';

/** A handler of all requests whose target is a key (`isKeyTarget`). */
export class KeyHandler {
  constructor(
    private readonly service: KeyValueService,
    private readonly settings: HttpSettings,
  ) {}

  handle(req: IncomingMessage, res: ServerResponse): void {
    this.guard(res, () => {
      const refusal = this.take(req, res);
      if (refusal !== undefined) refuse(req, res, refusal);
    });
  }

  /** Takes the request on, or returns why not. */
  private take(req: IncomingMessage, res: ServerResponse): Refusal | undefined {
    const { method } = req;
    if (method === 'OPTIONS') {
      sendAllow(res, KEY_METHODS);
      return undefined;
    }
    if (method !== 'GET' && method !== 'POST' && method !== 'DELETE' && method !== 'HEAD') {
      return METHOD_NOT_ALLOWED;
    }
    const target = req.url ?? '';
    const key = parseKey(target, this.settings.maxKeyBytes);
    if (key instanceof Refusal) return key;
    const query = queryOf(target);
    if (method === 'POST') return this.post(req, res, key, query);
    if (hasBody(req)) return BODY_NOT_TAKEN;
    if (method === 'DELETE') return this.remove(req, res, key, query);
    return this.read(res, key, query);
  }

  private read(res: ServerResponse, key: ByteString, query: string): Refusal | undefined {
    const options = parseReadOptions(query, this.settings.maxTimeoutMs);
    if (options instanceof Refusal) return options;
    this.service.read(key, options, (reply) => {
      if (!reply.ok) sendError(res, reply.error);
      else if (reply.answer === undefined) sendRefusal(res, NOT_FOUND, reply.served);
      else sendValue(res, reply.answer, reply.served);
    });
    return undefined;
  }

  private post(
    req: IncomingMessage,
    res: ServerResponse,
    key: ByteString,
    query: string,
  ): Refusal | undefined {
    const wrongBody = refuseByHeaders(req, this.settings.maxBodyBytes);
    if (wrongBody !== undefined) return wrongBody;
    const options = this.writeOptions(req, query);
    if (options instanceof Refusal) return options;
    // Only an expectation of 100-continue comes this far, and HTTP/1.0 knows none.
    if (req.headers.expect !== undefined && req.httpVersion === '1.1') res.writeContinue();
    collectBody(req, this.settings.maxBodyBytes, (body) => {
      // Answered already: the request took too long, or its end was broken.
      if (res.headersSent) return;
      const command =
        body instanceof Refusal ? body : parseCommand(key, body, this.settings.maxNesting);
      if (command instanceof Refusal) refuse(req, res, command);
      else this.guard(res, () => this.write(res, command, options));
    });
    return undefined;
  }

  private remove(
    req: IncomingMessage,
    res: ServerResponse,
    key: ByteString,
    query: string,
  ): Refusal | undefined {
    const options = this.writeOptions(req, query);
    if (options instanceof Refusal) return options;
    this.write(res, { kind: 'delete', key }, options);
    return undefined;
  }

  private write(res: ServerResponse, command: Command, options: WriteOptions): void {
    this.service.write(command, options, (reply) => {
      if (!reply.ok) sendError(res, reply.error);
      else if (reply.result === 'ok') sendDone(res, reply.served);
      else sendRefusal(res, COMMAND_REFUSALS[reply.result], reply.served);
    });
  }

  private writeOptions(req: IncomingMessage, query: string): WriteOptions | Refusal {
    return parseWriteOptions(query, req.headers['idempotency-key'], this.settings.maxTimeoutMs);
  }

  /** Nothing that a service throws may leave a client without an answer. */
  private guard(res: ServerResponse, act: () => void): void {
    try {
      act();
    } catch (error) {
      if (!res.headersSent) sendRefusal(res, INTERNAL_ERROR);
      this.settings.onError(error);
    }
  }
}

export const INTERNAL_ERROR = new Refusal(
  'internal_error',
  'This is a bug or a broken disk; the log of the node says more.',
);

const METHOD_NOT_ALLOWED = new Refusal(
  'method_not_allowed',
  'To write, send POST with {"type":"PUT","value":…} or {"type":"APPEND","value":…}.',
  { allow: KEY_METHODS },
);
const BODY_NOT_TAKEN = new Refusal('request_not_valid', 'Only a POST may have a body here.');
export const NOT_FOUND = new Refusal(
  'key_not_found',
  'A POST with {"type":"PUT","value":…} creates it.',
);

/** The results of a command that are not `ok`. They are answers of all replicas, not of this node. */
export const COMMAND_REFUSALS = {
  not_found: new Refusal('key_not_found', 'There was nothing to delete.'),
  not_a_list: new Refusal(
    'not_a_list',
    'APPEND needs a list, or no value at all; nothing changed.',
  ),
  too_large: new Refusal('too_large', 'The list would have become too large; nothing changed.'),
} as const satisfies Record<Exclude<CommandResult, 'ok'>, Refusal>;
