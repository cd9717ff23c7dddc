/** What a peer transport is told when it is made: who it is, whom it knows, and its limits. */

import { type NodeId, nodeId } from '../core/ids';
import type { MessageCodec } from '../core/protocol';
import type { Log } from './log';
import type { PeerUrl } from './peer_url';

/** Where something listens. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export interface PeerAddress extends HostPort {
  readonly id: NodeId;
  /** Of its URL, where it is known by one and reached behind something that tells nodes apart so. */
  readonly path?: string;
}

export interface PeerTransportOptions<Message> {
  readonly self: NodeId;
  /** Nodes of other clusters are refused. */
  readonly cluster: string;
  /**
   * Where to listen; the bound host may differ from the host in the node's id. Absent: peers come
   * to the HTTP server of the node (`attach`), and are known by its URL.
   */
  readonly bind?: HostPort;
  /** Where peers reach that server; the address they see and its port, when absent. */
  readonly publicUrl?: string;
  /** A node that was told to link up with this one, and where it can be called back. */
  readonly introduced?: (peer: PeerUrl, id: NodeId) => void;
  readonly peers: readonly PeerAddress[];
  /**
   * Whether a node that passes the handshake and is not known yet is let in: for groups that nodes
   * join while they run. It is a guest for `guestMs`; `addPeer` makes it a peer like all others.
   */
  readonly admitsGuests?: boolean;
  readonly codec: MessageCodec<Message>;
  readonly log: Log;
  /** The identity of the data folder; 0 if there is none. */
  readonly storage?: number;
  /** When set, both ends of a connection must prove that they know it. */
  readonly secret?: string;
  /** A number from 0 up to but not including 1, for the jitter of reconnecting. */
  readonly random?: () => number;
  readonly limits?: Partial<PeerLimits>;
}

export interface PeerLimits {
  /** The largest body of a frame, received or sent. */
  readonly maxFrameBytes: number;
  /** Bytes that wait in one lane to one peer; messages past that are dropped. */
  readonly maxControlQueueBytes: number;
  readonly maxBulkQueueBytes: number;
  /** Connections that have not finished the handshake; past that the oldest one is closed. */
  readonly maxPendingConnections: number;
  readonly connectTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
  /** A connection that has something to say and makes no progress for this long is closed. */
  readonly stallTimeoutMs: number;
  /** Bounds of the wait before dialling again; the wait doubles with every failure. */
  readonly minRedialMs: number;
  readonly maxRedialMs: number;
  /** The upper bound when the peer answers but refuses: it will call us when it changes its mind. */
  readonly maxRefusedRedialMs: number;
  /** Guests at a time, and how long one may stay without being made a peer. */
  readonly maxGuests: number;
  readonly guestMs: number;
  /** The same complaint about the same host or peer is logged again only after this long. */
  readonly repeatLogMs: number;
}

const MEBIBYTE = 1024 * 1024;

export const DEFAULT_PEER_LIMITS: PeerLimits = {
  maxFrameBytes: 64 * MEBIBYTE,
  maxControlQueueBytes: 8 * MEBIBYTE,
  maxBulkQueueBytes: 64 * MEBIBYTE,
  maxPendingConnections: 64,
  connectTimeoutMs: 2_000,
  handshakeTimeoutMs: 5_000,
  stallTimeoutMs: 5_000,
  minRedialMs: 20,
  maxRedialMs: 500,
  maxRefusedRedialMs: 5_000,
  maxGuests: 16,
  guestMs: 10_000,
  repeatLogMs: 60_000,
};

/**
 * Reads `host:port`; an IPv6 host stands in brackets. Undefined if it is neither. Such a text is
 * also the id of the node there, which is why it must be written the same everywhere.
 */
export function parsePeerAddress(text: string): PeerAddress | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s/]+)):([0-9]{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port < 1 || port > 65535) return undefined;
  return { id: nodeId(text), host, port };
}
