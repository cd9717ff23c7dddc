/**
 * What a node knows of the leader that it last heard, of whatever term, and what it owes to it.
 *
 * Two things keep it from helping somebody else to the leadership, and they are not the same:
 *
 * - It *hears a leader* (§4.2.3): an election would be a disturbance. That is a matter of peace, not of
 *   safety, so it ends at once when the link to that leader closes.
 * - It *has promised*: it answered a heartbeat that asked for a lease. The leader may answer reads
 *   because of it, so it holds for the shortest election timeout, whatever happens to links.
 */

import { type Millis, millis, type NodeId } from '../ids';
import type { RaftState } from './state';

export interface LeaderContact {
  /** When a leader was last heard. */
  heardAt: Millis;
  /** The one that was; undefined if this process has heard none. */
  from: NodeId | undefined;
  /** The link to it was closed after it was heard. */
  isLost: boolean;
  /** When a leader was last promised that nobody else gets this node's vote for a while. */
  promisedAt: Millis;
  /** How often in a row this node has asked for votes since it heard a leader. */
  tries: number;
  /** How long a round trip between nodes takes, as a leader has measured; undefined: not told. */
  roundTrip: Millis | undefined;
}

/**
 * The contact of a process that has just started. One that may have heard a leader, and promised,
 * just before it stopped begins as if it had: leases depend on it (dissertation §6.4.1).
 */
export function startingContact(mayHaveHeard: boolean, now: Millis): LeaderContact {
  const at = mayHaveHeard ? now : millis(Number.NEGATIVE_INFINITY);
  return {
    ...{ heardAt: at, from: undefined, isLost: false, promisedAt: at },
    ...{ tries: 0, roundTrip: undefined },
  };
}

/** The leader of the current term was heard. */
export function noteContact(raft: RaftState, leader: NodeId): void {
  const { contact } = raft;
  contact.heardAt = raft.now;
  contact.from = leader;
  contact.isLost = false;
  contact.tries = 0;
}

/** Until when this node has promised to elect nobody. */
export const promisedUntil = (raft: RaftState): Millis =>
  millis(raft.contact.promisedAt + raft.options.electionTimeoutMinMs);

/** True while a leader may hold a lease because of what this node has told it. */
export const hasPromised = (raft: RaftState): boolean => raft.now < promisedUntil(raft);

/** The leader that was promised something wants it no more. */
export function releasePromise({ contact }: RaftState): void {
  contact.promisedAt = millis(Number.NEGATIVE_INFINITY);
}

/** True while this node must not help to replace the leader that it has heard, or that it is. */
export function protectsLeader(raft: RaftState): boolean {
  if (hasPromised(raft)) return true;
  const { role, contact, options } = raft;
  const heardAt = role.kind === 'leader' ? role.quorumSince : contact.heardAt;
  const isGone = role.kind !== 'leader' && contact.isLost;
  return !isGone && raft.now - heardAt < options.electionTimeoutMinMs;
}
