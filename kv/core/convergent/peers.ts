/**
 * Who the peers are, and what is known of each.
 *
 * Peers are entries of the replicated map itself, under reserved keys: so they are persisted, spread
 * to all, and settled by the clock's order when two operators disagree, like anything else; and as
 * they spread with the data in causal order, whoever knows of a delete knows of all replicas that had
 * to be waited for when it was made. The entry of a node says that it is a peer and where it is
 * reached, as who registered it knows: only operators change it. Which disk the node has it says
 * itself, under a key of its own: if it said so in the entry, and had not heard that it is
 * unregistered, it would be a peer again by the clock's order.
 */

import { ByteReader, ByteWriter, DecodeError } from '../bytes';
import type { ByteString } from '../command';
import { type NodeId, nodeId } from '../ids';
import { latin1Text } from '../latin1';
import { EMPTY, type Fingerprint } from './fingerprint';
import type { Push } from './messages';
import { type Parts, viewOf } from './parts';
import { RESERVED, type Store } from './store';
import { covers, NOTHING_SEEN, timeOf, union, type Vector } from './vectors';

/** What the map says of a registered node. */
export interface PeerRecord {
  readonly address: string;
  /** Its disk; 0 while it has not said so. */
  readonly replica: number;
}

const ENTRY = `${RESERVED}peer `;
const DISK = `${RESERVED}disk `;
export const peerKey = (node: NodeId): ByteString => ENTRY + node;
export const diskKey = (node: NodeId): ByteString => DISK + node;

export const addressText = (address: string): ByteString =>
  latin1Text(new ByteWriter().text(address).finish());
export const diskText = (replica: number): ByteString =>
  latin1Text(new ByteWriter().u48(replica).finish());

