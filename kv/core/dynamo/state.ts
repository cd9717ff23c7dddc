/**
 * The state of one node, and the few things that every rule needs: to say something, to write
 * something down, to do something later. What the rules do is in the files that are named for them.
 */

import { Alarms } from '../alarms';
import { invariant } from '../assert';
import type { ByteString } from '../command';
import { type Millis, millis, type NodeId, type RequestId } from '../ids';
import { Prng } from '../prng';
import type { Effect, Lane } from '../protocol';
import type { RecordSnapshots } from '../record_snapshots';
import type { Deliveries } from './deliveries';
import type { Exchange } from './exchanges';
import { Issuer } from './issuer';
import type { DynamoRecord, FormerGroup, Journal } from './journal';
import { type Member, MemberTable, type Standing } from './members';
import type { DynamoMessage, Said } from './messages';
import { describe } from './narration';
import type { Operation } from './operations';
import type { DynamoOptions } from './options';
import type { DynamoReply } from './requests';
import { partitionOf } from './ring';
import { snapshotsOf } from './snapshots';
import type { Store } from './store';
import { Suspects } from './suspects';

export type DynamoEffect = Effect<DynamoMessage, DynamoReply>;

/** What `recover` makes of a data folder. */
export interface InitialState {
  readonly store: Store;
  readonly deliveries: Deliveries;
  readonly journal: Journal;
  /** 0 before the node belongs to any group. */
  readonly group: number;
  readonly seed: NodeId | undefined;
  readonly members: readonly Member[];
  readonly former: FormerGroup | undefined;
  /** The highest epoch that may have been used. */
  readonly epochs: number;
}

/** Numbers of operations differ between the starts of a node by this much. */
const NUMBERS_PER_START = 2 ** 24;
const STARTS = 2 ** 23;

export class DynamoState {
  readonly store: Store;
  readonly deliveries: Deliveries;
  readonly journal: Journal;
  readonly issuer: Issuer;
  table: MemberTable;
  suspects: Suspects;
  /** A node that is started with a lower bound on hints keeps those that it has. */
  readonly hintsAtStart: number;
  readonly alarms = new Alarms();
  /** Requests of clients under way, and what is left to be done after they were answered. */
  readonly operations = new Map<number, Operation>();
  /** How many of them have not been answered. */
  pendingRequests = 0;
  /** What is being compared with or handed to another node: at most one of each purpose for each. */
  readonly exchanges = new Map<string, Exchange>();
  /** Who may not have our table of members yet. */
  readonly untold = new Set<NodeId>();
  /** Partitions that a joining node still has to collect; undefined when it does not. */
  collecting: Set<number> | undefined;
  /** Keys still to be looked at, since the ring has changed. */
  sweep: IterableIterator<ByteString> | undefined;
  readonly snapshots: RecordSnapshots<DynamoRecord>;
  /** This node's own entry is about to change, once that is durable. */
  changing: Standing | undefined;
  /** Somebody is being told of our table just now. */
  isTelling = false;
  /** The branch of each peer's tree that was looked into last. */
  readonly lastBranches = new Map<NodeId, number>();
  /** With whom our data may still differ. */
  readonly recheck = new Set<NodeId>();
  group: number;
  seed: NodeId | undefined;
  /** Where it was before it asked to come in, to go back to while it was not answered. */
  former: FormerGroup | undefined;
  readonly counts = { repairs: 0, handedOver: 0, received: 0, standIns: 0, exchangesWithPeers: 0 };
  private effects: DynamoEffect[] = [];
  private lastNumber: number;

