/**
 * The handshake of two nodes, as pure functions over HTTP headers; `TRANSPORT.md` draws it.
 *
 *     dialler                                      acceptor
 *        │  GET / kv-peer-version: 1                  │
 *        │ ─────────────────────────────────────────► │
 *        │  426   kv-peer-challenge: C                │
 *        │ ◄───────────────────────────────────────── │
 *        │  GET / Upgrade: quorum-kv-peer             │   who I am, whom I want, which lane,
 *        │  kv-peer-…: Hello, proof over Hello and C  │   a nonce N of mine
 *        │ ─────────────────────────────────────────► │
 *        │  101   kv-peer-…: Welcome, proof over all  │   or 4xx and one line of reason
 *        │ ◄───────────────────────────────────────── │
 *        │  frames …                                  │
 *
 * A proof is an HMAC of everything that was said, under the shared secret: it shows knowledge of
 * the secret without sending it, and is worth nothing for another connection, lane, node or
 * cluster, nor in the other direction. The dialler proves itself first, so that a stranger who
 * knocks gets nothing to guess the secret from.
 *
 * Who knows a node only by where it listens asks for `ANYBODY` there. Such an introduction is
 * answered with `200` and the welcome, and is over: what follows is a handshake with that node.
 */

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { type NodeId, nodeId } from '../core/ids';
import type { Lane } from '../core/protocol';

export const UPGRADE = 'quorum-kv-peer';
export const PROTOCOL_VERSION = 1;
/** Whoever listens at an address: to be asked for its id. */
export const ANYBODY = nodeId('*');

/** What the dialler says. */
export interface Hello {
  readonly version: number;
  readonly cluster: string;
  readonly from: NodeId;
  readonly to: NodeId;
  readonly lane: Lane;
  /** Drawn when the dialler's process started: tells a restarted node from an old connection. */
  readonly instance: string;
  /** Counts the dialler's attempts; of two on one lane the higher one is the newer one. */
  readonly epoch: number;
  /** The dialler's data folder, 0 if it has none. */
  readonly storage: number;
  readonly nonce: string;
  /** Of an introduction: where the dialler can be called back, a URL or `:port` of its address. */
  readonly callback?: string;
}

/** What the acceptor answers. */
export interface Welcome {
  readonly from: NodeId;
  readonly instance: string;
  readonly storage: number;
}

/** Why a connection is not accepted, with the HTTP status that says so. */
export interface Refusal {
  readonly status: 400 | 403 | 408 | 409 | 426 | 431 | 503;
  readonly reason: string;
}

/** What an acceptor holds a `Hello` against. */
export interface Expectation {
  readonly self: NodeId;
  readonly cluster: string;
  readonly secret: string | undefined;
  /** Whether this node is a known peer. */
  readonly knows: (id: NodeId) => boolean;
}

/** In the place of a proof: "no secret is configured here". */
const NO_SECRET = 'none';
const HEADER = 'kv-peer-';
export const VERSION_HEADER = `${HEADER}version`;
export const CHALLENGE_HEADER = `${HEADER}challenge`;
const MAX_NAME_LENGTH = 512;
const TOKEN = /^[0-9a-f]{16,64}$/;

/** A random word: a nonce or the name of an instance. */
export const drawToken = (): string => randomBytes(16).toString('hex');

export function helloHeaders(
  hello: Hello,
  challenge: string,
  secret: string | undefined,
): Record<string, string> {
  return {
    ...fieldsAsHeaders({ ...hello }),
    [`${HEADER}proof`]: prove(secret, 'dialler', transcript(hello, challenge)),
  };
}

/** Reads a `Hello`; it is well-formed but not yet believed. */
export function parseHello(headers: IncomingHttpHeaders): Hello | Refusal {
  const version = wholeNumber(headers, 'version');
  if (version === undefined) return malformed('version');
  if (version !== PROTOCOL_VERSION) {
    return {
      status: 426,
      reason: `this node speaks version ${PROTOCOL_VERSION} of the peer protocol, not ${version}`,
    };
  }
  const cluster = name(headers, 'cluster');
  if (cluster === undefined) return malformed('cluster');
  const from = name(headers, 'from');
  if (!from) return malformed('from');
  const to = name(headers, 'to');
  if (!to) return malformed('to');
  const lane = headers[`${HEADER}lane`];
  if (lane !== 'control' && lane !== 'bulk') return malformed('lane');
  const epoch = wholeNumber(headers, 'epoch');
  if (epoch === undefined) return malformed('epoch');
  const storage = wholeNumber(headers, 'storage');
  if (storage === undefined) return malformed('storage');
  const instance = token(headers, 'instance');
  if (instance === undefined) return malformed('instance');
  const nonce = token(headers, 'nonce');
  if (nonce === undefined) return malformed('nonce');
  const callback = name(headers, 'callback');
  if (callback === undefined && `${HEADER}callback` in headers) return malformed('callback');
  const ids = { from: nodeId(from), to: nodeId(to) };
  const hello: Hello = { version, cluster, ...ids, lane, epoch, storage, instance, nonce };
  return callback === undefined ? hello : { ...hello, callback };
}

/**
 * Decides about a well-formed `Hello`. The proof comes first: who cannot give it learns nothing of
 * this node, not even its cluster.
 */
