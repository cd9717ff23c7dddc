/**
 * Leader election (§5.2, §5.4.1) with PreVote (dissertation §9.6) and the rule that a node which
 * hears a leader helps nobody to replace it (§4.2.3, `leader_contact.ts`). When a node stands is in
 * `election_timing.ts`.
 */

import { invariant } from '../assert';
import { millis, type NodeId, type StorageId, storageId } from '../ids';
import { lostLinkDeadline, silenceDeadline } from './election_timing';
import { hasPromised, protectsLeader } from './leader_contact';
import { allMembers, findMember, isUnbound, isVoter, type Member, voteOutcome } from './membership';
import type { MessageOf } from './messages';
import { appendTermStart } from './proposals';
import {
  becomeCandidate,
  becomeFollower,
  becomeLeader,
  becomePreCandidate,
  type Candidate,
} from './roles';
import type { RaftState } from './state';

/** The election timeout has passed without a leader. */
export function electionTimeout(raft: RaftState): void {
  if (raft.role.kind === 'leader') return;
  if (!raft.mayCampaign) {
    raft.role.electionDeadline = silenceDeadline(raft);
    return;
  }
  raft.narrate('election timeout → ask for pre-votes');
  const role = becomePreCandidate(raft);
  role.votes.set(raft.self, true);
  const { lastIndex, lastTerm } = raft.log;
  for (const voter of otherVoters(raft)) {
    const voterStorage = knownStorage(raft, voter);
    raft.send(voter, { kind: 'pre_vote', term: raft.term, lastIndex, lastTerm, voterStorage });
  }
  countPreVotes(raft);
}

/** Stands for election at once; the old leader asked for it if `transfer`. */
export function campaign(raft: RaftState, transfer: boolean): void {
  const mayVote = transfer || !hasPromised(raft);
  invariant(mayVote, 'who has promised a lease votes for nobody', {
    now: raft.now,
    promised: raft.contact.promisedAt,
  });
  becomeCandidate(raft);
  raft.narrate('stands for election');
  const { lastIndex, lastTerm } = raft.log;
  for (const voter of otherVoters(raft)) {
    raft.send(voter, {
      kind: 'request_vote',
      term: raft.term,
      lastIndex,
      lastTerm,
      voterStorage: knownStorage(raft, voter),
      transfer,
    });
  }
  countVotes(raft);
}

/** A pure question: neither the term, nor a timer, nor anything else changes here. */
export function receivePreVote(
  raft: RaftState,
  from: NodeId,
  message: MessageOf<'pre_vote'>,
): void {
  const refusal = message.term < raft.term ? 'its term is over' : voteRefusal(raft, message, false);
  raft.narrate(`pre-vote for ${from}: ${refusal ?? 'granted'}`);
  raft.send(from, {
    kind: 'pre_vote_reply',
    term: raft.term,
    asked: message.term,
    granted: refusal === undefined,
  });
}

export function receivePreVoteReply(
  raft: RaftState,
  from: NodeId,
  message: MessageOf<'pre_vote_reply'>,
): void {
  if (raft.role.kind !== 'pre_candidate' || message.asked !== raft.term) return;
  raft.role.votes.set(from, message.granted);
  countPreVotes(raft);
}

export function receiveRequestVote(
  raft: RaftState,
  from: NodeId,
  message: MessageOf<'request_vote'>,
): void {
  const refusal = requestVoteRefusal(raft, from, message);
  raft.narrate(`vote for ${from}: ${refusal ?? 'granted'}`);
  if (refusal === undefined && raft.votedFor === undefined) raft.setHardState(raft.term, from);
  // Granting a vote restarts the election timeout (§5.2); refusing one does not.
  if (refusal === undefined && raft.role.kind === 'follower') {
    raft.role.electionDeadline = silenceDeadline(raft);
  }
  raft.send(from, {
    kind: 'request_vote_reply',
    term: raft.term,
    granted: refusal === undefined,
    storage: raft.options.storage,
  });
}

export function receiveRequestVoteReply(
  raft: RaftState,
  from: NodeId,
  message: MessageOf<'request_vote_reply'>,
): void {
  if (raft.role.kind !== 'candidate' || message.term !== raft.term) return;
  raft.role.votes.set(from, { granted: message.granted, storage: message.storage });
  countVotes(raft);
}

/** Counts once more when our own term and vote have become durable: only then do we vote. */
export function ownVoteDurable(raft: RaftState): void {
  if (raft.role.kind === 'candidate') countVotes(raft);
}