/** Undefined if there is none, or none that can be read. */
function readValue<Value>(parts: Parts, read: (reader: ByteReader) => Value): Value | undefined {
  const view = viewOf(parts);
  if (view?.type !== 'value') return undefined;
  try {
    const reader = new ByteReader(Uint8Array.from(view.value, (one) => one.charCodeAt(0)));
    const value = read(reader);
    reader.end();
    return value;
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

/** The entry of a node; undefined if it is not registered. */
export function recordOf(store: Store, node: NodeId): PeerRecord | undefined {
  const address = readValue(store.partsOf(peerKey(node)), (reader) => reader.text());
  if (address === undefined) return undefined;
  const replica = readValue(store.partsOf(diskKey(node)), (reader) => reader.u48());
  return { address, replica: replica ?? 0 };
}

/** A push that waits, and how many bytes its keys take. */
export interface HeldPush extends Push {
  readonly bytes: number;
}

const LONG_AGO = Number.NEGATIVE_INFINITY;

/** What this node knows of another since it was started. */
export class PeerState {
  /** The disk that it speaks for; 0 until it was heard of. */
  replica = 0;
  heardAt = LONG_AGO;
  /** Since when it was asked for a report and nothing at all has come. */
  unheardSince: number | undefined;
  linkIsDown = false;

  /** What it has seen, durably, as it said itself. A former disk of its may have said that too. */
  seen: Vector = NOTHING_SEEN;
  /** What the disk that it has now has said of that: only this is believed to be known there. */
  private vouched: Vector = NOTHING_SEEN;
  collected: Vector = NOTHING_SEEN;
  fingerprint: Fingerprint = EMPTY;
  /**
   * What it had seen at a time before which we have seen all its own updates. Only this counts for
   * collecting tombstones: no update of it from before can still be under way to us.
   */
  settled: Vector = NOTHING_SEEN;
  /** What it has said since then, waiting for its own updates to come. */
  private candidate: Vector | undefined;

  /** What it was told last that we have seen, when, and how long to wait before the next time. */
  told: Vector | undefined;
  toldAt = LONG_AGO;
  waitMs = 0;
  untoldSince: number | undefined;
  /** It has asked for a report; or we ask for its own, because of an operator or a new connection. */
  reportNow: 'answer' | 'ask' | undefined;

  /** Since when it is known to have something that we lack. */
  aheadSince: number | undefined;
  /** We hold different things although we have seen the same. */
  mustCompare = false;
  /** Nothing is asked of it until then: it has not answered, or was refused. */
  avoidUntil = LONG_AGO;
  refusedAheadMs = 0;
  /** Pushes that wait for what comes before them, and since when. */
  held: HeldPush[] = [];
  heldSince = 0;

  constructor(readonly node: NodeId) {}

  /** A node with another disk is another replica: nothing that was known holds for it. */
  becomes(replica: number): void {
    if (this.replica === replica) return;
    this.replica = replica;
    this.seen = this.vouched = this.collected = this.settled = NOTHING_SEEN;
    this.candidate = this.told = undefined;
    this.mustCompare = false;
    this.held = [];
  }

  hasAll(seen: Vector): boolean {
    return covers(this.vouched, seen);
  }

  /** It has said what it has seen. Of another disk, that may be a late word of one that was lost. */
  reported(replica: number, seen: Vector): void {
    this.seen = union(this.seen, seen);
    if (replica !== this.replica) return;
    this.vouched = union(this.vouched, seen);
    this.candidate ??= this.vouched;
  }

  /**
   * It was asked for what it had said that it has, and has not: a late report spoke of a disk that
   * was lost. If it was a newer report than this answer, it will say so again.
   */
  hasNoMore(seen: Vector): void {
    this.seen = seen;
  }

  /** Moves on what counts for collecting, as far as its own updates have come to us. */
  settle(seen: Vector): void {
    const { candidate, replica } = this;
    if (candidate === undefined || timeOf(candidate, replica) > timeOf(seen, replica)) return;
    this.settled = candidate;
    this.candidate = this.vouched === candidate ? undefined : this.vouched;
  }
}

export class Peers {
  private members = new Map<NodeId, PeerState>();
  private records = new Map<NodeId, PeerRecord>();
  /** Nodes that are no peers and were heard of: somebody may be about to register. */
  private readonly guests = new Map<NodeId, PeerState>();
  /** Whether this node is registered, or nobody is. */
  isRegistered = true;

  constructor(
    private readonly self: NodeId,
    private readonly maxGuests: number,
  ) {}

  /** All peers, this node left out; none for one that is not registered. */
  get all(): Iterable<PeerState> {
    return this.members.values();
  }

  get count(): number {
    return this.members.size;
  }

  /** All nodes that are registered, this one included. */
  get registered(): ReadonlyMap<NodeId, PeerRecord> {
    return this.records;
  }

  isPeer(node: NodeId): boolean {
    return this.members.has(node);
  }

  of(node: NodeId): PeerState | undefined {
    return this.members.get(node) ?? this.guests.get(node);
  }

  /** What is known of a node; a stranger becomes a guest. */
  ofAnyone(node: NodeId): PeerState {
    return this.of(node) ?? this.addGuest(new PeerState(node));
  }

  private addGuest(guest: PeerState): PeerState {
    const [oldest] = this.guests.keys();
    if (this.guests.size >= this.maxGuests && oldest !== undefined) this.guests.delete(oldest);
    this.guests.set(guest.node, guest);
    return guest;
  }

  get everybody(): Iterable<PeerState> {
    return [...this.members.values(), ...this.guests.values()];
  }

  /** Reads the entries anew. */
  read(store: Store): void {
    this.records = new Map();
    for (const key of store.reservedKeys()) {
      if (!key.startsWith(ENTRY) || key === ENTRY) continue;
      const node = nodeId(key.slice(ENTRY.length));
      const record = recordOf(store, node);
      if (record !== undefined) this.records.set(node, record);
    }
    this.isRegistered = this.records.size === 0 || this.records.has(this.self);
    const before = this.members;
    this.members = new Map();
    if (!this.isRegistered) return;
    for (const [node, { replica }] of [...this.records].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (node === this.self) continue;
      const peer = before.get(node) ?? this.guests.get(node) ?? new PeerState(node);
      this.guests.delete(node);
      if (replica !== 0) peer.becomes(replica);
      this.members.set(node, peer);
    }
    for (const [node, peer] of before) if (!this.members.has(node)) this.dismiss(peer);
  }

  /** It is no peer any more, and is told so: by a report that shows it what it has not heard of. */
  private dismiss(peer: PeerState): void {
    peer.held = [];
    peer.reportNow = 'answer';
    this.addGuest(peer);
  }
}
