/**
 * Sending a reply with `node:http`: one `writeHead` with a flat list of headers and one `end` with
 * a string. Node then sends headers and body in one write, and builds no table of headers.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ByteString } from '../core/command';
import type { OperatingError } from '../core/errors';
import type { Served } from '../service';
import type { Refusal } from './error_status';
import {
  bodyHeaders,
  emptyHeaders,
  errorReply,
  JSON_TYPE,
  type JsonReply,
  lines,
  refusalReply,
  servedHeaders,
  statusLine,
} from './reply_parts';
import { hasBody } from './request_body';

/** How long a client that was refused early may go on sending before the connection is cut. */
const LINGER_MS = 1000;

/** 200 with the JSON text of a value. */
export function sendValue(res: ServerResponse, value: ByteString, served: Served): void {
  send(res, 200, JSON_TYPE, value, 'latin1', servedHeaders(served));
}

/** 204: done, nothing to say. */
export function sendDone(res: ServerResponse, served: Served): void {
  sendEmpty(res, servedHeaders(served));
}

/** The answer to OPTIONS. */
export function sendAllow(res: ServerResponse, allow: string): void {
  sendEmpty(res, ['Allow', allow]);
}

export function sendJson(res: ServerResponse, status: number, value: unknown): void {
  send(res, status, JSON_TYPE, `${JSON.stringify(value)}\n`, 'utf8', []);
}

export function sendText(
  res: ServerResponse,
  contentType: string,
  text: string,
  status = 200,
): void {
  send(res, status, contentType, text, 'utf8', []);
}

/** 200 with the bytes of a JSON text. */
export function sendJsonBytes(res: ServerResponse, text: ByteString, headers: string[] = []): void {
  send(res, 200, JSON_TYPE, text, 'latin1', headers);
}

/** 204 where there is no log whose index could be told. */
export function sendNothing(res: ServerResponse): void {
  sendEmpty(res, []);
}

export function sendError(res: ServerResponse, error: OperatingError): void {
  sendReply(res, errorReply(error));
}

/** `served` is given where the refusal is itself a replicated answer, such as "no such key". */
export function sendRefusal(res: ServerResponse, refusal: Refusal, served?: Served): void {
  sendReply(res, refusalReply(refusal, served));
}

/**
 * Refuses a request whose body may still be coming, in full and at once, but ends the connection
 * only when the client has stopped sending or has had its time. Closing while bytes come in resets
 * the connection, and the client would see that instead of the answer.
 */
export function sendRefusalAndLinger(
  req: IncomingMessage,
  res: ServerResponse,
  refusal: Refusal,
): void {
  res.shouldKeepAlive = false;
  const { status, headers, body } = refusalReply(refusal);
  res.writeHead(status, bodyHeaders(JSON_TYPE, Buffer.byteLength(body), headers));
  res.write(body);
  const timer = setTimeout(finish, LINGER_MS);
  req.once('close', finish).resume();

  function finish(): void {
    clearTimeout(timer);
    if (!res.writableEnded) res.end();
  }
}

/** In peace if the request has arrived whole; its connection cannot be kept if it has not. */
export function refuse(req: IncomingMessage, res: ServerResponse, refusal: Refusal): void {
  if (!req.complete && hasBody(req)) sendRefusalAndLinger(req, res, refusal);
  else sendRefusal(res, refusal);
}

/** A whole refusal as text, for a connection on which no request could be understood. */
export function rawRefusal(refusal: Refusal): string {
  const { status, headers, body } = refusalReply(refusal);
  const head = lines(bodyHeaders(JSON_TYPE, Buffer.byteLength(body), headers));
  return `${statusLine(status)}${head}Connection: close\r\n\r\n${body}`;
}

function sendReply(res: ServerResponse, { status, headers, body }: JsonReply): void {
  send(res, status, JSON_TYPE, body, 'utf8', headers);
}

function send(
  res: ServerResponse,
  status: number,
  contentType: string,
  body: string,
  encoding: 'latin1' | 'utf8',
  headers: string[],
): void {
  const length = encoding === 'latin1' ? body.length : Buffer.byteLength(body);
  res.writeHead(status, bodyHeaders(contentType, length, headers));
  res.end(body, encoding);
}

function sendEmpty(res: ServerResponse, headers: string[]): void {
  res.writeHead(204, emptyHeaders(headers));
  res.end();
}
