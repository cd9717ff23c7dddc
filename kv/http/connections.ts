/**
 * The open connections of an HTTP server, and how they are brought to a peaceful end. Those in the
 * fast lane end themselves; here they are told when.
 */

import type { Server, ServerResponse } from 'node:http';
import { type Socket, Server as TcpServer } from 'node:net';
import type { FastLane } from './fast_lane';

/** Connections become idle in many ways, so a drain looks again and again. */
const SWEEP_MS = 20;
/**
 * How long connections that are idle when a drain begins stay open. A client that is busy sends its
 * next request within this time, and is told that the node stops, and that nothing was done; if the
 * connection were closed under it, it would not know.
 */
const LINGER_MS = 100;

export class Connections {
  /** The reply to the last request of each connection. */
  private readonly newest = new Map<Socket, ServerResponse>();
  private drained: Promise<void> | undefined;

  constructor(
    private readonly server: Server,
    private readonly drainTimeoutMs: number,
    private readonly lane: FastLane | undefined,
  ) {
    server.on('connection', (socket: Socket) => {
      socket.once('close', () => this.newest.delete(socket));
    });
  }

  /** To be called for each request, before anything else. */
  began(res: ServerResponse): void {
    this.newest.set(res.req.socket, res);
    if (this.draining) res.shouldKeepAlive = false;
  }

  newestReply(socket: Socket): ServerResponse | undefined {
    return this.newest.get(socket);
  }

  get draining(): boolean {
    return this.drained !== undefined;
  }

  drain(): Promise<void> {
    if (this.drained === undefined) {
      this.drained = this.beginDrain();
      // Connections that leave the lane now find a server that drains.
      this.lane?.drain(LINGER_MS);
    }
    return this.drained;
  }

  /** Closes all connections at once, whatever is under way. */
  cut(): void {
    this.lane?.cut();
    this.server.closeAllConnections();
  }

  /** The last answer of each connection says that it is the last; those before it do not. */
  private beginDrain(): Promise<void> {
    for (const res of this.newest.values()) res.shouldKeepAlive = false;
    return new Promise((resolve) => {
      const from = performance.now() + LINGER_MS;
      const sweep = setInterval(() => {
        if (performance.now() >= from) this.closeIdle();
      }, SWEEP_MS);
      const deadline = setTimeout(() => this.cut(), this.drainTimeoutMs);
      // The `close` of an HTTP server would cut answers that are still being sent, see `closeIdle`.
      TcpServer.prototype.close.call(this.server, () => {
        clearInterval(sweep);
        clearTimeout(deadline);
        this.server.close(); // Ends its timers too.
        resolve();
      });
    });
  }

  /** Node calls a connection idle although its last answer waits for a slow reader; we do not. */
  private closeIdle(): void {
    for (const res of this.newest.values()) if (res.writableEnded && !res.writableFinished) return;
    this.server.closeIdleConnections();
  }
}
