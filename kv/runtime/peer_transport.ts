/**
 * The network of a real node: one transport for all protocols, on TCP. `TRANSPORT.md` says why it
 * is made this way; `transport.ts` says what a driver may rely on.
 *
 * It owns one `PeerLink` for each known peer, and one `PeerAcceptor` or `PeerDoor`. The listener is never called
 * from within `send`, `flush`, `addPeer` or `removePeer`, and never after `close` was called.
 */

import type { Server } from 'node:http';
import { invariant } from '../core/assert';
import type { NodeId } from '../core/ids';
import type { Lane } from '../core/protocol';
import { monotonicNow } from './clock';
import {
  ANYBODY,
  drawToken,
  type Expectation,
  type Hello,
  PROTOCOL_VERSION,
  type Refusal,
} from './handshake';
import { askWho, type Introduction } from './handshake_dial';
import { PeerAcceptor } from './peer_acceptor';
import { Complaints } from './peer_complaints';
import { PeerDoor } from './peer_door';
import type { AcceptorOptions } from './peer_handshakes';
import type { LaneContext } from './peer_lane';
import { type LinkSurroundings, PeerLink, type PeerStats } from './peer_link';
import {
  DEFAULT_PEER_LIMITS,
  type HostPort,
  type PeerAddress,
  type PeerTransportOptions,
  parsePeerAddress,
} from './peer_options';
import { PeerReceiver } from './peer_receiver';
import { TICKS_PER_STALL } from './peer_sender';
import type { Transport, TransportListener } from './transport';

export class PeerTransport<Message> implements Transport<Message> {
  private readonly links = new Map<NodeId, PeerLink<Message>>();
  /** Those of the links that nobody has asked for, and when they came. */
  private readonly guests = new Map<NodeId, number>();
  private readonly context: LaneContext;
  private readonly around: LinkSurroundings;
  private readonly entrance: PeerAcceptor | PeerDoor;
  private listener: TransportListener<Message> | undefined;
  private binding: Promise<HostPort> | undefined;
  private bound: HostPort | undefined;
  private ticker: NodeJS.Timeout | undefined;
  private closing: Promise<void> | undefined;

  constructor(private readonly options: PeerTransportOptions<Message>) {
    const { self, cluster, secret, storage = 0, random = Math.random, log } = options;
    const limits = { ...DEFAULT_PEER_LIMITS, ...options.limits };
    const complaints = new Complaints(log, limits.repeatLogMs);
    let epoch = 0;
    const nextEpoch = () => ++epoch;
    const own = { self, cluster, secret, storage, instance: drawToken() };
    this.context = { ...own, limits, random, nextEpoch };
    const changed = (peer: NodeId, up: boolean) => this.listener?.link(peer, up);
    this.around = { context: this.context, log, complaints, changed };
    const ways = this.acceptorOptions();
    this.entrance = options.bind === undefined ? new PeerDoor(ways) : new PeerAcceptor(ways);
    for (const peer of options.peers) this.addPeer(peer);
  }

  listen(listener: TransportListener<Message>): void {
    this.listener = listener;
  }

  async start(): Promise<void> {
    invariant(this.listener !== undefined, 'listen must be called before start', {});
    invariant(this.closing === undefined, 'a closed transport cannot be started', {});
    const { bind } = this.options;
    if (this.entrance instanceof PeerAcceptor && bind !== undefined) {
      this.binding = this.entrance.listen(bind);
      this.bound = await this.binding;
    }
    if (this.closing !== undefined) return;
    const tickMs = this.context.limits.stallTimeoutMs / TICKS_PER_STALL;
    this.ticker = setInterval(() => this.tick(), tickMs);
    for (const link of this.links.values()) link.start();
  }

  /** Where it listens; the port is the real one, also when port 0 was asked for. */
  get address(): HostPort {
    invariant(this.bound !== undefined, 'a transport has an address only once it has started', {});
    return this.bound;
  }

  /**
   * Without a `bind`: peers come to this server from now on. To be called once, when the server has
   * its own listeners and before it listens; the server stays its owner's to close.
   */
  attach(server: Server): void {
    invariant(this.entrance instanceof PeerDoor, 'a transport has one place to listen', {});
    this.entrance.attach(server);
  }

  /**
   * Asks who listens at an address; the answer is proven as in a handshake. `callMeBack` tells the
   * other side of this node too (`introduced`). `done` is called once, unless it is given up before
   * by the function that is returned.
   */
  ask(
    address: HostPort & { readonly path?: string },
    callMeBack: boolean,
    done: (answer: Introduction) => void,
  ): () => void {
    const { self, cluster, secret, storage, instance, limits } = this.context;
    const names = { version: PROTOCOL_VERSION, cluster, from: self, to: ANYBODY };
    const rest = { instance, epoch: 0, storage, nonce: drawToken() };
    const hello: Hello = { ...names, lane: 'control', ...rest };
    const callback = callMeBack ? this.callback : undefined;
    const order = {
      ...{ address, secret },
      hello: callback === undefined ? hello : { ...hello, callback },
      connectTimeoutMs: limits.connectTimeoutMs,
      handshakeTimeoutMs: limits.handshakeTimeoutMs,
    };
    return askWho(order, (answer) => {
      const isTwin = answer.ok && answer.welcome.from === self;
      if (!isTwin || answer.welcome.instance === instance) return done(answer);
      const reason = `another process there has this node's id, ${self}: is its data folder a copy?`;
      done({ ok: false, refused: true, reason });
    });
  }

