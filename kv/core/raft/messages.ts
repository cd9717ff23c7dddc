/**
 * What the nodes of a Raft cluster say to each other: one type for each kind of message.
 *
 * Every message carries the sender's current term. Figure 2's two calls are here as requests and
 * replies, and AppendEntries is split in two: entries travel as `append_entries`, which may be
 * large and goes by the bulk lane, and leadership is asserted by `heartbeat`, which is always
 * small, needs no consistency check, and never queues behind entries.
 */

import type { ErrorCode } from '../errors';
import type { LogIndex, Millis, NodeId, SnapshotName, StorageId, Term } from '../ids';
import type { AppliedStatus } from '../machine/sessions';
import type { Lane } from '../protocol';
import type { EntryRun } from './entry_run';

/** "Would you vote for me in the term after mine?" Changes nothing anywhere (dissertation §9.6). */
export interface PreVote {
  readonly kind: 'pre_vote';
  readonly term: Term;
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  /** The data folder that the candidate's configuration knows the voter by; 0 if none. */
  readonly voterStorage: StorageId;
}

export interface PreVoteReply {
  readonly kind: 'pre_vote_reply';
  readonly term: Term;
  /** The candidate's term when it asked, so that an answer to an older question is not counted. */
  readonly asked: Term;
  readonly granted: boolean;
}

export interface RequestVote {
  readonly kind: 'request_vote';
  readonly term: Term;
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  readonly voterStorage: StorageId;
  /** The old leader asked for this election, so nobody need protect it (dissertation §4.2.3). */
  readonly transfer: boolean;
}

export interface RequestVoteReply {
  readonly kind: 'request_vote_reply';
  readonly term: Term;
  readonly granted: boolean;
  readonly storage: StorageId;
}

export interface AppendEntries {
  readonly kind: 'append_entries';
  readonly term: Term;
  /** The entry just before the ones sent: prevLogIndex and prevLogTerm of Figure 2. */
  readonly baseIndex: LogIndex;
  readonly baseTerm: Term;
  readonly commit: LogIndex;
  /** They follow the base. */
  readonly entries: EntryRun;
}

/** The log matches the leader's up to `match`, durably. */
export interface AppendEntriesReply {
  readonly kind: 'append_entries_reply';
  readonly term: Term;
  readonly match: LogIndex;
  readonly storage: StorageId;
}

/** The log does not hold `baseIndex` with the leader's term, or the sender's term is over. */
export interface AppendEntriesReject {
  readonly kind: 'append_entries_reject';
  readonly term: Term;
  /** The `baseIndex` that was refused, so that an old refusal is not taken for a new one. */
  readonly baseIndex: LogIndex;
  /** The last entry here that may match: at or below the base, with a term not above the base's. */
  readonly hintIndex: LogIndex;
  readonly hintTerm: Term;
  readonly storage: StorageId;
}

export interface Heartbeat {
  readonly kind: 'heartbeat';
  readonly term: Term;
  readonly commit: LogIndex;
  /** Counts the leader's heartbeats; an answer confirms leadership as of the sending of it. */
  readonly round: number;
  /**
   * The receiver's own clock, as it was in the last reply that the leader has from it; -1: none, or
   * the leader does not know yet what is committed.
   */
  readonly echo: Millis;
  /** How long ago the leader last knew a majority to be behind it. */
  readonly quorumAge: Millis;
  /** How long a majority takes to answer the leader, about; -1: it has not answered yet. */
  readonly roundTrip: Millis;
  /**
   * Whoever answers promises to vote for nobody else until the shortest election timeout has passed
   * on its clock: the leader answers reads because of it.
   */
  readonly lease: boolean;
}

export interface HeartbeatReply {
  readonly kind: 'heartbeat_reply';
  readonly term: Term;
  readonly round: number;
  /** The follower's clock, to be echoed. */
  readonly clock: Millis;
  readonly match: LogIndex;
  readonly storage: StorageId;
}

/** One slice of a snapshot (§7). Everything that describes the whole is in each slice. */
export interface InstallSnapshot {
  readonly kind: 'install_snapshot';
  readonly term: Term;
  readonly snapshot: SnapshotName;
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  readonly meta: Uint8Array;
  readonly size: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** How far the receiver has got: the next slice starts at `offset`. */
export interface InstallSnapshotReply {
  readonly kind: 'install_snapshot_reply';
  readonly term: Term;
  readonly snapshot: SnapshotName;
  readonly offset: number;
  /** Not 0: the receiver's log now matches up to here, and needs no snapshot any more. */
  readonly match: LogIndex;
  readonly storage: StorageId;
}

/** A write on its way to the leader. Its envelope makes a repetition harmless. */
export interface Forward {
  readonly kind: 'forward';
  readonly term: Term;
  readonly id: number;
  /** It was sent before, here or to another leader. */
  readonly again: boolean;
  readonly envelope: Uint8Array;
}

export interface ForwardReply {
  readonly kind: 'forward_reply';
  readonly term: Term;
  readonly id: number;
  readonly status: AppliedStatus;
  readonly index: LogIndex;
  readonly result: Uint8Array;
}

/** The receiver did not put the write into its log. */
export interface ForwardReject {
  readonly kind: 'forward_reject';
  readonly term: Term;
  readonly id: number;
  readonly code: Extract<ErrorCode, 'no_leader' | 'no_quorum' | 'overloaded' | 'too_large'>;
}

/** "From which index on is a read linearizable?" (dissertation §6.4) */
export interface ReadIndex {
  readonly kind: 'read_index';
  readonly term: Term;
  readonly id: number;
  /** The leader's lease is good enough. */
  readonly lease: boolean;
}

export interface ReadIndexReply {
  readonly kind: 'read_index_reply';
  readonly term: Term;
  readonly id: number;
  readonly index: LogIndex;
}

/** "Stand for election now": the last step of a leadership transfer (dissertation §3.10). */
export interface TimeoutNow {
  readonly kind: 'timeout_now';
  readonly term: Term;
}

export type RaftMessage =
  | PreVote
  | PreVoteReply
  | RequestVote
  | RequestVoteReply
  | AppendEntries
  | AppendEntriesReply
  | AppendEntriesReject
  | Heartbeat
  | HeartbeatReply
  | InstallSnapshot
  | InstallSnapshotReply
  | Forward
  | ForwardReply
  | ForwardReject
  | ReadIndex
  | ReadIndexReply
  | TimeoutNow;

export type MessageKind = RaftMessage['kind'];
export type MessageOf<Kind extends MessageKind> = Extract<RaftMessage, { kind: Kind }>;

/** Where a message for one node goes to or comes from. */
export interface Addressed {
  readonly to: NodeId;
  readonly message: RaftMessage;
}

/** Values and snapshots are bulk; nothing that keeps the cluster together queues behind them. */
const BULK: readonly RaftMessage['kind'][] = ['append_entries', 'install_snapshot', 'forward'];

export const laneOf = (message: RaftMessage): Lane =>
  BULK.includes(message.kind) ? 'bulk' : 'control';
