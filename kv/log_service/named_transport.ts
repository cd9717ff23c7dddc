/**
 * The network as the log's core sees it. To the core, nodes are named by their URLs, which an operator
 * wrote down; to the transport, by their disks. This is the table between them: a wiped secondary is
 * another peer under the same name, and the core hears of it as of a link that was lost.
 */

import type { NodeId } from '../core/ids';
import type { Lane } from '../core/protocol';
import type { Transport, TransportListener } from '../runtime/transport';

export class NamedTransport<Message> implements Transport<Message> {
  private readonly peers = new Map<NodeId, NodeId>();
  private readonly names = new Map<NodeId, NodeId>();
  private listener: TransportListener<Message> | undefined;

  constructor(private readonly inner: Transport<Message>) {}

  /** From now on, `name` is this peer and no other, and this peer has no other name. */
  assign(name: NodeId, peer: NodeId): void {
    const formerPeer = this.peers.get(name);
    const formerName = this.names.get(peer);
    if (formerPeer === peer) return;
    if (formerPeer !== undefined) this.names.delete(formerPeer);
    if (formerName !== undefined) this.peers.delete(formerName);
    this.peers.set(name, peer);
    this.names.set(peer, name);
    if (formerPeer !== undefined) this.listener?.link(name, false);
    if (formerName !== undefined) this.listener?.link(formerName, false);
    if (this.inner.connected(peer)) this.listener?.link(name, true);
  }

  listen(listener: TransportListener<Message>): void {
    this.listener = listener;
    this.inner.listen({
      message: (from, message) => {
        const name = this.names.get(from);
        if (name !== undefined) listener.message(name, message);
      },
      link: (peer, up) => {
        const name = this.names.get(peer);
        if (name !== undefined) listener.link(name, up);
      },
    });
  }

  start(): Promise<void> {
    return this.inner.start();
  }

  send(to: NodeId, lane: Lane, message: Message): void {
    const peer = this.peers.get(to);
    if (peer !== undefined) this.inner.send(peer, lane, message);
  }

  flush(): void {
    this.inner.flush();
  }

  connected(name: NodeId): boolean {
    const peer = this.peers.get(name);
    return peer !== undefined && this.inner.connected(peer);
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}
