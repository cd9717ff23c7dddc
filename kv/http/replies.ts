/**
 * Everything that is ever sent to a client, written in one place, so that the hot path and Express
 * cannot differ. A reply is one `writeHead` with a flat list of headers and one `end` with a string:
 * Node then sends headers and body in one write, and builds no table of headers.
 */

import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { ByteString } from '../core/command';
import type { OperatingError } from '../core/errors';
import type { Served } from '../service';
import { ERROR_STATUS, REQUEST_ERRORS, type Refusal } from './error_status';

const JSON_TYPE = 'application/json';
/** What this node suggests where the same request may simply be sent again. */
const RETRY_AFTER_SECONDS = '1';
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

export function sendText(res: ServerResponse, contentType: string, text: string): void {
  send(res, 200, contentType, text, 'utf8', []);
}

export function sendError(res: ServerResponse, error: OperatingError): void {
  const headers = error.retry === 'safe' ? ['Retry-After', RETRY_AFTER_SECONDS] : [];
  send(res, ERROR_STATUS[error.code], JSON_TYPE, errorBody(error), 'utf8', headers);
}

/** `served` is given where the refusal is itself a replicated answer, such as "no such key". */
export function sendRefusal(res: ServerResponse, refusal: Refusal, served?: Served): void {
  const { status } = REQUEST_ERRORS[refusal.code];
  const headers = served === undefined ? refusalHeaders(refusal) : servedHeaders(served);
  send(res, status, JSON_TYPE, refusalBody(refusal), 'utf8', headers);
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
  const body = refusalBody(refusal);
  const { status } = REQUEST_ERRORS[refusal.code];
  res.writeHead(status, bodyHeaders(JSON_TYPE, Buffer.byteLength(body), refusalHeaders(refusal)));
  res.write(body);
  const timer = setTimeout(finish, LINGER_MS);
  req.once('close', finish).resume();

  function finish(): void {
    clearTimeout(timer);
    if (!res.writableEnded) res.end();
  }
}

/** A whole refusal as text, for a connection on which no request could be understood. */
export function rawRefusal(refusal: Refusal): string {
  const { status } = REQUEST_ERRORS[refusal.code];
  const body = refusalBody(refusal);
  const headers = bodyHeaders(JSON_TYPE, Buffer.byteLength(body), refusalHeaders(refusal));
  let text = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n`;
  for (let i = 0; i < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`;
  return `${text}Connection: close\r\n\r\n${body}`;
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
  headers.push('X-Content-Type-Options', 'nosniff', 'Cache-Control', 'no-store');
  res.writeHead(204, headers);
  res.end();
}

/** Appends to `headers` what goes with every body, and returns them. */
function bodyHeaders(contentType: string, length: number, headers: string[]): string[] {
  headers.push('X-Content-Type-Options', 'nosniff', 'Cache-Control', 'no-store');
  headers.push('Content-Type', contentType, 'Content-Length', String(length));
  return headers;
}

function servedHeaders(served: Served): string[] {
  const headers = [
    'X-Quorum-Index',
    String(served.index),
    'X-Quorum-Term',
    String(served.term),
    'X-Quorum-Node',
    served.node,
    'X-Quorum-Age-Ms',
    String(Math.ceil(served.ageMs)),
  ];
  if (served.leader !== '') headers.push('X-Quorum-Leader', served.leader);
  return headers;
}

function refusalHeaders(refusal: Refusal): string[] {
  const { allow } = refusal.details;
  if (allow !== undefined) return ['Allow', String(allow)];
  // RFC 9110 §15.5.16: tells a client that compressed its body what would have been taken.
  if (refusal.code === 'media_type_not_supported') return ['Accept-Encoding', 'identity'];
  return [];
}

function refusalBody(refusal: Refusal): string {
  const { message, outcome, retry } = REQUEST_ERRORS[refusal.code];
  const details = { hint: refusal.hint, ...refusal.details };
  return errorBody({ code: refusal.code, message, outcome, retry, details });
}

type ErrorBody = Omit<OperatingError, 'code'> & { readonly code: string };

function errorBody({ code, message, outcome, retry, details }: ErrorBody): string {
  return `${JSON.stringify({ error: { code, message, outcome, retry, details } })}\n`;
}
