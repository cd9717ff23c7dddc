/** What clients are told: where an answer came from, and why there is none. */

import { type OperatingError, operatingError } from '../errors';
import type { LogIndex, Millis } from '../ids';
import { quorumAge } from './leadership';
import type { Refusal } from './proposals';
import type { RaftReply, ServedFrom } from './requests';
import { hasQuorum, knownLeader } from './roles';
import type { RaftState } from './state';

export const failed = (error: OperatingError): RaftReply<unknown> => ({ kind: 'failed', error });

/** What an answer says about where it came from. */
export function servedFrom(raft: RaftState, index: LogIndex, age: Millis): ServedFrom {
  return { index, term: raft.term, leader: knownLeader(raft), age };
}

/** Why nothing could be done: there is no leader, or it has no majority behind it. */
export function unavailable(raft: RaftState): OperatingError {
  const { role, term } = raft;
  if (role.kind === 'leader') {
    const age = Math.round(quorumAge(raft, role));
    const message = 'This node leads but has not reached a majority of the nodes; try again later';
    return operatingError('no_quorum', message, { term, quorum_age_ms: age });
  }
  const message =
    'No leader is known: an election is under way, or too few nodes can reach each other';
  return operatingError('no_leader', message, { term });
}

/** Why a request that was not handed over has no answer: nobody can serve it, or it waited too little. */
export function notInTime(raft: RaftState, message: string): OperatingError {
  const isCutOff = raft.role.kind === 'leader' && raft.cutOff;
  if (isCutOff || !hasQuorum(raft)) return unavailable(raft);
  const details = { commit_index: raft.commit, term: raft.term };
  return operatingError('timeout_not_applied', message, details);
}

/** Why a leader did not take a write into its log. */
export function refusalError(raft: RaftState, code: Refusal | 'too_large'): OperatingError {
  if (code === 'too_large') {
    return operatingError('too_large', 'The write is larger than the leader accepts');
  }
  if (code !== 'overloaded') return unavailable(raft);
  const message = 'Too much is waiting to be replicated; try again later';
  return operatingError('overloaded', message, { limit: raft.options.maxUncommittedBytes });
}
