/**
 * Who the peers are, and what is known of each.
 *
 * Peers are entries of the replicated map itself, under reserved keys: so they are persisted, spread
 * to all, and settled by the clock's order when two operators disagree, like anything else; and as
 * they spread with the data in causal order, whoever knows of a delete knows of all replicas that had
 * to be waited for when it was made. An entry says where the node is reached, as who registered it
 * knows, and which disk the node has, which it fills in itself.
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

/** The entry of a node in the map. */
export interface PeerRecord {
  readonly address: string;
  /** Its disk; 0 while it has not said so itself. */
  readonly replica: number;
}

export const peerKey = (node: NodeId): ByteString => RESERVED + node;

export const peerText = ({ address, replica }: PeerRecord): ByteString =>
  latin1Text(new ByteWriter().u48(replica).text(address).finish());

/** Undefined if there is none, or none that can be read. */
export function peerRecord(parts: Parts): PeerRecord | undefined {
  const view = viewOf(parts);
  if (view?.type !== 'value') return undefined;
  try {
    const reader = new ByteReader(Uint8Array.from(view.value, (one) => one.charCodeAt(0)));
    const record = { replica: reader.u48(), address: reader.text() };
    reader.end();
    return record;
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
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
  held: Push[] = [];
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
    const known = this.of(node);
    if (known !== undefined) return known;
    const [oldest] = this.guests.keys();
    if (this.guests.size >= this.maxGuests && oldest !== undefined) this.guests.delete(oldest);
    const guest = new PeerState(node);
    this.guests.set(node, guest);
    return guest;
  }

  get everybody(): Iterable<PeerState> {
    return [...this.members.values(), ...this.guests.values()];
  }

  /** Reads the entries anew. */
  read(store: Store): void {
    this.records = new Map();
    for (const key of store.reservedKeys()) {
      const record = peerRecord(store.partsOf(key));
      if (record !== undefined) this.records.set(nodeId(key.slice(RESERVED.length)), record);
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
  }
}
