/**
 * What a driver needs of the network: ordered, unreliable streams of messages to known peers.
 * `PeerTransport` is the one on TCP; tests use one in memory.
 */

import type { NodeId } from '../core/ids';
import type { Lane } from '../core/protocol';

export interface TransportListener<Message> {
  /** A well-formed message of a peer that passed the handshake. */
  message(from: NodeId, message: Message): void;
  /**
   * The links to a peer came up (all lanes, both directions agreed) or went down. Down may be said
   * more than once: the last time is after the last message that came over those links.
   */
  link(peer: NodeId, up: boolean): void;
}

export interface Transport<Message> {
  /** Says who hears of messages; called once, before `start`. */
  listen(listener: TransportListener<Message>): void;
  /** Begins to accept and to make connections. Rejects when the address cannot be bound. */
  start(): Promise<void>;
  /** Queues a message; it goes out with `flush`. May be dropped: protocols send again. */
  send(to: NodeId, lane: Lane, message: Message): void;
  /** Sends what was queued: one write for each peer and lane. */
  flush(): void;
  connected(peer: NodeId): boolean;
  close(): Promise<void>;
}
