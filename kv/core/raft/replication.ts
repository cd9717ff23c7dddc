/**
 * How a leader spreads its log (§5.3): pipelined and batched AppendEntries, heartbeats beside
 * them, and what the answers mean.
 */

import { logIndex, type Millis, millis, type NodeId } from '../ids';
import { linkClosed } from './election';
import { acknowledged, heard } from './follower_contact';
import { type Leader, quorumAge, updateQuorumContact } from './leadership';
import { asksForLease, dropUnusedLease } from './lease';
import { type Member, reachedByQuorum } from './membership';
import type { MessageOf } from './messages';
import type { Progress } from './progress';
import { sendSnapshotSlice, startSnapshot } from './snapshot_sending';
import { chooseSpares, entriesMayWait, roundMayWait } from './spares';
import type { RaftState } from './state';

/** How long a commit index may wait for a message that carries it anyway, in milliseconds. */
const COMMIT_NOTICE_MS = 5;
/** More unanswered heartbeat rounds than this are not begun for reads. */
const MAX_OPEN_ROUNDS = 64;

/** For `echo`: this heartbeat vouches for no moment. */
const NO_ECHO = millis(-1);

/** Sends every follower what it may be sent now; once at the end of each step. */
export function replicate(raft: RaftState, leader: Leader): void {
  chooseSpares(raft, leader);
  for (const progress of leader.progress.values()) replicateTo(raft, leader, progress);
  if (raft.now >= leader.heartbeatDue) return broadcastHeartbeat(raft, leader);
  askForRound(raft, leader);
  if (raft.now >= leader.commitNoticeDue) noticeCommit(raft, leader);
}

function replicateTo(raft: RaftState, leader: Leader, progress: Progress): void {
  const { options } = raft;
  const patience = options.electionTimeoutMinMs;
  if (progress.mode.kind === 'stream' && progress.isStuck(raft.now, patience)) {
    raft.narrate(`${progress.id} does not acknowledge → probe`);
    progress.probeFrom(logIndex(progress.match + 1));
  }
  const needsCompacted = progress.next <= raft.log.baseIndex;
  if (needsCompacted && progress.mode.kind !== 'snapshot') startSnapshot(raft, progress);
  switch (progress.mode.kind) {
    case 'snapshot':
      return sendSnapshotSlice(raft, progress);
    case 'probe': {
      // A probe goes out even without entries, so that a follower which lost some is found out.
      if (raft.now - progress.mode.sentAt < patience) return;
      progress.mode.sentAt = raft.now;
      return sendEntries(raft, leader, progress);
    }
    case 'stream':
      if (entriesMayWait(raft, leader, progress)) return;
      while (
        progress.next <= raft.log.lastIndex &&
        progress.hasRoom(options.maxInflightMessages, options.maxInflightBytes)
      ) {
        sendEntries(raft, leader, progress);
      }
  }
}

function sendEntries(raft: RaftState, leader: Leader, progress: Progress): void {
  const { maxEntriesPerMessage, maxBytesPerMessage } = raft.options;
  const baseIndex = logIndex(progress.next - 1);
  const entries = raft.log.slice(progress.next, maxEntriesPerMessage, maxBytesPerMessage);
  raft.send(progress.id, {
    kind: 'append_entries',
    term: leader.term,
    baseIndex,
    baseTerm: raft.log.termAt(baseIndex) ?? raft.log.baseTerm,
    commit: raft.commit,
    entries,
  });
  progress.commitSent = raft.commit;
  const last = logIndex(baseIndex + entries.length);
  const bytes = entries.size;
  if (progress.mode.kind === 'probe') Object.assign(progress.mode, { last, bytes });
  else progress.sent(last, bytes, raft.now);
}

/** Begins a heartbeat round: the answers to it confirm that we still lead as of now. */
export function beginRound(raft: RaftState, leader: Leader): number {
  dropUnusedLease(raft, leader);
  leader.round += 1;
  leader.roundSentAt.set(leader.round, raft.now);
  updateQuorumContact(raft, leader);
  return leader.round;
}

function broadcastHeartbeat(raft: RaftState, leader: Leader): void {
  beginRound(raft, leader);
  leader.heartbeatDue = millis(raft.now + raft.options.heartbeatMs);
  leader.commitNoticeDue = millis(Number.POSITIVE_INFINITY);
  for (const progress of leader.progress.values()) sendHeartbeat(raft, leader, progress);
}

/** Asks for the round that the newest reads wait for; a quorum is enough, if it answers. */
function askForRound(raft: RaftState, leader: Leader): void {
  const round = leader.readBatches.at(-1)?.round ?? 0;
  for (const progress of leader.progress.values()) {
    if (progress.askedRound >= round || roundMayWait(raft, leader, progress)) continue;
    sendHeartbeat(raft, leader, progress);
  }
}

export const mayOpenRound = (leader: Leader): boolean => leader.roundSentAt.size < MAX_OPEN_ROUNDS;

