/**
 * The accepting side where nodes are known by the URL of their HTTP service: peers come to the very
 * port that clients use. Only what is addressed to the transport is taken out of the server's
 * stream of requests; everything else goes where it went before.
 *
 * Strangers are bounded by the limits of that server (connections, headers, time). What the server
 * gives out of its hands, an upgraded connection, has a limit here until it has passed.
 */

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { invariant } from '../core/assert';
import { UPGRADE } from './handshake';
import { type AcceptorOptions, asksForChallenge, Handshakes, sendRefusal } from './peer_handshakes';

const KEEP_ALIVE_AFTER_MS = 10_000;

export class PeerDoor {
  private readonly handshakes: Handshakes;
  private server: Server | undefined;
  /** The answer to the last request of each connection. */
  private readonly newest = new WeakMap<Duplex, ServerResponse>();

  constructor(private readonly options: AcceptorOptions) {
    this.handshakes = new Handshakes(options);
  }

  /** To be called once, when the server has its own listeners and before it listens. */
  attach(server: Server): void {
    invariant(this.server === undefined, 'a transport is attached to one server', {});
    this.server = server;
    const others = server.listeners('request');
    server.removeAllListeners('request');
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.newest.set(request.socket, response);
      if (asksForChallenge(request)) this.handshakes.answer(request, response);
      else for (const listener of others) listener.call(server, request, response);
    });
    server.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head));
  }

  /** The port of that server; undefined while it does not listen. */
  get port(): number | undefined {
    const address = this.server?.address() ?? null;
    return typeof address === 'object' ? address?.port : undefined;
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // The server listens to errors no more, and they are no news: 'close' follows.
    socket.on('error', () => undefined);
    if (request.headers.upgrade !== UPGRADE) {
      this.giveBack(request, socket, head);
      return;
    }
    const refusal = this.handshakes.finish(request, socket, head);
    if (refusal === undefined) {
      if (socket instanceof Socket) socket.setKeepAlive(true, KEEP_ALIVE_AFTER_MS).setNoDelay(true);
      return;
    }
    this.handshakes.complain(socket, refusal);
    sendRefusal(socket, refusal, this.options.limits.handshakeTimeoutMs);
  }

  /**
   * An upgrade to a protocol that is not known here is to be ignored, as curl's to HTTP/2: the
   * request goes on without it. Node has let go of the connection, so it is handed back as a new
   * one, with what had been read of it.
   */
  private giveBack(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { server } = this;
    const earlier = this.newest.get(socket);
    if (earlier !== undefined && !earlier.writableFinished) {
      earlier.once('finish', () => this.giveBack(request, socket, head));
      return;
    }
    if (socket.destroyed) return;
    socket.unshift(head);
    socket.unshift(Buffer.from(headWithoutUpgrade(request), 'latin1'));
    server?.emit('connection', socket);
  }
}

function headWithoutUpgrade({ method, url, httpVersion, rawHeaders }: IncomingMessage): string {
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    const value = rawHeaders[i + 1] as string;
    if (/^(upgrade|http2-settings)$/i.test(name)) continue;
    const isConnection = /^connection$/i.test(name);
    const kept = isConnection ? withoutWords(value) : value;
    if (!isConnection || kept !== '') lines.push(`${name}: ${kept}`);
  }
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** The words of a `Connection` header that still mean something. */
const withoutWords = (value: string): string =>
  value
    .split(',')
    .map((word) => word.trim())
    .filter((word) => !/^(upgrade|http2-settings)$/i.test(word))
    .join(', ');
