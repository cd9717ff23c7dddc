/**
 * The header Host, which every request of HTTP/1.1 must have, and no request twice or with a value
 * that names no host (RFC 9112 §3.2). Node looks for none of this in a way that could be answered
 * with a body, and takes the first of two: a proxy in front may have taken the second.
 */

import type { IncomingMessage } from 'node:http';
import { quoted, Refusal } from './error_status';

/** What is wrong with the Host of a request. */
export function wrongHost(req: IncomingMessage): Refusal | undefined {
  const { host } = req.headers;
  if (host === undefined) return req.httpVersion === '1.1' ? MISSING : undefined;
  if (!HOST.test(host)) {
    return new Refusal('request_not_valid', `The header Host names no host: ${quoted(host)}.`);
  }
  return isOnce(req.rawHeaders) ? undefined : TWICE;
}

/** `uri-host [":" port]` (RFC 3986 §3.2.2), which may be empty. */
const HOST =
  /^(?:\[[\w\-.~!$&'()*+,;=:%]+\]|(?:[\w\-.~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?$/;

/** Names and values by turns, as they came. */
function isOnce(rawHeaders: readonly string[]): boolean {
  let count = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') count++;
  }
  return count === 1;
}

const MISSING = new Refusal('request_not_valid', 'HTTP/1.1 requires the header Host.');
const TWICE = new Refusal('request_not_valid', 'The header Host may be there only once.');
