/**
 * A small network of real peer transports. Every node dials the others through a relay of this
 * file, so that a test can cut a link, or freeze it so that packets seem to vanish.
 */

import { createServer as createHttpServer } from 'node:http';
import { createServer, connect as dialTcp, type Server, type Socket } from 'node:net';
import type { NodeId } from '../../kv/core/ids';
import type { PeerTransportOptions } from '../../kv/runtime/peer_options';
import { PeerTransport } from '../../kv/runtime/peer_transport';
import { Lookout, MemoryLog, NOTES, type Note } from './peer_support';

/** Patient where a slow machine needs it, quick where a test would wait. */
export const QUICK = { minRedialMs: 1, maxRedialMs: 20, maxRefusedRedialMs: 20 };

const FREEZE_FROM_BYTES = 20_000;

export type Extra = Partial<Omit<PeerTransportOptions<Note>, 'self' | 'bind' | 'codec'>>;

/** Forwards connections to a port that may change, until it is cut. */
export class Relay {
  private readonly sockets = new Set<Socket>();
  private server: Server | undefined;
  private cutOff = false;
  private frozen = false;
  target = 0;
  port = 0;
  /** How many connections were ever made, and the bytes that came in through all of them. */
  connections = 0;
  bytes = 0;
  /** From now on, connections are frozen once they have carried a good deal: those in bulk. */
  freezeLargest = false;
  private readonly lookout = new Lookout();

  static async open(): Promise<Relay> {
    const relay = new Relay();
    const server = createServer((socket) => relay.forward(socket));
    relay.server = server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
    const address = server.address();
    if (address !== null && typeof address === 'object') relay.port = address.port;
    return relay;
  }

  cut(): void {
    this.cutOff = true;
    this.reset();
  }

  heal(): void {
    this.cutOff = false;
    this.frozen = false;
    for (const socket of this.sockets) socket.resume();
  }

  /** From now on bytes go nowhere, and nobody is told. */
  freeze(): void {
    this.frozen = true;
    for (const socket of this.sockets) socket.pause();
  }

  reset(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  /** Resolves when `condition` holds; it is looked at with every connection. */
  until(condition: () => boolean): Promise<void> {
    return this.lookout.until(condition);
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.server?.close(() => resolve()));
  }

  private forward(inward: Socket): void {
    this.connections++;
    this.lookout.look();
    if (this.cutOff || this.target === 0) {
      inward.on('error', () => undefined);
      inward.resetAndDestroy();
      return;
    }
    const outward = dialTcp(this.target, '127.0.0.1');
    this.join(inward, outward);
    this.join(outward, inward);
    inward.on('data', (chunk) => {
      this.bytes += chunk.length;
      if (this.freezeLargest && inward.bytesRead > FREEZE_FROM_BYTES) inward.pause();
    });
    if (this.frozen) for (const socket of [inward, outward]) socket.pause();
  }

  private join(from: Socket, to: Socket): void {
    this.sockets.add(from);
    from.setNoDelay(true);
    from.on('data', (chunk) => to.write(chunk));
    from.on('end', () => to.end());
    from.on('error', () => to.destroy());
    from.on('close', () => {
      this.sockets.delete(from);
      to.destroy();
    });
  }
}

export class PeerWorld {
  readonly logs = new Map<NodeId, MemoryLog>();
  /** By who is dialled. */
  private readonly relays = new Map<NodeId, Relay>();

  private constructor(
    readonly ids: readonly [NodeId, NodeId],
    private readonly extra: Extra,
    private readonly attached: boolean,
  ) {}

  /** `attached`: the peers come to an HTTP server that is there for others too. */
  static async open(
    ids: readonly [NodeId, NodeId],
    extra: Extra = {},
    attached = false,
  ): Promise<PeerWorld> {
    const world = new PeerWorld(ids, extra, attached);
    for (const id of ids) world.relays.set(id, await Relay.open());
    return world;
  }

  relay(id: NodeId): Relay {
    const relay = this.relays.get(id);
    if (relay === undefined) throw new Error(`there is no node ${id}`);
    return relay;
  }

  log(id: NodeId): MemoryLog {
    const log = this.logs.get(id) ?? new MemoryLog();
    this.logs.set(id, log);
    return log;
  }

  async make(id: NodeId, extra: Extra = {}): Promise<PeerTransport<Note>> {
    const relay = this.relay(id);
    const peers = this.ids
      .filter((other) => other !== id)
      .map((other) => ({ id: other, host: '127.0.0.1', port: this.relay(other).port }));
    const bind = { host: '127.0.0.1', port: 0 };
    const common = { cluster: 'test', peers, log: this.log(id), limits: QUICK };
    const options = { self: id, bind, codec: NOTES, ...common, ...this.extra, ...extra };
    if (this.attached) return this.attach(relay, options);
    const transport = new PeerTransport<Note>(options);
    const start = transport.start.bind(transport);
    transport.start = async () => {
      await start();
      relay.target = transport.address.port;
    };
    return transport;
  }

  private attach(
    relay: Relay,
    { bind: _none, ...options }: PeerTransportOptions<Note>,
  ): PeerTransport<Note> {
    const transport = new PeerTransport<Note>(options);
    const server = createHttpServer((_request, response) => response.end('for others'));
    transport.attach(server);
    const [start, close] = [transport.start.bind(transport), transport.close.bind(transport)];
    transport.start = async () => {
      await start();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const address = server.address();
      if (address !== null && typeof address === 'object') relay.target = address.port;
    };
    transport.close = async () => {
      await close();
      server.closeAllConnections();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    };
    return transport;
  }

  cut(): void {
    for (const relay of this.relays.values()) relay.cut();
  }

  heal(): void {
    for (const relay of this.relays.values()) relay.heal();
  }

  async close(): Promise<void> {
    for (const relay of this.relays.values()) await relay.close();
  }
}
