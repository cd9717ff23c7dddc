/**
 * Handing the leadership over (dissertation §3.10), so that a planned stop costs no election
 * timeout: proposals pause, the most advanced voter is brought up to date, and is told to stand at
 * once. If that does not work within an election timeout, the leader goes on.
 */

import { type Millis, millis, type NodeId, type RequestId } from '../ids';
import { campaign } from './election';
import { releasePromise } from './leader_contact';
import { countedMatch, type Leader } from './leadership';
import { findMember } from './membership';
import type { MessageOf } from './messages';
import { knownLeader } from './roles';
import type { RaftState } from './state';

export function startTransfer(raft: RaftState, id: RequestId, deadline: Millis): void {
  const { role } = raft;
  if (role.kind !== 'leader') {
    return raft.clients.answer(raft, id, { kind: 'transferred', leader: knownLeader(raft) });
  }
  const target = mostAdvancedVoter(raft, role);
  if (target === undefined) {
    return raft.clients.answer(raft, id, { kind: 'transferred', leader: undefined });
  }
  const limit = millis(Math.min(deadline, raft.now + raft.options.electionTimeoutMaxMs));
  role.transfer ??= { target, deadline: limit, sent: false, requests: [] };
  role.transfer.requests.push(id);
  raft.narrate(`hands the leadership over to ${role.transfer.target}`);
}

/** Tells the target to stand once it has the whole log, or gives up; once for each step. */
export function continueTransfer(raft: RaftState, leader: Leader): void {
  const { transfer } = leader;
  if (transfer === undefined) return;
  if (raft.now >= transfer.deadline) {
    raft.narrate('the transfer took too long → goes on leading');
    leader.transfer = undefined;
    return endTransfer(raft, transfer.requests, raft.self);
  }
  const progress = leader.progress.get(transfer.target);
  if (transfer.sent || progress === undefined || progress.match < raft.log.lastIndex) return;
  transfer.sent = true;
  leader.invitedSuccessor = true;
  raft.send(transfer.target, { kind: 'timeout_now', term: raft.term });
}

/** Answers those who asked for the transfer: a leadership has ended or a transfer was given up. */
export function endTransfer(raft: RaftState, requests: readonly number[], leader?: NodeId): void {
  for (const id of requests) {
    raft.clients.answer(raft, id as RequestId, { kind: 'transferred', leader });
  }
}

/** The leader asks us to stand: no pre-vote, since nobody need be asked whether it is gone. */
export function receiveTimeoutNow(
  raft: RaftState,
  from: NodeId,
  message: MessageOf<'timeout_now'>,
): void {
  if (message.term !== raft.term || raft.role.kind !== 'follower' || !raft.mayCampaign) return;
  raft.narrate(`${from} hands the leadership over`);
  // Before it asked, it gave up every lease of its term: there is nothing left to be promised.
  releasePromise(raft);
  campaign(raft, true);
}

function mostAdvancedVoter(raft: RaftState, leader: Leader): NodeId | undefined {
  const { configuration } = raft.log;
  const reachable = [...leader.progress.values()].filter((progress) => {
    const member = findMember(configuration, progress.id);
    const voter = configuration.voters.some((each) => each.id === progress.id);
    const heard = raft.now - progress.heardAt < raft.options.electionTimeoutMinMs;
    return voter && heard && member !== undefined && countedMatch(raft, leader, member) > 0;
  });
  return reachable.sort((x, y) => y.match - x.match)[0]?.id;
}
