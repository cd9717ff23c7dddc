/** A follower takes entries and heartbeats of the leader (Figure 2, AppendEntries RPC). */

import { invariant } from '../assert';
import { type LogIndex, logIndex, millis, type NodeId, type Term } from '../ids';
import { checkRun, type EntryRun } from './entry_run';
import type { MessageOf } from './messages';
import { type Follower, followLeader } from './roles';
import { type RaftState, writePlaced } from './state';

export function receiveAppendEntries(
  raft: RaftState,
  from: NodeId,
  message: MessageOf<'append_entries'>,
): void {
  // 1. "Reply false if term < currentTerm" (§5.1): the old leader must learn that it is one.
  if (message.term < raft.term) return rejectAppend(raft, from, message);
  const follower = followLeader(raft, from);
  checkEntries(message);
  // 2. "Reply false if log doesn't contain an entry at prevLogIndex whose term matches" (§5.3).
  if (!holdsBase(raft, message)) return rejectAppend(raft, from, message);
  // 3. and 4. Delete from the first real conflict, append what is new. An old or repeated message
  // finds its entries already there and must change nothing.
  const fresh = message.entries.from(heldOf(raft, message.entries));
  if (fresh.length > 0) appendRun(raft, fresh);
  const verified = message.baseIndex + message.entries.length;
  follower.verified = logIndex(Math.max(follower.verified, verified));
  follower.owesAck = true;
  learnCommit(raft, follower, message.commit);
}

export function receiveHeartbeat(
  raft: RaftState,
  from: NodeId,
  message: MessageOf<'heartbeat'>,
): void {
  const { storage } = raft.options;
  const reply = {
    kind: 'heartbeat_reply',
    round: message.round,
    clock: raft.freshness.shown(raft.now),
    storage,
  } as const;
  if (message.term < raft.term) {
    // It says that the sender's term is over, in our term; and if the sender leads that one too, this
    // is no answer to a round of it.
    raft.send(from, { ...reply, term: raft.term, round: 0, match: logIndex(0) });
    return;
  }
  if (message.roundTrip >= 0) raft.contact.roundTrip = message.roundTrip;
  const follower = followLeader(raft, from);
  if (message.lease) raft.contact.promisedAt = raft.now;
  learnCommit(raft, follower, message.commit);
  const echoed = raft.freshness.echoed(message.echo, raft.now);
  if (echoed !== undefined) {
    const at = millis(echoed - message.quorumAge);
    raft.freshness.learn(message.commit, at, raft.applied);
  }
  follower.told = durableMatch(raft, follower);
  raft.send(from, { ...reply, term: raft.term, match: follower.told });
}

/** Tells the leader what has become durable since it was last told; once for each step. */
export function acknowledge(raft: RaftState, follower: Follower): void {
  if (follower.leader === undefined) return;
  const match = durableMatch(raft, follower);
  if (match <= follower.told && !(follower.owesAck && match >= follower.verified)) return;
  follower.told = match;
  follower.owesAck = false;
  const { storage } = raft.options;
  raft.send(follower.leader, { kind: 'append_entries_reply', term: raft.term, match, storage });
}

/**
 * 5. "If leaderCommit > commitIndex, set commitIndex = min(leaderCommit, index of last new entry)".
 * The last entry *that is known to match this leader's log*: our log may go on with entries of a
 * former leader, which must not be taken for committed.
 */
export function learnCommit(raft: RaftState, follower: Follower, leaderCommit: LogIndex): void {
  if (leaderCommit > raft.leaderCommit) raft.leaderCommit = leaderCommit;
  const commit = Math.min(leaderCommit, follower.verified, raft.log.lastIndex);
  if (commit > raft.commit) raft.commit = logIndex(commit);
}

/** Up to where the log matches the leader's and is durable, so that it may be counted. */
function durableMatch(raft: RaftState, follower: Follower): LogIndex {
  return logIndex(Math.min(follower.verified, raft.durable));
}

function checkEntries({ entries, baseIndex, term }: MessageOf<'append_entries'>): void {
  const { first } = entries;
  invariant(first === baseIndex + 1, 'entries follow their base', { first, baseIndex });
  checkRun(entries, term);
}

/** What is compacted is committed, so it matches every leader's log. */
function holdsBase(raft: RaftState, message: MessageOf<'append_entries'>): boolean {
  if (message.baseIndex < raft.log.baseIndex) return true;
  return raft.log.termAt(message.baseIndex) === message.baseTerm;
}

/** How many of the entries, from the first on, are in the log already. */
function heldOf(raft: RaftState, entries: EntryRun): number {
  let held = 0;
  while (held < entries.length && holds(raft, entries.first + held, entries.termAt(held))) held++;
  return held;
}

function holds(raft: RaftState, index: number, term: Term): boolean {
  return index <= raft.log.baseIndex || raft.log.termAt(index) === term;
}

function appendRun(raft: RaftState, entries: EntryRun): void {
  const { first } = entries;
  if (first <= raft.log.lastIndex) {
    invariant(first > raft.commit, 'a committed entry is never replaced (§5.4)', {
      index: first,
      commit: raft.commit,
    });
    raft.narrate(`entry ${first} conflicts → truncate from ${first}`);
    raft.log.truncateFrom(first);
    raft.durable = logIndex(Math.min(raft.durable, first - 1));
  }
  for (let rest = entries; rest.length > 0; ) {
    const placed = raft.log.addRun(rest);
    rest = rest.from(placed.count);
    writePlaced(raft, placed);
  }
  raft.narrateEntries('append', first, raft.log.lastIndex);
}

function rejectAppend(raft: RaftState, from: NodeId, message: MessageOf<'append_entries'>): void {
  const hint = raft.log.lastAtMost(message.baseIndex, message.baseTerm);
  raft.send(from, {
    kind: 'append_entries_reject',
    term: raft.term,
    baseIndex: message.baseIndex,
    hintIndex: hint.index,
    hintTerm: hint.term,
    storage: raft.options.storage,
  });
}
