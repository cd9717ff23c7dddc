/**
 * A network within one process, for tests of what stands on a transport. It keeps the promises of
 * `PeerTransport`: ordered lanes, nothing delivered within a call of `send` or `flush`, messages
 * encoded and decoded on the way, and what is under way is lost when a link is cut.
 */

import type { NodeId } from '../core/ids';
import type { Lane, MessageCodec } from '../core/protocol';
import type { Transport, TransportListener } from './transport';

/** Who is on the network, and which links are cut. */
export class MemoryNetwork<Message> {
  private readonly nodes = new Map<NodeId, MemoryTransport<Message>>();
  private readonly cuts = new Set<string>();

  constructor(private readonly codec: MessageCodec<Message>) {}

  /** A transport of one node; one that was closed may be followed by another of the same id. */
  transport(self: NodeId, peers: readonly NodeId[]): MemoryTransport<Message> {
    return new MemoryTransport(self, peers, this, this.codec);
  }

  /** Cuts the link between two nodes, in both directions. */
  cut(a: NodeId, b: NodeId): void {
    this.cuts.add(linkName(a, b));
    this.refresh();
  }

  heal(a: NodeId, b: NodeId): void {
    this.cuts.delete(linkName(a, b));
    this.refresh();
  }

  /** @internal */
  join(node: MemoryTransport<Message>): void {
    this.nodes.set(node.self, node);
    this.refresh();
  }

  /** @internal */
  leave(node: MemoryTransport<Message>): void {
    if (this.nodes.get(node.self) === node) this.nodes.delete(node.self);
    this.refresh();
  }

  /** @internal The node at the other end, if it can be reached and knows `from`. */
  reach(from: NodeId, to: NodeId): MemoryTransport<Message> | undefined {
    const node = this.nodes.get(to);
    return node?.knows(from) && !this.cuts.has(linkName(from, to)) ? node : undefined;
  }

  private refresh(): void {
    for (const node of this.nodes.values()) node.refresh();
  }
}

/** One life of a link, seen from one of its ends: a cut link that heals is a new one. */
interface End<Message> {
  readonly node: MemoryTransport<Message>;
}

interface Queued<Message> {
  readonly to: NodeId;
  readonly lane: Lane;
  readonly message: Message;
}

export class MemoryTransport<Message> implements Transport<Message> {
  /** The peers that are connected. */
  private readonly ends = new Map<NodeId, End<Message>>();
  private readonly peers: ReadonlySet<NodeId>;
  private queue: Queued<Message>[] = [];
  private listener: TransportListener<Message> | undefined;
  private open = false;

  constructor(
    readonly self: NodeId,
    peers: readonly NodeId[],
    private readonly network: MemoryNetwork<Message>,
    private readonly codec: MessageCodec<Message>,
  ) {
    this.peers = new Set(peers);
  }

  listen(listener: TransportListener<Message>): void {
    this.listener = listener;
  }

  async start(): Promise<void> {
    this.open = true;
    this.network.join(this);
  }

  send(to: NodeId, lane: Lane, message: Message): void {
    if (this.ends.has(to)) this.queue.push({ to, lane, message });
  }

  flush(): void {
    const queue = this.queue;
    this.queue = [];
    for (const { to, message } of queue) {
      const end = this.ends.get(to);
      if (end === undefined) continue;
      const body = joined(this.codec.encode(message));
      setImmediate(() => {
        // Lost, unless it is still the same link that it was sent on.
        if (this.ends.get(to) === end) end.node.deliver(this, body);
      });
    }
  }

  connected(peer: NodeId): boolean {
    return this.ends.has(peer);
  }

  async close(): Promise<void> {
    this.open = false;
    this.listener = undefined;
    this.ends.clear();
    this.network.leave(this);
  }

  knows(peer: NodeId): boolean {
    return this.peers.has(peer);
  }

  /** @internal Looks anew at who can be reached; tells the listener later, never within a call. */
  refresh(): void {
    for (const peer of this.peers) {
      const before = this.ends.get(peer)?.node;
      const now = this.open ? this.network.reach(this.self, peer) : undefined;
      if (before === now) continue;
      if (now === undefined) this.ends.delete(peer);
      else this.ends.set(peer, { node: now });
      setImmediate(() => {
        if (before !== undefined) this.listener?.link(peer, false);
        if (now !== undefined) this.listener?.link(peer, true);
      });
    }
  }

  private deliver(from: MemoryTransport<Message>, body: Uint8Array): void {
    if (this.ends.get(from.self)?.node !== from) return;
    this.listener?.message(from.self, this.codec.decode(body));
  }
}

const linkName = (a: NodeId, b: NodeId): string => (a < b ? `${a} ${b}` : `${b} ${a}`);

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const body = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  return body;
}
