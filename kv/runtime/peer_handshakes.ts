/**
 * The accepting half of the handshake, whatever HTTP server the connection came to: a port of its
 * own (`peer_acceptor.ts`) or the node's HTTP service (`peer_door.ts`).
 */

import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { NodeId } from '../core/ids';
import { frameSeed } from './frame';
import {
  ANYBODY,
  CHALLENGE_HEADER,
  drawToken,
  type Expectation,
  type Hello,
  isRefusal,
  judgeHello,
  parseHello,
  type Refusal,
  transcript,
  UPGRADE,
  VERSION_HEADER,
  type Welcome,
  welcomeHeaders,
} from './handshake';
import type { Complaints } from './peer_complaints';
import type { PeerLimits } from './peer_options';
import { callbackUrl, type PeerUrl } from './peer_url';

export interface AcceptorOptions {
  readonly expectation: Expectation;
  readonly welcome: Welcome;
  readonly limits: PeerLimits;
  readonly complaints: Complaints;
  /** The last word about a peer that has proven itself. */
  refusal(hello: Hello): Refusal | undefined;
  /** A connection that passed the handshake; `head` came along with it. */
  accepted(hello: Hello, socket: Socket, seed: number, head: Uint8Array): void;
  /** Somebody that has proven itself and wants to be called back. */
  introduced(peer: PeerUrl, id: NodeId): void;
}

const POLITE = 'This is the peer port of a quorum-kv node: clients use its HTTP port.\n';

export const asksForChallenge = ({ headers }: IncomingMessage): boolean =>
  headers[VERSION_HEADER] !== undefined;

export class Handshakes {
  private readonly challenges = new WeakMap<Duplex, string>();

  constructor(private readonly options: AcceptorOptions) {}

  /** The first half. Without a challenge it is the answer to whoever came to the wrong door. */
  answer(request: IncomingMessage, response: ServerResponse): void {
    const headers = { 'content-type': 'text/plain', upgrade: UPGRADE };
    if (asksForChallenge(request)) {
      const challenge = drawToken();
      this.challenges.set(request.socket, challenge);
      response.writeHead(426, { ...headers, [CHALLENGE_HEADER]: challenge });
    } else response.writeHead(426, { ...headers, connection: 'close, upgrade' });
    response.end(POLITE);
  }

  /** The second half: the connection belongs to the transport from now on, unless it is refused. */
  finish(request: IncomingMessage, socket: Duplex, head: Uint8Array): Refusal | undefined {
    const { expectation, welcome } = this.options;
    const challenge = this.challenges.get(socket);
    const hello = parseHello(request.headers);
    if (isRefusal(hello)) return hello;
    const refusal = judgeHello(hello, challenge, request.headers, expectation);
    if (refusal !== undefined || challenge === undefined) return refusal;
    const headers = welcomeHeaders(welcome, hello, challenge, expectation.secret);
    if (hello.to === ANYBODY) return this.introduce(hello, headers, socket);
    const lastWord = this.options.refusal(hello);
    if (lastWord !== undefined) return lastWord;
    if (!(socket instanceof Socket) || socket.destroyed) return undefined;
    socket.write(responseHead(101, headers));
    const seed = frameSeed(transcript(hello, challenge, welcome));
    this.options.accepted(hello, socket, seed, head);
    return undefined;
  }

  private introduce(
    hello: Hello,
    headers: Readonly<Record<string, string>>,
    socket: Duplex,
  ): Refusal | undefined {
    const { callback, from } = hello;
    if (callback !== undefined && from !== this.options.expectation.self) {
      const remote = (socket instanceof Socket ? socket.remoteAddress : undefined) ?? '';
      const peer = callbackUrl(callback, remote);
      if ('problem' in peer) {
        return { status: 400, reason: `the dialler cannot be called back: ${peer.problem}` };
      }
      this.options.introduced(peer, from);
    }
    const last = { ...headers, 'content-length': '0', connection: 'close' };
    endWith(socket, responseHead(200, last), this.options.limits.handshakeTimeoutMs);
    return undefined;
  }

  complain(socket: Duplex, { status, reason }: Refusal): void {
    const host = (socket instanceof Socket ? socket.remoteAddress : undefined) ?? 'unknown';
    const message = 'a connection to the peer address was refused';
    this.options.complaints.warn(`accept ${host} ${status}`, reason, message, { host, status });
  }
}

/** Says why not, and ends the connection: within that time also if the other side does not. */
export function sendRefusal(socket: Duplex, { status, reason }: Refusal, withinMs: number): void {
  const body = `${reason}\n`;
  const length = String(Buffer.byteLength(body));
  const headers = { 'content-type': 'text/plain', 'content-length': length, connection: 'close' };
  endWith(socket, responseHead(status, headers) + body, withinMs);
}

function endWith(socket: Duplex, text: string, withinMs: number): void {
  socket.end(text);
  // What still arrives is thrown away, so that closing does not destroy the answer on its way.
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), withinMs);
  socket.once('close', () => clearTimeout(timer));
}

function responseHead(status: number, headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries(headers).map(([header, value]) => `${header}: ${value}\r\n`);
  const upgrade = status === 101 ? 'connection: Upgrade\r\n' : '';
  const protocol = status === 101 || status === 426 ? `upgrade: ${UPGRADE}\r\n` : '';
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${upgrade}${protocol}${lines.join('')}\r\n`;
}
