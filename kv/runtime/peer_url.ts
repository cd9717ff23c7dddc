/** Where a node is found that is known by the URL of its HTTP service. */

import type { HostPort } from './peer_options';

export interface PeerUrl extends HostPort {
  /** Written in one way only: with its port and without a slash at its end. */
  readonly url: string;
  /** What requests are sent to; `/` unless something in front tells nodes apart by it. */
  readonly path: string;
}

const MAX_LENGTH = 512;

/** Reads a URL; answers with one sentence when it is none that a peer can have. */
export function parsePeerUrl(text: string): PeerUrl | { readonly problem: string } {
  if (text.length > MAX_LENGTH) return { problem: `it has more than ${MAX_LENGTH} characters` };
  let parsed: URL;
  try {
    parsed = new URL(text);
  } catch {
    return { problem: 'it is not a URL, like http://localhost:8001' };
  }
  if (parsed.protocol !== 'http:') return { problem: 'it must begin with http://' };
  if (parsed.username !== '' || parsed.password !== '') {
    return { problem: 'it must not carry a user name or a password' };
  }
  if (parsed.search !== '' || parsed.hash !== '') return { problem: 'it must end with its path' };
  const port = parsed.port === '' ? 80 : Number(parsed.port);
  if (port === 0) return { problem: 'its port must be from 1 to 65535' };
  const path = parsed.pathname.replace(/\/+$/, '');
  const url = `http://${parsed.hostname}:${port}${path}`;
  const host = parsed.hostname.replace(/^\[(.*)\]$/, '$1');
  return { url, host, port, path: path === '' ? '/' : path };
}

/** What a caller says of where it can be called back: a URL, or a port of the address it has. */
export function callbackUrl(said: string, remoteAddress: string): ReturnType<typeof parsePeerUrl> {
  if (!said.startsWith(':')) return parsePeerUrl(said);
  const plain = remoteAddress.replace(/^::ffff:(?=[0-9.]+$)/, '');
  return parsePeerUrl(`http://${plain.includes(':') ? `[${plain}]` : plain}${said}`);
}
