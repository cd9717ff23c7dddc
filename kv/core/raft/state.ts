/**
 * The state of one Raft node, shared by the modules that each implement one rule on it.
 *
 * It is plain mutable data with the few operations that every rule needs: say something, write
 * something down, narrate. The rules are in the other files of this folder; the order in which
 * they run is in `raft.ts`.
 */

import { invariant } from '../assert';
import {
  type JournalSequence,
  journalSequence,
  type LogIndex,
  logIndex,
  type Millis,
  type NodeId,
  type RequestId,
  type SnapshotName,
  type Term,
} from '../ids';
import type { Sessions } from '../machine/sessions';
import type { SnapshotCursor, SnapshotLoader } from '../machine/state_machine';
import { Prng } from '../prng';
import type { Effect } from '../protocol';
import type { Clients } from './clients';
import { silenceDeadline } from './election_timing';
import type { Placed } from './entry_segments';
import { Freshness } from './freshness';
import type { Checkpoint } from './invariants';
import type { Journal } from './journal';
import { type LeaderContact, startingContact } from './leader_contact';
import type { RaftLog } from './log';
import { type Configuration, findMember, isUnbound } from './membership';
import { laneOf, type RaftMessage } from './messages';
import { describe, describeEntries, describeReply } from './narration';
import { MAX_HELD_MESSAGES, type RaftOptions } from './options';
import type { RaftReply } from './requests';
import { type Role, startingRole } from './roles';
import { drawEarliness } from './snapshot_share';

export type RaftEffect = Effect<RaftMessage, RaftReply<unknown>>;
export type ReplicatedMachine = Sessions<unknown, unknown>;

/** A snapshot that is durable on this node's disk. */
export interface StoredSnapshot {
  readonly name: SnapshotName;
  readonly index: LogIndex;
  readonly term: Term;
  readonly meta: Uint8Array;
  readonly size: number;
}

/** A snapshot of our own state that is being written. */
export interface TakingSnapshot {
  readonly name: SnapshotName;
  readonly index: LogIndex;
  readonly term: Term;
  readonly meta: Uint8Array;
  readonly cursor: SnapshotCursor;
  /** How many bytes have been handed to the file. */
  offset: number;
  committed: boolean;
}

/** A snapshot of the leader that is being received. */
export interface InstallingSnapshot {
  readonly name: SnapshotName;
  readonly index: LogIndex;
  readonly term: Term;
  readonly meta: Uint8Array;
  readonly size: number;
  readonly configuration: Configuration;
  readonly loader: SnapshotLoader<ReplicatedMachine>;
  /** How many bytes have been received, and how many of them the file has taken. */
  received: number;
  written: number;
  /** What it holds, once all of it has come: from then on it is being made durable. */
  loaded: ReplicatedMachine | undefined;
}

/** A message that must not be sent before the term and vote it speaks of are durable. */
interface HeldMessage {
  readonly after: JournalSequence;
  readonly to: NodeId;
  readonly message: RaftMessage;
}

/** What recovery hands over to a starting node. */
export interface InitialState {
  readonly term: Term;
  readonly votedFor: NodeId | undefined;
  readonly log: RaftLog;
  readonly journal: Journal;
  readonly machine: ReplicatedMachine;
  readonly snapshot: StoredSnapshot | undefined;
  /** The cluster's time at the snapshot; 0 without one. */
  readonly machineTime: Millis;
}

export class RaftState {
  readonly self: NodeId;
  now: Millis;
  term: Term;
  /**
   * The term at the start of this node: it remembers only what was said in later ones. An empty disk
   * may belong to a node that has lost one: then it is the first term that the node hears of.
   */
  startTerm: Term;
  votedFor: NodeId | undefined;
  role: Role;
  readonly log: RaftLog;
  readonly journal: Journal;
  machine: ReplicatedMachine;
  /** The highest index known to be committed, and the highest applied (Figure 2). */
  commit: LogIndex;
  applied: LogIndex;
  appliedTerm: Term;
  /** Everybody who waits for an entry up to here was told its result; it may not be applied yet. */
  answered = logIndex(0);
  /** In how many steps, one after the other, there was something to do before applying. */
  putOff = 0;
  /** The bytes of the entries applied since the last snapshot was begun. */
  appliedBytes = 0;
  /** How much earlier than its share allows this node takes the next one: `snapshot_share.ts`. */
  snapshotEarliness: number;
  readonly snapshotPrng: Prng;
  /** The cluster's time at the last applied entry. */
  machineTime: Millis;
  /** Our own log is durable up to here. */
  durable: LogIndex;
  /** The leader that was last heard, and what this node owes to it. */
  readonly contact: LeaderContact;
  /** The leader's commit index as far as we were told; may be ahead of our log. */
  leaderCommit = logIndex(0);

  snapshot: StoredSnapshot | undefined;
  taking: TakingSnapshot | undefined;
  installing: InstallingSnapshot | undefined;
  /** Old records may go once `after` is durable. */
  pendingRelease: { after: JournalSequence; before: JournalSequence } | undefined;

  /** The end of the last step, for `invariants.ts`. */
  readonly checkpoint: Checkpoint = { term: 0, commit: 0, applied: 0, snapshotIndex: 0 };
  readonly freshness: Freshness;
  readonly links = new Map<NodeId, boolean>();
  /** So many links are down that no majority can be reached: a hint, on which safety never rests. */
  cutOff = false;
  /** The record of the last change of term or vote, which all messages wait for. */
  private hardStateSequence: JournalSequence = journalSequence(0);
  private held: HeldMessage[] = [];
  private heldCommit: SnapshotName | undefined;
  private effects: RaftEffect[] = [];
  /** Draws the moments at which this node stands for election. */
  readonly prng: Prng;