function sendHeartbeat(raft: RaftState, leader: Leader, progress: Progress): void {
  // Before its no-op is committed a leader does not know what is (§8): its commit index then says
  // nothing about how fresh a state is.
  const knowsCommit = raft.commit >= leader.noopIndex;
  raft.send(progress.id, {
    kind: 'heartbeat',
    term: leader.term,
    commit: raft.commit,
    round: leader.round,
    echo: knowsCommit ? progress.clock : NO_ECHO,
    quorumAge: quorumAge(raft, leader),
    roundTrip: leader.roundTrip,
    lease: asksForLease(leader),
  });
  progress.commitSent = raft.commit;
  progress.askedAt = raft.now;
  progress.askedRound = leader.round;
}

/** Followers learn a new commit index soon, even when no entries follow that would carry it. */
export function commitMoved(raft: RaftState, leader: Leader): void {
  leader.commitMovedAt = raft.now;
  if (leader.commitNoticeDue > raft.now + COMMIT_NOTICE_MS) {
    leader.commitNoticeDue = millis(raft.now + COMMIT_NOTICE_MS);
  }
}

function noticeCommit(raft: RaftState, leader: Leader): void {
  leader.commitNoticeDue = millis(Number.POSITIVE_INFINITY);
  for (const progress of leader.progress.values()) {
    const { commitSent, isSpare, next, sentAt } = progress;
    // The entries that a spare waits for will tell it.
    const hasWaiting = isSpare && next <= raft.log.lastIndex;
    if (commitSent >= raft.commit || hasWaiting) continue;
    // Where entries go all the time, each message tells what those before it have come to.
    const due = millis(sentAt + COMMIT_NOTICE_MS);
    if (raft.now >= due) sendHeartbeat(raft, leader, progress);
    else if (due < leader.commitNoticeDue) leader.commitNoticeDue = due;
  }
}

export function receiveAppendEntriesReply(
  raft: RaftState,
  from: NodeId,
  message: MessageOf<'append_entries_reply'>,
): void {
  const progress = heard(raft, from, message.term, message.storage);
  if (progress !== undefined) acknowledged(raft, progress, message.match);
}

export function receiveHeartbeatReply(
  raft: RaftState,
  from: NodeId,
  message: MessageOf<'heartbeat_reply'>,
): void {
  const progress = heard(raft, from, message.term, message.storage);
  if (progress === undefined || raft.role.kind !== 'leader') return;
  progress.clock = message.clock;
  // An answer to a round that has not begun is none.
  const newest = message.round >= progress.round && message.round <= raft.role.round;
  if (newest) progress.round = message.round;
  // An acknowledgement that was lost is repeated here.
  if (message.match > progress.match) acknowledged(raft, progress, message.match);
  // A follower that has started anew does not know how far its log matches ours, and so not what is
  // committed: a message without entries tells it.
  else if (newest && message.match < progress.match && progress.isIdle) {
    progress.probeFrom(logIndex(progress.match + 1));
  }
  updateQuorumContact(raft, raft.role);
}

export function receiveAppendEntriesReject(
  raft: RaftState,
  from: NodeId,
  message: MessageOf<'append_entries_reject'>,
): void {
  const progress = heard(raft, from, message.term, message.storage);
  if (progress === undefined || progress.mode.kind === 'snapshot') return;
  // A refusal of something that has since matched, or that we do not ask any more, is old news.
  const stale =
    message.baseIndex <= progress.match ||
    (progress.mode.kind === 'probe' && message.baseIndex !== progress.next - 1);
  if (stale) return;
  const at = logIndex(Math.max(message.hintIndex, raft.log.baseIndex));
  const hint = raft.log.lastAtMost(at, message.hintTerm);
  // Where our log does not reach down to the hint, only a snapshot helps.
  const next = message.hintIndex < raft.log.baseIndex ? message.hintIndex + 1 : hint.index + 1;
  raft.narrate(`${from} does not hold ${message.baseIndex} → probe from ${next}`);
  progress.probeFrom(logIndex(Math.min(next, message.baseIndex)));
}

/** The links to a peer came or went: what was under way is lost, so probe at once. */
export function linkChanged(raft: RaftState, peer: NodeId, up: boolean): void {
  noteLink(raft, peer, up);
  if (!up) return linkClosed(raft, peer);
  if (raft.role.kind !== 'leader') return;
  const progress = raft.role.progress.get(peer);
  if (progress === undefined) return;
  if (progress.mode.kind === 'snapshot') progress.mode.sentAt = millis(Number.NEGATIVE_INFINITY);
  else progress.probeFrom(logIndex(progress.match + 1));
  sendHeartbeat(raft, raft.role, progress);
}

/** Notes whether a peer can be reached, as far as a link event or a message of its tells. */
export function noteLink(raft: RaftState, peer: NodeId, up: boolean): void {
  raft.links.set(peer, up);
  // A peer that nothing has told of may well be reached.
  const linked = ({ id }: Member) => (raft.links.get(id) === false ? 0 : 1);
  raft.cutOff = reachedByQuorum(raft.log.configuration, linked) === 0;
}

/**
 * When replication wants to run although nothing happens. Heartbeats come often enough to look
 * after probes and lost messages on the way.
 */
export const replicationWakeAt = (leader: Leader): Millis =>
  millis(Math.min(leader.heartbeatDue, leader.commitNoticeDue, leader.spareDue));
