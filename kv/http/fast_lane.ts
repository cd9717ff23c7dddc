/**
 * The fast lane: connections that are served without `node:http`.
 *
 * Every connection begins here. As long as a client sends nothing but plain requests on keys, its
 * bytes are parsed (`lane_request.ts`) and answered (`lane_connection.ts`) without making a request
 * and a response object for each; with the first thing that is not plain the connection goes to
 * `node:http`, with every byte that was not answered, and stays there. So all that is rare (other
 * paths, chunked bodies, upgrades, refusals) is done in one place, the one that was there before.
 */

import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { invariant } from '../core/assert';
import type { KeyValueService } from '../service';
import { type Lane, LaneConnection } from './lane_connection';
import { LaneReplies } from './lane_replies';
import type { HttpSettings } from './options';

/** How many sweeps there are in the shortest of the timeouts. */
const SWEEPS_IN_TIMEOUT = 4;

export class FastLane implements Lane {
  readonly replies: LaneReplies;
  draining = false;
  sweeps = 0;
  private readonly connections = new Set<LaneConnection>();
  private unflushed: LaneConnection[] = [];
  private sweeper: NodeJS.Timeout | undefined;
  /** What `node:http` does with a connection. */
  private readonly toHttp: (socket: Socket) => void;

  /** Takes the place of the server's own listener for connections, which must be its only one. */
  constructor(
    private readonly server: Server,
    readonly service: KeyValueService,
    readonly settings: HttpSettings,
  ) {
    const [listener, ...others] = server.listeners('connection');
    invariant(listener !== undefined && others.length === 0, 'a new server listens once', {});
    this.toHttp = (socket) => listener.call(server, socket);
    this.replies = new LaneReplies(settings.keepAliveTimeoutMs);
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => {
      this.connections.add(new LaneConnection(this, socket));
    });
    this.sweepWhileListening();
  }

  flushSoon(connection: LaneConnection): void {
    // After the driver's turn: what goes to the peers has been sent by then.
    if (this.unflushed.length === 0) process.nextTick(this.flush);
    this.unflushed.push(connection);
  }

  left(connection: LaneConnection, unread: Buffer, ended: boolean): void {
    const { socket } = connection;
    this.connections.delete(connection);
    if (socket.destroyed) return;
    this.toHttp(socket);
    if (ended) {
      // A stream that has ended takes nothing back, so it is told to `node:http` as it was told here.
      if (unread.length > 0) socket.emit('data', unread);
      socket.emit('end');
      return;
    }
    if (unread.length > 0) socket.unshift(unread);
    socket.resume();
  }

  closed(connection: LaneConnection): void {
    this.connections.delete(connection);
  }

  /**
   * Ends what is idle after `lingerMs`, and everything else with its last answer; new requests leave
   * the lane.
   */
  drain(lingerMs: number): void {
    this.draining = true;
    for (const connection of this.connections) connection.drain();
    const linger = setTimeout(() => {
      for (const connection of this.connections) connection.endIfIdle();
    }, lingerMs);
    this.server.on('close', () => clearTimeout(linger));
  }

  /** Closes all connections at once. */
  cut(): void {
    for (const { socket } of this.connections) socket.destroy();
  }

  private readonly flush = (): void => {
    const connections = this.unflushed;
    this.unflushed = [];
    for (const connection of connections) connection.flush();
  };

  /** One timer for all connections, which must not keep a process alive. */
  private sweepWhileListening(): void {
    const { headersTimeoutMs, requestTimeoutMs, keepAliveTimeoutMs } = this.settings;
    const shortest = Math.min(headersTimeoutMs, requestTimeoutMs, keepAliveTimeoutMs);
    const everyMs = Math.ceil(shortest / SWEEPS_IN_TIMEOUT);
    const idle = Math.ceil(keepAliveTimeoutMs / everyMs);
    const silent = Math.ceil(headersTimeoutMs / everyMs);
    this.server.on('listening', () => {
      this.sweeper = setInterval(() => {
        this.sweeps++;
        for (const connection of this.connections) connection.sweep(idle, silent);
      }, everyMs).unref();
    });
    this.server.on('close', () => clearInterval(this.sweeper));
  }
}