  constructor(
    readonly options: DynamoOptions,
    initial: InitialState,
    public now: Millis,
  ) {
    this.store = initial.store;
    this.deliveries = initial.deliveries;
    this.hintsAtStart = initial.deliveries.hints;
    this.journal = initial.journal;
    this.snapshots = snapshotsOf(this);
    this.group = initial.group;
    this.seed = initial.seed;
    this.former = initial.former;
    this.table = new MemberTable(options.replicas);
    this.table.merge(initial.members);
    this.issuer = new Issuer(options, initial.epochs);
    this.suspects = new Suspects(options.probeMinMs, options.probeMaxMs);
    const start = new Prng(options.seed, `numbers ${now} ${initial.journal.sequence}`);
    this.lastNumber = start.between(0, STARTS - 1) * NUMBERS_PER_START;
  }

  get self(): NodeId {
    return this.options.self;
  }

  /** Where this node stands by its own table; undefined while it is in none. */
  get standing(): Standing | undefined {
    return this.table.find(this.self)?.standing;
  }

  /** Whether clients are served: a joining node coordinates as soon as it knows the others. */
  get isServing(): boolean {
    const { standing, changing } = this;
    if (changing === 'left') return false;
    if (standing === 'joining') return this.table.current.members.length > 0;
    return standing === 'member' || standing === 'leaving';
  }

  /** Whether the ring chooses this node for the key, now or once those who join have joined. */
  isChosenFor(key: ByteString): boolean {
    return this.homesOf(key).includes(this.self);
  }

  /** The homes of a key, and those that will be its homes. */
  homesOf(key: ByteString): readonly NodeId[] {
    const partition = partitionOf(key);
    const { current, next } = this.table;
    const homes = current.homesOf(partition);
    return current === next ? homes : [...new Set([...homes, ...next.homesOf(partition)])];
  }

  /** Nobody is known any more but oneself: before another group is joined. */
  resetTable(): void {
    this.table = new MemberTable(this.options.replicas);
    this.suspects = new Suspects(this.options.probeMinMs, this.options.probeMaxMs);
    this.exchanges.clear();
    this.untold.clear();
    this.lastBranches.clear();
    this.recheck.clear();
  }

  /** A number that no operation or exchange of this node had before, also not before a restart. */
  nextNumber(): number {
    this.lastNumber++;
    return this.lastNumber;
  }

  /** D9: only to members, and to the seed of somebody who wants to become one. */
  send(to: NodeId, said: Said, lane: Lane = 'control'): void {
    invariant(to !== this.self, 'D9: a node does not write letters to itself', { to });
    const isKnown = this.table.find(to) !== undefined || (this.group === 0 && to === this.seed);
    invariant(isKnown, 'D9: messages go to known members only', { to, kind: said.kind });
    // `Said` is the message without these two, kind by kind.
    const message = { ...said, group: this.group, table: this.table.digest } as DynamoMessage;
    if (this.options.trace) this.narrate(`→ ${to} ${describe(message)}`);
    this.effects.push({ kind: 'send', to, lane, message });
  }

  /**
   * An acknowledgement: said once all that was written down so far is durable. Not if another group
   * was joined meanwhile, where nobody has asked for it.
   */
  sendWhenDurable(to: NodeId, said: Said): void {
    const { table } = this;
    this.journal.whenDurable(() => {
      if (this.table === table) this.send(to, said);
    });
  }

  reply(id: RequestId, reply: DynamoReply): void {
    this.effects.push({ kind: 'reply', id, reply });
  }

  effect(effect: DynamoEffect): void {
    this.effects.push(effect);
  }

  narrate(text: string): void {
    if (this.options.trace) this.effects.push({ kind: 'trace', line: `${this.self} ${text}` });
  }

  later(afterMs: number, action: () => void): void {
    this.alarms.at(this.now + afterMs, action);
  }

  /** What this step does, its records first: nothing that follows is true without them. */
  takeEffects(): DynamoEffect[] {
    const flushed = this.journal.flush(this.now);
    const { effects } = this;
    this.effects = [];
    if (flushed !== undefined) effects.unshift({ kind: 'persist', ...flushed });
    return effects;
  }

  get wakeAt(): Millis {
    if (this.sweep !== undefined) return this.now;
    return millis(Math.min(this.alarms.next, this.suspects.nextProbe));
  }
}
