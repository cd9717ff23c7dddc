/**
 * Thrift: whom a leader addresses at once, and who may wait a little.
 *
 * What a quorum holds is committed, so a leader needs the answers of as many followers as make a
 * quorum with itself. And for each message a follower wakes up, flushes, wakes up again and answers,
 * however few entries are in it. So the followers beyond the quorum, the spares, get the same entries
 * in fewer and larger messages. Moraru, Andersen and Kaminsky call it thrifty ("There Is More
 * Consensus in Egalitarian Parliaments", SOSP 2013).
 *
 * A spare waits for `spareDelayMs` at the longest, and only for `sparePatienceMs` while those that are
 * needed say nothing, so not at all where there is little to do. Whoever has acknowledged least is
 * spare: if a needed follower stalls, a spare has overtaken it after that time and takes its place.
 */

import { logIndex, type Millis, millis } from '../ids';
import { countedMatch, type Leader } from './leadership';
import { isJoint } from './membership';
import type { Progress } from './progress';
import type { RaftState } from './state';

const NEVER = millis(Number.POSITIVE_INFINITY);

/** Says anew which followers are spares; before anything is sent. */
export function chooseSpares(raft: RaftState, leader: Leader): void {
  leader.spareDue = NEVER;
  const needed = followersNeeded(raft, leader);
  const ranked = [...leader.progress.values()].sort(
    (one, other) =>
      reached(raft, leader, other) - reached(raft, leader, one) ||
      other.round - one.round ||
      Number(one.isSpare) - Number(other.isSpare),
  );
  for (const [place, progress] of ranked.entries()) progress.isSpare = place >= needed;
}

/** How many followers make a quorum with this node; all of them where each answer is waited for. */
function followersNeeded(raft: RaftState, leader: Leader): number {
  const { configuration } = raft.log;
  const isUrgent = leader.transfer !== undefined || isJoint(configuration);
  if (raft.options.spareDelayMs === 0 || isUrgent) return leader.progress.size;
  const quorum = Math.floor(configuration.voters.length / 2) + 1;
  let ahead = 0;
  for (const progress of leader.progress.values()) {
    if (reached(raft, leader, progress) > raft.durable) ahead += 1;
  }
  // If our own disk is slower than so many followers, it is they that entries are committed by.
  return ahead >= quorum ? quorum : quorum - 1;
}

/** How far a follower has acknowledged, as a voter that can be reached; -1 for everybody else. */
function reached(raft: RaftState, leader: Leader, { id, mode }: Progress): number {
  if (mode.kind !== 'stream' || raft.links.get(id) === false) return -1;
  const member = raft.log.configuration.voters.find((voter) => voter.id === id);
  return member === undefined ? -1 : countedMatch(raft, leader, member);
}

/** Whether the entries that there are for a follower may wait for more. */
export function entriesMayWait(raft: RaftState, leader: Leader, progress: Progress): boolean {
  const { log, commit, options } = raft;
  const { isSpare, next, sentAt } = progress;
  const entries = log.lastIndex + 1 - next;
  if (!isSpare || entries === 0 || entries >= options.spareMessageEntries) return false;
  if (log.bytesAfter(logIndex(next - 1)) >= options.maxBytesPerMessage) return false;
  // What is committed needs nobody's help.
  return mayWait(raft, leader, sentAt, commit === log.lastIndex ? NEVER : leader.commitMovedAt);
}

/** Whether a round of heartbeats that reads wait for may do without this follower's answer as yet. */
export function roundMayWait(raft: RaftState, leader: Leader, progress: Progress): boolean {
  return progress.isSpare && mayWait(raft, leader, progress.askedAt, leader.quorumSince);
}

/** A spare was last sent something at `since`; those that are needed have been heard of at `heardAt`. */
function mayWait(raft: RaftState, leader: Leader, since: Millis, heardAt: Millis): boolean {
  const { spareDelayMs, sparePatienceMs } = raft.options;
  const late = Math.max(since, heardAt) + sparePatienceMs;
  const due = millis(Math.min(since + spareDelayMs, late));
  if (raft.now >= due) return false;
  if (due < leader.spareDue) leader.spareDue = due;
  return true;
}
