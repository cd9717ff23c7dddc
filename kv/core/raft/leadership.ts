/**
 * What a node knows only while it leads: the state of a leadership, made at its start and gone at
 * its end.
 */

import { type LogIndex, logIndex, type Millis, millis, type NodeId, type Term } from '../ids';
import { type Lease, noLease } from './lease';
import { allMembers, type Member, reachedByQuorum } from './membership';
import { OpenProposals } from './open_proposals';
import { Progress } from './progress';
import type { RaftState } from './state';

/** Who is to be told of a proposal's result: a client of this node, or another node. */
export type Origin =
  | {
      readonly kind: 'client';
      readonly id: number;
      /** The result of a write, where it is known before it is applied. */
      readonly foretold?: Uint8Array | undefined;
    }
  | { readonly kind: 'node'; readonly node: NodeId; readonly id: number };

/** Reads that wait for one and the same heartbeat round. */
export interface ReadBatch {
  readonly round: number;
  readonly index: LogIndex;
  readonly origins: readonly Origin[];
}

export interface Transfer {
  readonly target: NodeId;
  readonly deadline: Millis;
  sent: boolean;
  readonly requests: number[];
}

export interface Leader {
  readonly kind: 'leader';
  readonly term: Term;
  readonly progress: Map<NodeId, Progress>;
  /** The index of this term's no-op: once it is committed, the commit index is known (§8). */
  noopIndex: LogIndex;
  /** The cluster's time: what it was at the start of this term, and our clock then. */
  readonly timeBase: { readonly time: Millis; readonly at: Millis };
  /** The proposals of this term that are not answered yet, by index. */
  readonly proposals: OpenProposals;
  /** The bytes of entries that are not committed. */
  uncommittedBytes: number;
  heartbeatDue: Millis;
  /** The number of the last heartbeat round, and when each unanswered one was sent. */
  round: number;
  readonly roundSentAt: Map<number, Millis>;
  /** The newest round that a quorum has answered, and when it was sent. */
  quorumRound: number;
  quorumSince: Millis;
  /** How long a majority takes to answer a round, about; -1 while none was answered. */
  roundTrip: Millis;
  readonly lease: Lease;
  /** Questions of other nodes that have not been given a round yet. */
  readonly newReads: Origin[];
  readonly readBatches: ReadBatch[];
  /** When the commit index last moved. */
  commitMovedAt: Millis;
  /** When followers must be told of the new commit index, if nothing else tells them before. */
  commitNoticeDue: Millis;
  /** When the first of the spares has waited for long enough; see `spares.ts`. */
  spareDue: Millis;
  transfer: Transfer | undefined;
  /**
   * Another node was told to stand for election. However late it hears that, the voters will not
   * protect us from it, so for the rest of this term no lease is valid.
   */
  invitedSuccessor: boolean;
}

/** For `roundTrip`: no round was answered yet. */
const UNMEASURED = millis(-1);
/** Of a new measurement this part counts. */
const SMOOTHING = 8;

export function newLeadership(raft: RaftState): Leader {
  const next = logIndex(raft.log.lastIndex + 1);
  const others = allMembers(raft.log.configuration).filter((id) => id !== raft.self);
  return {
    kind: 'leader',
    term: raft.term,
    progress: new Map(others.map((id) => [id, new Progress(id, next)])),
    noopIndex: next,
    timeBase: { time: millis(Math.max(raft.log.lastTime, raft.machineTime)), at: raft.now },
    proposals: new OpenProposals(),
    uncommittedBytes: raft.log.bytesAfter(raft.commit),
    heartbeatDue: raft.now,
    round: 0,
    roundSentAt: new Map(),
    quorumRound: 0,
    quorumSince: raft.now,
    roundTrip: UNMEASURED,
    lease: noLease(),
    newReads: [],
    readBatches: [],
    commitMovedAt: raft.now,
    commitNoticeDue: millis(Number.POSITIVE_INFINITY),
    spareDue: millis(Number.POSITIVE_INFINITY),
    transfer: undefined,
    invitedSuccessor: false,
  };
}

/**
 * The time to write into an entry: the cluster's own clock, which stands still while there is no
 * leader and never goes back (dissertation §6.3: only the log's time may expire sessions).
 */
export function clusterTime(raft: RaftState, leader: Leader): Millis {
  const elapsed = Math.floor(raft.now - leader.timeBase.at);
  return millis(Math.max(leader.timeBase.time + elapsed, raft.log.lastTime));
}

/** How far a voter's log is durable, as far as it counts: only with the disk it is known by. */
export function countedMatch(raft: RaftState, leader: Leader, member: Member): number {
  if (member.id === raft.self) return member.storage === raft.options.storage ? raft.durable : 0;
  const progress = leader.progress.get(member.id);
  return progress?.storage === member.storage ? progress.match : 0;
}

/** Notes which heartbeat rounds a quorum has answered, and so since when we surely led. */
export function updateQuorumContact(raft: RaftState, leader: Leader): void {
  const round = reachedByQuorum(raft.log.configuration, (member) => {
    if (member.id === raft.self) return leader.round;
    const progress = leader.progress.get(member.id);
    return progress?.storage === member.storage ? progress.round : 0;
  });
  if (round <= leader.quorumRound) return;
  leader.quorumSince = leader.roundSentAt.get(round) ?? leader.quorumSince;
  leader.quorumRound = round;
  measureRound(leader, raft.now - leader.quorumSince);
  for (const sent of leader.roundSentAt.keys()) {
    if (sent > round) break;
    leader.roundSentAt.delete(sent);
  }
}

/** Notes how long a majority took to answer a round, smoothed as TCP smooths its round trips. */
function measureRound(leader: Leader, ms: number): void {
  const before = leader.roundTrip;
  leader.roundTrip = millis(before === UNMEASURED ? ms : before + (ms - before) / SMOOTHING);
}

/** How long ago it was certain that no other leader could have been elected. */
export const quorumAge = (raft: RaftState, leader: Leader): Millis =>
  millis(raft.isSoleVoter ? 0 : raft.now - leader.quorumSince);