/**
 * The link to a peer has closed. If that one led, its process may have died, and nobody need wait for
 * its silence to show it: a follower asks for pre-votes soon. If it lives after all, those who still
 * hear it refuse; and whoever has promised it a lease waits until the promise is over.
 */
export function linkClosed(raft: RaftState, peer: NodeId): void {
  const { contact, role } = raft;
  if (contact.from !== peer || contact.isLost || role.kind === 'leader') return;
  contact.isLost = true;
  raft.narrate(`the link to ${peer} has closed → it counts as heard no more`);
  if (role.kind !== 'follower') return;
  role.electionDeadline = millis(Math.min(role.electionDeadline, lostLinkDeadline(raft)));
}

function requestVoteRefusal(
  raft: RaftState,
  from: NodeId,
  message: MessageOf<'request_vote'>,
): string | undefined {
  if (message.term < raft.term) return 'its term is over';
  if (raft.votedFor !== undefined && raft.votedFor !== from) {
    return `already voted for ${raft.votedFor}`;
  }
  if (raft.role.kind === 'leader' || raft.role.kind === 'candidate') return 'voted for itself';
  return voteRefusal(raft, message, message.transfer);
}

/** Why not to vote for a candidate, whatever the term; undefined if there is no reason. */
function voteRefusal(
  raft: RaftState,
  candidate: MessageOf<'pre_vote'> | MessageOf<'request_vote'>,
  transfer: boolean,
): string | undefined {
  if (!transfer && protectsLeader(raft)) return 'heard a leader lately';
  const { lastIndex, lastTerm, voterStorage } = candidate;
  if (!raft.log.isUpToDate(lastIndex, lastTerm)) {
    return `its log ends at ${lastIndex}@${lastTerm}, ours at ${raft.log.lastIndex}@${raft.log.lastTerm}`;
  }
  // A voter whose disk the cluster does not know may have voted in this very term with its former
  // one. Only before the first entry of all, when no disk is known, may an unknown one vote.
  const begins = voterStorage === 0 && lastIndex === 0;
  if (voterStorage !== raft.options.storage && !begins) return 'this disk is not known as a voter';
  return undefined;
}

function countPreVotes(raft: RaftState): void {
  const { role } = raft;
  invariant(role.kind === 'pre_candidate', 'pre-votes are for pre-candidates', { role: role.kind });
  const outcome = voteOutcome(raft.log.configuration, ({ id, storage }) => {
    const granted = role.votes.get(id);
    // A voter answers as the disk that it was asked as, and only that one would have a vote.
    return granted && storage === knownStorage(raft, id);
  });
  if (outcome === 'won') campaign(raft, false);
  // When it is lost we wait for the next timeout: a leader, or more votes, may come before.
}

function countVotes(raft: RaftState): void {
  const role = raft.role as Candidate;
  const outcome = voteOutcome(raft.log.configuration, (member) => voteOf(raft, role, member));
  if (outcome === 'lost') becomeFollower(raft, raft.term, 'lost the election');
  if (outcome !== 'won') return;
  const voters = [...role.votes].filter(([, vote]) => vote.granted);
  const leader = becomeLeader(raft);
  for (const [id, vote] of voters) {
    const progress = leader.progress.get(id);
    if (progress !== undefined) progress.storage = vote.storage;
  }
  appendTermStart(raft, leader);
  raft.clients.leaderFound(raft, raft.self);
}

/** The vote of a member: only the disk that it is known by can give it. */
function voteOf(raft: RaftState, role: Candidate, member: Member): boolean | undefined {
  const own = { granted: true, storage: raft.options.storage };
  const vote = member.id === raft.self ? own : role.votes.get(member.id);
  if (vote === undefined) return undefined;
  if (!vote.granted || (member.storage !== 0 && member.storage !== vote.storage)) return false;
  return member.id !== raft.self || raft.hardStateDurable || undefined;
}

function otherVoters(raft: RaftState): NodeId[] {
  const { configuration } = raft.log;
  return allMembers(configuration).filter((id) => id !== raft.self && isVoter(configuration, id));
}

/** The disk that our configuration knows a voter by; 0 while the cluster has not begun. */
function knownStorage(raft: RaftState, voter: NodeId): StorageId {
  const { configuration } = raft.log;
  if (isUnbound(configuration)) return storageId(0);
  return findMember(configuration, voter)?.storage ?? storageId(0);
}
