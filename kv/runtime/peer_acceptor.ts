/**
 * The accepting side of the peer address. It is an HTTP server, so that whoever comes to the wrong
 * door (a browser, a health check, a node of another cluster) gets an answer that says so; only a
 * peer that passes the handshake gets further.
 *
 * Strangers are bounded in every way: the size of their headers, the time until they must have
 * passed, and their number; when there are too many the oldest has to go, because a real peer
 * needs milliseconds. Connections that have passed are two for each known peer.
 */

import { createServer, type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { frameSeed } from './frame';
import {
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
import type { HostPort, PeerLimits } from './peer_options';

export interface AcceptorOptions {
  readonly expectation: Expectation;
  readonly welcome: Welcome;
  readonly limits: PeerLimits;
  readonly complaints: Complaints;
  /** The last word about a peer that has proven itself. */
  refusal(hello: Hello): Refusal | undefined;
  /** A connection that passed the handshake; `head` came along with it. */
  accepted(hello: Hello, socket: Socket, seed: number, head: Uint8Array): void;
}

const MAX_HEADER_BYTES = 8 * 1024;
const KEEP_ALIVE_AFTER_MS = 10_000;
const POLITE = 'This is the peer port of a quorum-kv node: clients use its HTTP port.\n';

/** A connection that has not passed the handshake. */
interface Pending {
  readonly timer: NodeJS.Timeout;
  challenge: string | undefined;
  /** Its end has begun. */
  refused: boolean;
}

export class PeerAcceptor {
  private readonly server = createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    requireHostHeader: false,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_AFTER_MS,
    noDelay: true,
  });
  /** In the order of their arrival. */
  private readonly pending = new Map<Duplex, Pending>();

  constructor(private readonly options: AcceptorOptions) {
    this.server.on('connection', (socket) => this.connected(socket));
    this.server.on('request', (request, response) => this.answer(request, response));
    this.server.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head));
    this.server.on('connect', (_, socket) => this.refuse(socket, notAPeer('uses CONNECT')));
    this.server.on('clientError', (error, socket) => this.failed(error, socket));
  }

  /** Rejects with one clear sentence when the address cannot be bound. */
  async listen({ host, port }: HostPort): Promise<HostPort> {
    await new Promise<void>((resolve, reject) => {
      this.server.on('error', (error: NodeJS.ErrnoException) => {
        // Once it listens, an error is that one connection could not be accepted.
        if (this.server.listening) this.acceptFailed(error);
        else reject(new Error(cannotBind(host, port, error), { cause: error }));
      });
      this.server.listen({ host, port, exclusive: true }, () => resolve());
    });
    const address = this.server.address();
    return { host, port: typeof address === 'object' && address !== null ? address.port : port };
  }

  /** Accepts no more; ends all connections that have not passed the handshake. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const [socket, { timer }] of this.pending) {
      clearTimeout(timer);
      socket.destroy();
    }
    await closed;
  }

  private acceptFailed({ message: reason }: Error): void {
    this.options.complaints.warn('accept', reason, 'a connection could not be accepted', {});
  }

  private connected(socket: Socket): void {
    if (this.pending.size >= this.options.limits.maxPendingConnections) {
      for (const [oldest] of this.pending) {
        this.refuse(oldest, { status: 503, reason: 'too many connections before their handshake' });
        oldest.destroy();
        break;
      }
    }
    const ms = this.options.limits.handshakeTimeoutMs;
    const timer = setTimeout(() => {
      this.refuse(socket, { status: 408, reason: `no handshake within ${ms} ms` });
      socket.destroy();
    }, ms);
    this.pending.set(socket, { timer, challenge: undefined, refused: false });
    // A reset is no news: 'close' follows. Without a listener it would stop the process.
    socket.on('error', () => undefined);
    socket.on('close', () => this.settle(socket));
  }

  /** Anything that is no upgrade: the first half of a handshake, or a stranger. */
  private answer(request: IncomingMessage, response: ServerResponse): void {
    const pending = this.pending.get(request.socket);
    const headers = { 'content-type': 'text/plain', upgrade: UPGRADE };
    if (pending !== undefined && request.headers[VERSION_HEADER] !== undefined) {
      pending.challenge = drawToken();
      response.writeHead(426, { ...headers, [CHALLENGE_HEADER]: pending.challenge });
    } else {
      if (pending !== undefined) pending.refused = true;
      this.complain(request.socket, notAPeer('sends a plain HTTP request'));
      response.writeHead(426, { ...headers, connection: 'close, upgrade' });
    }
    response.end(POLITE);
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): void {
    if (request.headers.upgrade !== UPGRADE) {
      this.refuse(socket, notAPeer('asks for another protocol'));
      return;
    }
    const { expectation, welcome } = this.options;
    const challenge = this.pending.get(socket)?.challenge;
    const hello = parseHello(request.headers);
    const refusal = isRefusal(hello)
      ? hello
      : (judgeHello(hello, challenge, request.headers, expectation) ?? this.options.refusal(hello));
    if (refusal !== undefined || isRefusal(hello) || challenge === undefined) {
      if (refusal !== undefined) this.refuse(socket, refusal);
      return;
    }
    if (!(socket instanceof Socket) || socket.destroyed) return;
    this.settle(socket);
    socket.write(responseHead(101, welcomeHeaders(welcome, hello, challenge, expectation.secret)));
    const seed = frameSeed(transcript(hello, challenge, welcome));
    this.options.accepted(hello, socket, seed, head);
  }

  /** What is not HTTP at all, or is cut off. */
  private failed(error: NodeJS.ErrnoException, socket: Duplex): void {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const overflow = error.code === 'HPE_HEADER_OVERFLOW';
    if (overflow) this.refuse(socket, { status: 431, reason: 'its headers are too large' });
    else this.refuse(socket, { status: 400, reason: 'what it sends is not HTTP' });
  }

  /** One answer, one line in the log, and the end of the connection. */
  private refuse(socket: Duplex, refusal: Refusal): void {
    const pending = this.pending.get(socket);
    if (pending === undefined || pending.refused) return;
    pending.refused = true;
    this.complain(socket, refusal);
    const { status, reason } = refusal;
    const body = `${reason}\n`;
    const length = String(Buffer.byteLength(body));
    const headers = { 'content-type': 'text/plain', 'content-length': length };
    socket.end(responseHead(status, { ...headers, connection: 'close' }) + body);
    // What still arrives is thrown away, so that closing does not destroy the answer on its way;
    // the time-out of the handshake ends a stranger that does not close.
    socket.resume();
  }

  private complain(socket: Duplex, { status, reason }: Refusal): void {
    const host = (socket instanceof Socket ? socket.remoteAddress : undefined) ?? 'unknown';
    const message = 'a connection to the peer address was refused';
    this.options.complaints.warn(`accept ${host} ${status}`, reason, message, { host, status });
  }

  private settle(socket: Duplex): void {
    clearTimeout(this.pending.get(socket)?.timer);
    this.pending.delete(socket);
  }
}

const notAPeer = (what: string): Refusal => ({ status: 426, reason: `the caller ${what}` });

function responseHead(status: number, headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries(headers).map(([header, value]) => `${header}: ${value}\r\n`);
  const upgrade = status === 101 ? 'connection: Upgrade\r\n' : '';
  const protocol = status === 101 || status === 426 ? `upgrade: ${UPGRADE}\r\n` : '';
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${upgrade}${protocol}${lines.join('')}\r\n`;
}

function cannotBind(host: string, port: number, error: NodeJS.ErrnoException): string {
  const where = `the peer address ${host}:${port}`;
  if (error.code === 'EADDRINUSE') {
    return `${where} is in use: is this node already running, or does another program listen there?`;
  }
  if (error.code === 'EADDRNOTAVAIL') {
    return `${where} is not an address of this machine: give another host to listen on`;
  }
  if (error.code === 'EACCES') return `${where} may not be used: choose a port above 1023`;
  return `${where} cannot be used: ${error.message}`;
}