export function judgeHello(
  hello: Hello,
  challenge: string | undefined,
  headers: IncomingHttpHeaders,
  expected: Expectation,
): Refusal | undefined {
  if (challenge === undefined) {
    return { status: 400, reason: `a challenge must be asked for first, on the same connection` };
  }
  const proof = headers[`${HEADER}proof`];
  const wrong = checkProof(expected.secret, 'dialler', transcript(hello, challenge), proof);
  if (wrong !== undefined) return { status: 403, reason: wrong };
  if (hello.cluster !== expected.cluster) {
    return {
      status: 403,
      reason: `this node belongs to cluster "${expected.cluster}", not "${hello.cluster}"`,
    };
  }
  if (hello.to === ANYBODY) return undefined;
  if (hello.to !== expected.self) {
    return {
      status: 403,
      reason: `this address belongs to node ${expected.self}, not ${hello.to}`,
    };
  }
  if (hello.from === expected.self) {
    return { status: 403, reason: `the dialler uses this node's own id, ${expected.self}` };
  }
  if (!expected.knows(hello.from)) {
    return { status: 403, reason: `node ${hello.from} is not a known peer of ${expected.self}` };
  }
  return undefined;
}

export function welcomeHeaders(
  welcome: Welcome,
  hello: Hello,
  challenge: string,
  secret: string | undefined,
): Record<string, string> {
  return {
    ...fieldsAsHeaders({ ...welcome }),
    [`${HEADER}proof`]: prove(secret, 'acceptor', transcript(hello, challenge, welcome)),
  };
}

/** The dialler's side of the judgement: the welcome, or why it is not believed. */
export function readWelcome(
  headers: IncomingHttpHeaders,
  hello: Hello,
  challenge: string,
  secret: string | undefined,
): Welcome | { readonly reason: string } {
  const from = name(headers, 'from');
  const instance = token(headers, 'instance');
  const storage = wholeNumber(headers, 'storage');
  if (!from || instance === undefined || storage === undefined) {
    return { reason: 'its welcome is malformed' };
  }
  const welcome = { from: nodeId(from), instance, storage };
  const said = transcript(hello, challenge, welcome);
  const wrong = checkProof(secret, 'acceptor', said, headers[`${HEADER}proof`]);
  if (wrong !== undefined) return { reason: wrong };
  if (welcome.from !== hello.to && hello.to !== ANYBODY) {
    return { reason: `this address belongs to node ${welcome.from}, not ${hello.to}` };
  }
  return welcome;
}

export const isRefusal = (value: Hello | Refusal): value is Refusal => 'reason' in value;

/** The challenge in an answer, if it is one. */
export const challengeOf = (headers: IncomingHttpHeaders): string | undefined =>
  token(headers, 'challenge');

/** Everything both ends have said, in one unambiguous text. */
export function transcript(hello: Hello, challenge: string, welcome?: Welcome): string {
  const { version, cluster, from, to, lane, instance, epoch, storage, nonce } = hello;
  const said = [version, cluster, from, to, lane, instance, epoch, storage, nonce, challenge];
  if (hello.callback !== undefined) said.push(hello.callback);
  const answered = welcome ? [welcome.from, welcome.instance, welcome.storage] : [];
  return JSON.stringify([...said, ...answered]);
}

type Role = 'dialler' | 'acceptor';

function prove(secret: string | undefined, role: Role, said: string): string {
  if (secret === undefined) return NO_SECRET;
  return createHmac('sha256', secret).update(`${UPGRADE} ${role} ${said}`).digest('hex');
}

function checkProof(
  secret: string | undefined,
  role: Role,
  said: string,
  given: string | string[] | undefined,
): string | undefined {
  if (typeof given !== 'string') return `the ${role} gave no proof of the shared secret`;
  if (secret === undefined) {
    if (given === NO_SECRET) return undefined;
    return `the ${role} uses a shared secret and the other side has none configured`;
  }
  if (given === NO_SECRET) {
    return `a shared secret is required and the ${role} has none configured`;
  }
  const expected = Buffer.from(prove(secret, role, said));
  const actual = Buffer.from(given);
  const right = expected.length === actual.length && timingSafeEqual(expected, actual);
  return right ? undefined : `the ${role}'s proof of the shared secret is wrong`;
}

function fieldsAsHeaders(fields: Record<string, string | number>): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [field, value] of Object.entries(fields)) {
    headers[HEADER + field] = encodeURIComponent(value);
  }
  return headers;
}

function name(headers: IncomingHttpHeaders, field: string): string | undefined {
  const value = headers[HEADER + field];
  if (typeof value !== 'string' || value.length > MAX_NAME_LENGTH) return undefined;
  try {
    return decodeURIComponent(value);
  } catch {
    return undefined;
  }
}

function wholeNumber(headers: IncomingHttpHeaders, field: string): number | undefined {
  const value = headers[HEADER + field];
  if (typeof value !== 'string' || !/^[0-9]{1,16}$/.test(value)) return undefined;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : undefined;
}

function token(headers: IncomingHttpHeaders, field: string): string | undefined {
  const value = headers[HEADER + field];
  return typeof value === 'string' && TOKEN.test(value) ? value : undefined;
}

function malformed(field: string): Refusal {
  return { status: 400, reason: `the header ${HEADER}${field} is missing or malformed` };
}
