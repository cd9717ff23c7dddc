/**
 * The state of one replica, and the few things that every rule needs: to say something, to take
 * something in, to answer once the disk has it. What the rules do is in the files named for them.
 */

import { Alarms } from '../alarms';
import { invariant } from '../assert';
import type { ByteString } from '../command';
import { type Millis, millis, type NodeId, type RequestId } from '../ids';
import { Prng } from '../prng';
import type { Effect, Lane } from '../protocol';
import { RecordJournal } from '../record_journal';
import type { RecordSnapshots } from '../record_snapshots';
import { HybridClock } from './clock';
import type { Giving } from './giving';
import { type ConvergentRecord, encodeRecord } from './journal';
import type { ConvergentMessage, Said } from './messages';
import { describe } from './narration';
import type { ConvergentOptions } from './options';
import type { Cell } from './parts_codec';
import { Peers } from './peers';
import { PendingRequests } from './pending_requests';
import { inPieces } from './pieces';
import type { Pulling } from './pulling';
import type { InitialState } from './recovery';
import type { ConvergentReply } from './requests';
import { snapshotsOf } from './snapshots';
import { isReserved, type Store } from './store';
import { changes, newest, timeOf, union, type Vector } from './vectors';

export type ConvergentEffect = Effect<ConvergentMessage, ConvergentReply>;

/** What is taken in at once, to become visible and durable at once. */
export interface Intake {
  readonly seen?: Vector;
  readonly collected?: Vector;
  readonly cells: readonly Cell[];
}

/** Numbers of transfers differ between the starts of a node by this much. */
const NUMBERS_PER_START = 2 ** 24;
const STARTS = 2 ** 23;

export class ConvergentState {
  readonly store: Store;
  readonly journal: RecordJournal<ConvergentRecord>;
  readonly snapshots: RecordSnapshots<ConvergentRecord>;
  readonly clock: HybridClock;
  readonly alarms = new Alarms();
  readonly peers: Peers;
  readonly pending: PendingRequests;
  /** Which updates this replica has seen; and how much of that is durable. */
  seen: Vector;
  durablySeen: Vector;
  /** The newest tombstones that were collected, here or by whom this replica was filled. */
  collected: Vector;
  /** Keys whose last change is not durable yet, with the number of its record; oldest first. */
  readonly unsaved = new Map<ByteString, number>();
  /** What clients have changed in this step, and the last update of this replica before it. */
  changedHere = new Set<ByteString>();
  pushedThrough: number;
  /** The one transfer that is under way to this replica. */
  pulling: Pulling | undefined;
  /** Transfers under way from here: at most one to each node. */
  readonly giving = new Map<NodeId, Giving>();
  /** Peers may be other ones than before. */
  peersChanged = true;
  /** When to compare with some peer, although nothing happens; and with whom. */
  compareAt: number;
  comparisons = 0;
  /** Keys with tombstones still to be looked at, and up to where tombstones are stable. */
  collecting: IterableIterator<ByteString> | undefined;
  stable: Vector | undefined;
  /** This node's own entry is not written anew before. */
  ownRecordAt = Number.NEGATIVE_INFINITY;
  /** Keys changed in this step, for the invariants. */
  touched = new Set<ByteString>();
  readonly counts = {
    ...{ updates: 0, received: 0, pulls: 0, comparisons: 0, collected: 0, refused: 0 },
  };
  private effects: ConvergentEffect[] = [];
  private lastNumber: number;

  constructor(
    readonly options: ConvergentOptions,
    initial: InitialState,
    public now: Millis,
  ) {
    this.store = initial.store;
    this.seen = this.durablySeen = initial.seen;
    this.collected = initial.collected;
    const { sequence, bytesSinceSnapshot } = initial;
    this.journal = new RecordJournal(sequence, encodeRecord, bytesSinceSnapshot);
    this.snapshots = snapshotsOf(this);
    this.clock = new HybridClock(newest(initial.seen), options.wall, now, options.maxDriftMs);
    this.peers = new Peers(options.self, options.maxPeers);
    this.pending = new PendingRequests(this, options.maxPendingRequests);
    this.pushedThrough = timeOf(initial.seen, options.storage);
    this.compareAt = now + options.antiEntropyMs;
    const start = new Prng(options.seed, `numbers ${initial.sequence}`);
    this.lastNumber = start.between(0, STARTS - 1) * NUMBERS_PER_START;
  }

  get self(): NodeId {
    return this.options.self;
  }
  get replica(): number {
    return this.options.storage;
  }

  /** A number that no transfer to or from this node had before, also not before a restart. */
  nextNumber(): number {
    this.lastNumber++;
    return this.lastNumber;
  }

  /** Takes something in: visible from now on, in the journal, and durable with everything in it. */
  take({ seen = this.seen, collected = this.collected, cells }: Intake): void {
    const keys = new Set(cells.map(({ key }) => key)).size;
    // Before it is on the disk, where no start would get over it.
    invariant(keys === cells.length, 'C10: what is taken in has each key once', {
      ...{ keys, cells: cells.length },
    });
    const [before, collectedBefore] = [this.seen, this.collected];
    this.seen = union(before, seen);
    this.collected = union(collectedBefore, collected);
    this.clock.saw(newest(this.seen));
    const { maxBytesPerMessage } = this.options;
    const pieces = inPieces(cells, maxBytesPerMessage);
    const last = pieces.pop() ?? [];
    for (const piece of pieces) this.journal.write({ kind: 'piece', cells: piece });
    this.journal.write({
      kind: 'update',
      seen: changes(before, this.seen),
      collected: changes(collectedBefore, this.collected),
      cells: last,
      pieces: pieces.length,
    });
    for (const { key, parts } of cells) {
      this.store.set(key, parts);
      this.unsaved.delete(key);
      this.unsaved.set(key, this.journal.sequence);
      this.touched.add(key);
      if (isReserved(key)) this.peersChanged = true;
    }
    const now = this.seen;
    if (now !== before) {
      this.journal.whenDurable(() => {
        this.durablySeen = union(this.durablySeen, now);
      });
    }
  }

  /** The disk has got further. */
  persisted(): void {
    for (const [key, sequence] of this.unsaved) {
      if (sequence > this.journal.durable) return;
      this.unsaved.delete(key);
    }
  }

  send(to: NodeId, said: Said, lane: Lane = 'control'): void {
    invariant(to !== this.self, 'C9: a node does not write letters to itself', { to });
    // `Said` is the message without this one, kind by kind.
    const message = { ...said, replica: this.replica } as ConvergentMessage;
    if (this.options.trace) this.narrate(`→ ${to} ${describe(message)}`);
    this.effects.push({ kind: 'send', to, lane, message });
  }

  reply(id: RequestId, reply: ConvergentReply): void {
    this.effects.push({ kind: 'reply', id, reply });
  }

  effect(effect: ConvergentEffect): void {
    this.effects.push(effect);
  }

  narrate(text: string): void {
    if (this.options.trace) this.effects.push({ kind: 'trace', line: `${this.self} ${text}` });
  }

  later(afterMs: number, action: () => void): void {
    this.alarms.at(this.now + afterMs, action);
  }

  /** What this step does, its records first: nothing that follows is true without them. */
  takeEffects(): ConvergentEffect[] {
    const flushed = this.journal.flush(this.now);
    const { effects } = this;
    this.effects = [];
    if (flushed !== undefined) effects.unshift({ kind: 'persist', ...flushed });
    return effects;
  }

  get nextAlarm(): Millis {
    return millis(Math.min(this.alarms.next, this.collecting === undefined ? Infinity : this.now));
  }
}
