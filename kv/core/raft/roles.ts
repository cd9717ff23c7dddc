/**
 * The roles of Figure 4, each with only its own state, and the one place where roles change.
 *
 * A pre-candidate is a follower that asks whether it would win before it raises its term
 * (dissertation §9.6), so that a node which cannot win disturbs nobody.
 */

import { invariant } from '../assert';
import {
  type LogIndex,
  logIndex,
  type Millis,
  type NodeId,
  type StorageId,
  type Term,
} from '../ids';
import { retryDeadline, silenceDeadline } from './election_timing';
import { noteContact } from './leader_contact';
import { type Leader, newLeadership, quorumAge } from './leadership';
import type { RaftState } from './state';

export interface Follower {
  readonly kind: 'follower';
  /** The leader of this term, once it has been heard. */
  leader: NodeId | undefined;
  /** When to stand for election if no leader is heard before. */
  electionDeadline: Millis;
  /** The log is known to match the leader's up to here. */
  verified: LogIndex;
  /** The highest `match` that the leader was told, so that it is not told twice. */
  told: LogIndex;
  /** An acknowledgement is owed even if it says nothing new. */
  owesAck: boolean;
}

export interface PreCandidate {
  readonly kind: 'pre_candidate';
  readonly votes: Map<NodeId, boolean>;
  electionDeadline: Millis;
}

export interface Candidate {
  readonly kind: 'candidate';
  /** Votes by voter, so that a repeated reply is counted once. Our own is not in it. */
  readonly votes: Map<NodeId, { readonly granted: boolean; readonly storage: StorageId }>;
  electionDeadline: Millis;
}

/** For how many spreads at least a question waits for its answers; votes have to wait for two disks. */
const PRE_VOTE_SPREADS = 1;
const VOTE_SPREADS = 2;

export type Role = Follower | PreCandidate | Candidate | Leader;

/** The role of a node that has just started: it listens first. */
export function startingRole(electionDeadline: Millis): Follower {
  return makeFollower(undefined, electionDeadline, logIndex(0));
}

function makeFollower(
  leader: NodeId | undefined,
  electionDeadline: Millis,
  verified: LogIndex,
): Follower {
  return {
    kind: 'follower',
    leader,
    electionDeadline,
    verified,
    told: logIndex(0),
    owesAck: false,
  };
}

/** Steps into `newTerm` without a leader (any role, §5.1), or back to follower in the same term. */
export function becomeFollower(raft: RaftState, newTerm: Term, reason: string): Follower {
  invariant(newTerm >= raft.term, 'terms never decrease', { term: raft.term, newTerm });
  raft.narrate(`${reason} → follower in term ${newTerm}`);
  const stepsDown = raft.role.kind === 'leader' ? raft.role : undefined;
  if (newTerm > raft.term) raft.setHardState(newTerm, undefined);
  // Only hearing a leader or granting a vote restarts the election timeout (§5.2): a node that can
  // not win must not keep the others from standing by raising the term again and again.
  const deadline = raft.role.kind === 'leader' ? silenceDeadline(raft) : raft.role.electionDeadline;
  // Committed entries are in the log of every later leader (§5.4), so they need no verifying.
  const follower = makeFollower(undefined, deadline, raft.commit);
  raft.role = follower;
  if (stepsDown !== undefined) raft.clients.leadershipLost(raft, stepsDown);
  return follower;
}

/** Notes that the leader of the current term was heard. */
export function followLeader(raft: RaftState, leader: NodeId): Follower {
  invariant(raft.role.kind !== 'leader', 'there is one leader in a term (§5.2)', {
    term: raft.term,
    self: raft.self,
    leader,
  });
  const follower =
    raft.role.kind === 'follower'
      ? raft.role
      : becomeFollower(raft, raft.term, `${leader} leads the term`);
  if (follower.leader !== leader) {
    invariant(follower.leader === undefined, 'there is one leader in a term (§5.2)', {
      term: raft.term,
      one: follower.leader,
      other: leader,
    });
    follower.leader = leader;
    raft.narrate(`follows ${leader}`);
    raft.clients.leaderFound(raft, leader);
  }
  noteContact(raft, leader);
  follower.electionDeadline = silenceDeadline(raft);
  return follower;
}

export function becomePreCandidate(raft: RaftState): PreCandidate {
  raft.contact.tries += 1;
  const role: PreCandidate = {
    kind: 'pre_candidate',
    votes: new Map(),
    electionDeadline: retryDeadline(raft, PRE_VOTE_SPREADS),
  };
  raft.role = role;
  return role;
}

/** Raises the term and votes for itself (§5.2). */
export function becomeCandidate(raft: RaftState): Candidate {
  raft.setHardState((raft.term + 1) as Term, raft.self);
  const role: Candidate = {
    kind: 'candidate',
    votes: new Map(),
    electionDeadline: retryDeadline(raft, VOTE_SPREADS),
  };
  raft.role = role;
  return role;
}

export function becomeLeader(raft: RaftState): Leader {
  invariant(raft.role.kind === 'candidate', 'only a candidate becomes leader', {
    role: raft.role.kind,
  });
  raft.narrate(`won the election → leader of term ${raft.term}`);
  const role = newLeadership(raft);
  raft.role = role;
  raft.contact.tries = 0;
  return role;
}

/** The leader that this node knows of, itself included. */
export function knownLeader(raft: RaftState): NodeId | undefined {
  if (raft.role.kind === 'leader') return raft.self;
  return raft.role.kind === 'follower' ? raft.role.leader : undefined;
}

/** For a leader: a majority has answered within an election timeout. Else: a leader is heard. */
export function hasQuorum(raft: RaftState): boolean {
  const { role, options } = raft;
  if (role.kind === 'leader') return quorumAge(raft, role) < options.electionTimeoutMinMs;
  return knownLeader(raft) !== undefined;
}
