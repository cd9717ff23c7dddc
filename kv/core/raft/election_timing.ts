/**
 * When a node stands for election. All moments are random (§5.2), and this file says within what.
 *
 *     a leader was heard, or a vote given    the shortest timeout, and up to one spread more
 *     the link to the leader has closed      at once, or up to one spread later
 *     a question for votes is under way      one to two spreads, twice as long with each try in a row,
 *                                            in the end any timeout of the configured range
 *
 * The *spread* is as long as it must be for candidates not to collide: some round trips, as the leader
 * measured them, and within the configured bounds. The shortest timeout is not measured but agreed:
 * promises and leases last so long.
 */

import { type Millis, millis } from '../ids';
import { promisedUntil } from './leader_contact';
import type { RaftState } from './state';

/** Of two candidates that stand this many round trips apart, the first has won before the second asks. */
const SPREAD_ROUND_TRIPS = 10;
/** Doubling more often than this changes nothing. */
const MAX_DOUBLINGS = 20;

/** Over how long a time the moments at which nodes stand are spread, in milliseconds. */
export function spreadOf({ options, contact }: RaftState): number {
  const { electionTimeoutMinMs, electionTimeoutMaxMs, electionSpreadMinMs } = options;
  const widest = electionTimeoutMaxMs - electionTimeoutMinMs;
  if (contact.roundTrip === undefined) return widest;
  const measured = Math.ceil(SPREAD_ROUND_TRIPS * contact.roundTrip);
  return Math.min(widest, Math.max(electionSpreadMinMs, measured));
}

/** For whoever has heard a leader or given a vote: silence until then means that it is gone. */
export function silenceDeadline(raft: RaftState): Millis {
  const { electionTimeoutMinMs } = raft.options;
  return millis(raft.now + electionTimeoutMinMs + raft.prng.between(0, spreadOf(raft)));
}

/** For whoever has lost the link to its leader: as soon as it has promised nothing any more. */
export function lostLinkDeadline(raft: RaftState): Millis {
  const free = Math.max(raft.now, promisedUntil(raft));
  return millis(free + raft.prng.between(0, spreadOf(raft)));
}

/**
 * For whoever has just asked for pre-votes or votes: when to begin anew. Two that stood together are
 * apart the next time, without waiting for a whole timeout; and who cannot win, or has a slow disk,
 * soon asks no more often than without all this.
 */
export function retryDeadline(raft: RaftState, spreads: number): Millis {
  const { electionTimeoutMinMs, electionTimeoutMaxMs } = raft.options;
  // Whoever was told to stand has not tried by itself.
  const doublings = Math.max(0, Math.min(raft.contact.tries - 1, MAX_DOUBLINGS));
  const least = spreadOf(raft) * spreads * 2 ** doublings;
  return least >= electionTimeoutMinMs
    ? millis(raft.now + raft.prng.between(electionTimeoutMinMs, electionTimeoutMaxMs))
    : millis(raft.now + raft.prng.between(least, 2 * least));
}
