/**
 * What is configured of a node that its peers know by the URL of its HTTP service: it has no peer
 * address, and its name is drawn with its disk.
 */

import { hostname } from 'node:os';
import { type Problems, shown } from './config_checks';
import { nodeId } from './core/ids';
import { parsePeerUrl } from './runtime/peer_url';

export const isNamedByUrl = (protocol: string): boolean =>
  protocol === 'convergent' || protocol === 'log';

/** Where a service listens, as a text too; of settings that are not checked yet. */
export function serviceAddress(host: unknown, port: unknown) {
  const name = typeof host === 'string' ? host : 'unknown';
  const number = typeof port === 'number' ? port : 0;
  const id = nodeId(`${name.includes(':') ? `[${name}]` : name}:${number}`);
  return { id, host: name, port: number };
}

/** The URL at which peers reach this node, and those at which it looks for peers. */
export function urlsFrom(
  options: { readonly publicUrl?: unknown; readonly peers?: unknown },
  place: { readonly host: string; readonly port: number } | undefined,
  problems: Problems,
): { readonly publicUrl: string; readonly peers: readonly string[] } {
  const { publicUrl, peers = [] } = options;
  if (place === undefined) {
    const isFree = publicUrl === undefined;
    problems.unless(isFree, 'publicUrl', 'is for the protocols convergent and log');
    problems.unless(options.peers === undefined, 'peers', 'is for the protocol convergent alone');
    return { publicUrl: '', peers: Object.freeze([]) };
  }
  const own = publicUrl ?? ownUrl(place, problems);
  const isUnknown = publicUrl === undefined && own === '';
  const canonicalOwn = isUnknown ? '' : canonical(own, 'publicUrl', problems);
  problems.unless(Array.isArray(peers), 'peers', 'must be a list of URLs');
  const texts: readonly unknown[] = Array.isArray(peers) ? peers : [];
  const others = texts.map((text) => canonical(text, 'peers', problems));
  const isOther = canonicalOwn === '' || !others.includes(canonicalOwn);
  problems.unless(isOther, 'peers', `must not name this node itself (${canonicalOwn})`);
  return { publicUrl: canonicalOwn, peers: Object.freeze(others) };
}

function ownUrl({ host, port }: { host: string; port: number }, problems: Problems): string {
  problems.unless(
    port !== 0,
    'httpPort',
    "must not be 0 without 'publicUrl': peers have to know it",
  );
  // Nobody can dial "all addresses"; the name of the machine is what others may know it by.
  const isEverywhere = host === '0.0.0.0' || host === '::';
  return port === 0 ? '' : `http://${serviceAddress(isEverywhere ? hostname() : host, port).id}`;
}

/** A URL in the one spelling in which URLs are compared. */
export function canonical(text: unknown, option: string, problems: Problems): string {
  const parsed = typeof text === 'string' ? parsePeerUrl(text) : { problem: 'it is no text' };
  if (!('problem' in parsed)) return parsed.url;
  problems.unless(false, option, `is not the URL of a node, ${shown(text)}: ${parsed.problem}`);
  return '';
}
