/**
 * Collecting the body of a request, within its limit.
 *
 * Almost every body comes in one chunk, and that one is handed on as it is. Node gives each chunk
 * its own memory, so a command may keep a part of it.
 */

import type { IncomingMessage } from 'node:http';
import { quoted, Refusal } from './error_status';
import { isJsonType } from './media_type';

/** Whether the request has a body, by its headers. */
export function hasBody(req: IncomingMessage): boolean {
  const length = req.headers['content-length'];
  return (length !== undefined && length !== '0') || req.headers['transfer-encoding'] !== undefined;
}

/** What the headers already say against the body; `undefined` if it may come. */
export function refuseByHeaders(req: IncomingMessage, maxBytes: number): Refusal | undefined {
  const { headers } = req;
  if (Number(headers['content-length'] ?? 0) > maxBytes) return tooLarge(maxBytes);
  const transfer = headers['transfer-encoding'];
  if (transfer !== undefined && transfer.toLowerCase() !== 'chunked') {
    return new Refusal('request_not_valid', 'The only Transfer-Encoding taken is chunked.');
  }
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    return new Refusal('media_type_not_supported', 'Send the body without a Content-Encoding.');
  }
  const type = headers['content-type'];
  if (type === undefined || isJsonType(type)) return undefined;
  return new Refusal(
    'media_type_not_supported',
    `The Content-Type is ${quoted(type)}; send the header "Content-Type: application/json" (with curl: -H 'Content-Type: application/json').`,
  );
}

/**
 * Calls `done` once, with the whole body or a refusal, but not at all if the client goes away:
 * there is nobody left to answer then, and what was collected is freed with the request.
 */
export function collectBody(
  req: IncomingMessage,
  maxBytes: number,
  done: (body: Buffer | Refusal) => void,
): void {
  let first: Buffer | undefined;
  let more: Buffer[] | undefined;
  let length = 0;
  req.on('data', onData);
  req.on('end', onEnd);

  function onData(chunk: Buffer): void {
    length += chunk.length;
    if (length > maxBytes) {
      req.off('data', onData).off('end', onEnd);
      done(tooLarge(maxBytes));
    } else if (first === undefined) first = chunk;
    else if (more === undefined) more = [first, chunk];
    else more.push(chunk);
  }

  function onEnd(): void {
    done(more === undefined ? (first ?? EMPTY) : Buffer.concat(more, length));
  }
}

const EMPTY = Buffer.alloc(0);

function tooLarge(maxBytes: number): Refusal {
  const hint = `The body has more than ${maxBytes} bytes.`;
  return new Refusal('too_large', hint, { limit: maxBytes });
}
