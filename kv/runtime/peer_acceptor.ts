/**
 * The accepting side of the peer address. It is an HTTP server, so that whoever comes to the wrong
 * door (a browser, a health check, a node of another cluster) gets an answer that says so; only a
 * peer that passes the handshake gets further.
 *
 * Strangers are bounded in every way: the size of their headers, the time until they must have
 * passed, and their number; when there are too many the oldest has to go, because a real peer
 * needs milliseconds. Connections that have passed are two for each known peer.
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Refusal, UPGRADE } from './handshake';
import { type AcceptorOptions, asksForChallenge, Handshakes, sendRefusal } from './peer_handshakes';
import type { HostPort } from './peer_options';

const MAX_HEADER_BYTES = 8 * 1024;
const KEEP_ALIVE_AFTER_MS = 10_000;

/** A connection that has not passed the handshake. */
interface Pending {
  readonly timer: NodeJS.Timeout;
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
  private readonly handshakes: Handshakes;

  constructor(private readonly options: AcceptorOptions) {
    this.handshakes = new Handshakes(options);
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
    this.pending.set(socket, { timer, refused: false });
    // A reset is no news: 'close' follows. Without a listener it would stop the process.
    socket.on('error', () => undefined);
    socket.on('close', () => this.settle(socket));
  }

  /** Anything that is no upgrade: the first half of a handshake, or a stranger. */
  private answer(request: IncomingMessage, response: ServerResponse): void {
    const pending = this.pending.get(request.socket);
    if (!asksForChallenge(request)) {
      if (pending !== undefined) pending.refused = true;
      this.handshakes.complain(request.socket, notAPeer('sends a plain HTTP request'));
    }
    this.handshakes.answer(request, response);
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): void {
    if (request.headers.upgrade !== UPGRADE) {
      this.refuse(socket, notAPeer('asks for another protocol'));
      return;
    }
    const refusal = this.handshakes.finish(request, socket, head);
    if (refusal !== undefined) this.refuse(socket, refusal);
    else this.settle(socket);
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
    this.handshakes.complain(socket, refusal);
    sendRefusal(socket, refusal, this.options.limits.handshakeTimeoutMs);
  }

  private settle(socket: Duplex): void {
    clearTimeout(this.pending.get(socket)?.timer);
    this.pending.delete(socket);
  }
}

const notAPeer = (what: string): Refusal => ({ status: 426, reason: `the caller ${what}` });

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
