/**
 * What replies say: status, headers and bodies as data. There is one such place, so that the fast
 * lane, the hot path and Express, which send them in different ways, cannot differ.
 */

import { STATUS_CODES } from 'node:http';
import type { OperatingError } from '../core/errors';
import type { Served } from '../service';
import { ERROR_STATUS, REQUEST_ERRORS, type Refusal } from './error_status';

export const JSON_TYPE = 'application/json';
/** What this node suggests where the same request may simply be sent again. */
const RETRY_AFTER_SECONDS = '1';

/** Headers are a flat list of names and values, without those of the body; the body is Unicode. */
export interface JsonReply {
  readonly status: number;
  readonly headers: string[];
  readonly body: string;
}

export function errorReply(error: OperatingError): JsonReply {
  const headers = error.retry === 'safe' ? ['Retry-After', RETRY_AFTER_SECONDS] : [];
  return { status: ERROR_STATUS[error.code], headers, body: errorBody(error) };
}

/** `served` is given where the refusal is itself a replicated answer, such as "no such key". */
export function refusalReply(refusal: Refusal, served?: Served): JsonReply {
  const { status, message, outcome, retry } = REQUEST_ERRORS[refusal.code];
  const details = { hint: refusal.hint, ...refusal.details };
  return {
    status,
    headers: served === undefined ? refusalHeaders(refusal) : servedHeaders(served),
    body: errorBody({ code: refusal.code, message, outcome, retry, details }),
  };
}

export function statusLine(status: number): string {
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n`;
}

/** A flat list of headers as they go over the wire. */
export function lines(headers: readonly string[]): string {
  let text = '';
  for (let i = 0; i < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`;
  return text;
}

/** Appends to `headers` what goes with a reply that has no body, and returns them. */
export function emptyHeaders(headers: string[]): string[] {
  headers.push('X-Content-Type-Options', 'nosniff', 'Cache-Control', 'no-store');
  return headers;
}

/** Appends to `headers` what goes with every body, and returns them. */
export function bodyHeaders(contentType: string, length: number, headers: string[]): string[] {
  emptyHeaders(headers).push('Content-Type', contentType, 'Content-Length', String(length));
  return headers;
}

/** Where an answer came from; the index first, because it alone changes from one to the next. */
export function servedHeaders(served: Served): string[] {
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
  if (refusal.code === 'too_many_streams') return ['Retry-After', RETRY_AFTER_SECONDS];
  // RFC 9110 §15.5.16: tells a client that compressed its body what would have been taken.
  if (refusal.code === 'media_type_not_supported') return ['Accept-Encoding', 'identity'];
  return [];
}

type ErrorBody = Omit<OperatingError, 'code'> & { readonly code: string };

function errorBody({ code, message, outcome, retry, details }: ErrorBody): string {
  return `${JSON.stringify({ error: { code, message, outcome, retry, details } })}\n`;
}