  constructor(
    readonly options: RaftOptions,
    initial: InitialState,
    readonly clients: Clients,
    now: Millis,
  ) {
    this.self = options.self;
    this.now = now;
    this.term = this.startTerm = initial.term;
    this.votedFor = initial.votedFor;
    this.log = initial.log;
    this.journal = initial.journal;
    this.machine = initial.machine;
    this.snapshot = initial.snapshot;
    this.machineTime = initial.machineTime;
    this.commit = this.applied = initial.snapshot?.index ?? logIndex(0);
    this.appliedTerm = (initial.snapshot?.term ?? 0) as Term;
    this.durable = initial.log.lastIndex;
    this.prng = new Prng(options.seed, `election ${options.self}`);
    this.snapshotPrng = new Prng(options.seed, `snapshots ${options.self}`);
    this.snapshotEarliness = drawEarliness(this.snapshotPrng, options);
    this.freshness = new Freshness(options.seed);
    const begins = initial.term === 0 || this.isSoleVoter;
    this.contact = startingContact(!begins, now);
    // A cluster of one has nobody to wait for.
    this.role = startingRole(this.isSoleVoter ? now : silenceDeadline(this));
  }

  get isSoleVoter(): boolean {
    const { voters, outgoing } = this.log.configuration;
    return voters.length === 1 && outgoing.length === 0 && voters[0]?.id === this.self;
  }

  /**
   * Whether this node may stand for election: it is a voter, known by the disk that it runs on. In
   * a cluster that has not begun no disk is known, and an empty log shows that it has not.
   */
  get mayCampaign(): boolean {
    const { configuration } = this.log;
    const member = findMember(configuration, this.self);
    const learner = configuration.learners.some((each) => each.id === this.self);
    if (member === undefined || learner) return false;
    if (isUnbound(configuration)) return this.log.lastIndex === 0;
    return member.storage === this.options.storage;
  }

  /** Changes term and vote, on disk first: nothing is sent before the disk has them (§5.1). */
  setHardState(term: Term, votedFor: NodeId | undefined): void {
    invariant(
      term > this.term || (term === this.term && this.votedFor === undefined),
      'a term has one vote (§5.2)',
      { term, now: this.term, votedFor, before: this.votedFor },
    );
    this.term = term;
    this.votedFor = votedFor;
    this.hardStateSequence = this.writeHardState();
  }

  /** Writes term and vote. If they have not changed, only the deletion of older records waits. */
  writeHardState(): JournalSequence {
    const { term, votedFor } = this;
    if (this.options.trace) this.line(`persist term=${term} vote=${votedFor ?? '-'}`);
    return this.journal.write({ kind: 'hard_state', term, votedFor });
  }

  get hardStateDurable(): boolean {
    return this.journal.durable >= this.hardStateSequence;
  }

  /** Sends, or holds back until the current term and vote are durable. */
  send(to: NodeId, message: RaftMessage): void {
    if (!this.hardStateDurable) {
      this.held.push({ after: this.hardStateSequence, to, message });
      // Whoever waits for one of these sends again: a stalled disk must not fill the memory.
      if (this.held.length > MAX_HELD_MESSAGES) this.held.shift();
      return;
    }
    if (this.options.trace) this.line(`→ ${to} ${describe(message)}`);
    this.effects.push({ kind: 'send', to, lane: laneOf(message), message });
  }

  /**
   * Makes a whole snapshot durable, or holds that back too: a disk must not have a snapshot of a
   * term that it does not know, since a node that starts from it would be older than its own state.
   */
  commitSnapshot(snapshot: SnapshotName): void {
    if (this.hardStateDurable) this.effects.push({ kind: 'snapshot_commit', snapshot });
    else this.heldCommit = snapshot;
  }

  /** Says and does what was held back, as far as the disk has got. */
  releaseHeld(): void {
    if (!this.hardStateDurable) return;
    const { held, heldCommit } = this;
    if (heldCommit !== undefined) {
      this.heldCommit = undefined;
      this.commitSnapshot(heldCommit);
    }
    if (held.length === 0) return;
    this.held = [];
    for (const { to, message } of held) this.send(to, message);
  }

  reply(id: RequestId, reply: RaftReply<unknown>): void {
    if (this.options.trace) this.line(`reply ${id} ${describeReply(reply)}`);
    this.effects.push({ kind: 'reply', id, reply });
  }

  effect(effect: RaftEffect): void {
    this.effects.push(effect);
  }

  /** Whether this step has anything to write or to send as yet. */
  get hasWork(): boolean {
    return this.journal.hasBatch || this.effects.some(({ kind }) => kind === 'send');
  }

  /** Everything to be done, the journal's records first so that the disk starts at once. */
  takeEffects(): RaftEffect[] {
    const batch = this.journal.flush(this.now);
    const effects = this.effects;
    this.effects = [];
    if (batch !== undefined) effects.unshift({ kind: 'persist', ...batch });
    return effects;
  }

  /** Narrates a decision, with its reason. */
  narrate(text: string): void {
    if (this.options.trace) this.line(text);
  }

  narrateEntries(what: string, from: number, to: number): void {
    if (this.options.trace) this.line(`${what} ${describeEntries(this.log, from, to)}`);
  }

  private line(text: string): void {
    this.effects.push({ kind: 'trace', line: `${this.self}@${this.term} ${text}` });
  }
}

/** The journal writes the entries that the log has just been given, from where they lie. */
export function writePlaced({ log, journal }: RaftState, placed: Placed): void {
  log.journaled(journal.writeEntries(placed, log.lastIndex, log.lastTerm));
}
