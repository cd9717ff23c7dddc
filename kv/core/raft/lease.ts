/**
 * Leases (dissertation §6.4.1): for a while after a majority has answered, the leader answers reads
 * without asking anybody.
 *
 * A lease rests on promises that were asked for and given, and on nothing else. While clients want
 * lease reads, heartbeats say so (`lease`), and whoever answers such a round votes for nobody until
 * the shortest election timeout has passed on its clock (`leader_contact.ts`). Nobody who has not
 * promised need hold back when the leader's link closes. So a cluster in which no lease is used
 * replaces a dead leader at once, and one in which they are waits for its promises: never is a lease
 * weighed against what a closed connection may mean.
 */

import { type Millis, millis } from '../ids';
import type { Leader } from './leadership';
import type { RaftState } from './state';

/** The part of the shortest election timeout that a lease lasts: the rest is for clock drift. */
const LEASE_PART = 0.8;

export interface Lease {
  /** Rounds from this one on have asked for a promise; undefined while none does. */
  fromRound: number | undefined;
  /** Until when rounds go on asking, if no lease read comes. */
  wantedUntil: Millis;
}

export const noLease = (): Lease => ({
  fromRound: undefined,
  wantedUntil: millis(Number.NEGATIVE_INFINITY),
});

/** A client wants to read by lease: from the next round on, heartbeats ask for it. */
export function wantLease(raft: RaftState, leader: Leader): void {
  leader.lease.wantedUntil = millis(raft.now + raft.options.electionTimeoutMinMs);
  leader.lease.fromRound ??= leader.round + 1;
}

/** Before a round begins: one that nobody reads by any more asks for no promise. */
export function dropUnusedLease(raft: RaftState, leader: Leader): void {
  if (raft.now >= leader.lease.wantedUntil) leader.lease.fromRound = undefined;
}

/** Whether the present round asks for a promise; all heartbeats of a round say the same. */
export function asksForLease({ lease, round }: Leader): boolean {
  return lease.fromRound !== undefined && round >= lease.fromRound;
}

/**
 * Whether no other leader can have been elected yet: a majority has promised so recently that it
 * still refuses to vote. It would not refuse a node that we ourselves told to stand.
 */
export function leaseIsValid(raft: RaftState, leader: Leader): boolean {
  if (raft.commit < leader.noopIndex || leader.invitedSuccessor) return false;
  if (raft.isSoleVoter) return true;
  // Each of a majority has answered this round or a later one, and they have all asked.
  const { fromRound } = leader.lease;
  if (fromRound === undefined || leader.quorumRound < fromRound) return false;
  return raft.now - leader.quorumSince < raft.options.electionTimeoutMinMs * LEASE_PART;
}