  private get callback(): string | undefined {
    const { publicUrl } = this.options;
    if (publicUrl !== undefined) return publicUrl;
    const port = this.entrance instanceof PeerDoor ? this.entrance.port : undefined;
    return port === undefined ? undefined : `:${port}`;
  }

  /** Makes a node known. The same id at another address takes the place of the old one. */
  addPeer(peer: PeerAddress): void {
    invariant(peer.id !== this.context.self, 'a node is not its own peer', { peer: peer.id });
    this.guests.delete(peer.id);
    const known = this.links.get(peer.id)?.peer;
    if (known !== undefined && isSamePlace(known, peer)) return;
    this.removePeer(peer.id);
    const link = new PeerLink<Message>(peer, this.around);
    this.links.set(peer.id, link);
    if (this.ticker !== undefined) link.start();
  }

  /** Forgets a node: its connections end, and it is a stranger from now on. */
  removePeer(id: NodeId): void {
    const link = this.links.get(id);
    this.links.delete(id);
    this.guests.delete(id);
    void link?.stop();
  }

  send(to: NodeId, lane: Lane, message: Message): void {
    this.links.get(to)?.send(lane, () => this.options.codec.encode(message));
  }

  flush(): void {
    for (const link of this.links.values()) link.flush();
  }

  connected(peer: NodeId): boolean {
    return this.links.get(peer)?.up ?? false;
  }

  stats(): ReadonlyMap<NodeId, PeerStats> {
    return new Map([...this.links].map(([id, link]) => [id, link.stats()]));
  }

  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    clearInterval(this.ticker);
    this.ticker = undefined;
    this.listener = undefined;
    const ends = [...this.links.values()].map((link) => link.stop());
    // A server that is about to listen cannot be closed yet; whether it succeeds is for `start`.
    await this.binding?.catch(() => undefined);
    if (this.entrance instanceof PeerAcceptor) ends.push(this.entrance.close());
    await Promise.all(ends);
  }

  private tick(): void {
    const { guestMs } = this.context.limits;
    for (const [id, since] of this.guests) {
      if (monotonicNow() - since > guestMs) this.removePeer(id);
    }
    for (const link of this.links.values()) link.tick();
  }

  private acceptorOptions(): AcceptorOptions {
    const { self, cluster, secret, instance, storage, limits } = this.context;
    const knows = (id: NodeId) => this.links.has(id) || this.mayAdmit(id);
    const expectation: Expectation = { self, cluster, secret, knows };
    return {
      expectation,
      welcome: { from: self, instance, storage },
      limits,
      complaints: this.around.complaints,
      refusal: (hello) => this.refusal(hello),
      accepted: (hello, socket, seed, head) => {
        const link = this.links.get(hello.from);
        invariant(link !== undefined, 'only known peers are accepted', { from: hello.from });
        const { maxFrameBytes } = limits;
        const { codec } = this.options;
        const receiver = new PeerReceiver(hello, socket, seed, maxFrameBytes, codec, {
          message: (message, bytes) => {
            link.received(hello.lane, bytes);
            this.listener?.message(hello.from, message);
          },
          closed: (reason, malformed) => link.dropped(receiver, reason, malformed),
        });
        link.accept(receiver);
        receiver.push(head);
      },
      introduced: (peer, id) => {
        if (this.closing === undefined) this.options.introduced?.(peer, id);
      },
    };
  }

  private mayAdmit(id: NodeId): boolean {
    const { admitsGuests = false } = this.options;
    const isRoom = this.guests.size < this.context.limits.maxGuests;
    return admitsGuests && isRoom && parsePeerAddress(id) !== undefined;
  }

  /** A stranger that has proven itself: called back at the address that is its id. */
  private admit(id: NodeId): void {
    const address = parsePeerAddress(id);
    if (address === undefined || this.links.has(id)) return;
    this.addPeer(address);
    this.guests.set(id, monotonicNow());
  }

  private refusal(hello: Hello): Refusal | undefined {
    if (this.closing !== undefined) return { status: 503, reason: 'this node is stopping' };
    if (this.mayAdmit(hello.from)) this.admit(hello.from);
    return this.links.get(hello.from)?.refusal(hello);
  }
}

const isSamePlace = (a: PeerAddress, b: PeerAddress): boolean =>
  a.host === b.host && a.port === b.port && a.path === b.path;
