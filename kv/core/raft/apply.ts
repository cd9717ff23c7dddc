/** The commit rule (§5.3, §5.4.2) and the application of committed entries (Figure 2, all servers). */

import { type LogIndex, logIndex } from '../ids';
import type { Applied } from '../machine/sessions';
import { ENTRY_HEADER_BYTES, entryKindAt, entryTermAt, entryTimeAt } from './entry';
import { countedMatch, type Leader, type Origin } from './leadership';
import { reachedByQuorum } from './membership';
import { MAX_APPLIED_BYTES_PER_STEP, MAX_APPLIED_PER_STEP, MAX_STEPS_PUT_OFF } from './options';
import { commitMoved } from './replication';
import type { RaftState } from './state';

/**
 * "If there exists an N such that N > commitIndex, a majority of matchIndex[i] ≥ N, and log[N].term
 * == currentTerm: set commitIndex = N." An entry of an earlier term is never committed by counting,
 * since a later leader could still replace it (Figure 8); it is committed along with one of ours.
 */
export function advanceCommit(raft: RaftState, leader: Leader): void {
  const reached = reachedByQuorum(raft.log.configuration, (member) =>
    countedMatch(raft, leader, member),
  );
  if (reached <= raft.commit || raft.log.termAt(reached) !== raft.term) return;
  leader.uncommittedBytes = raft.log.bytesAfter(logIndex(reached));
  raft.commit = raft.leaderCommit = logIndex(reached);
  raft.narrate(`commit=${raft.commit}`);
  commitMoved(raft, leader);
}

/** Applies what is committed, in order, as much as one step may take. */
export function applyCommitted(raft: RaftState): void {
  if (putsOff(raft)) return;
  const { last, bytes } = applicable(raft);
  if (last === raft.applied) return;
  raft.narrateEntries('apply', raft.applied + 1, last);
  while (raft.applied < last) applyEntry(raft, logIndex(raft.applied + 1));
  raft.appliedBytes += bytes;
  raft.freshness.applied(raft.applied);
  raft.clients.applied(raft, raft.applied);
}

/**
 * The leader, and with it every client, waits for what a follower writes and acknowledges, and nobody
 * for what it applies. So a follower that has something to write or to say in this step applies in
 * one of the next, which comes at once; but not later than in the third, since reads do wait for it.
 */
function putsOff(raft: RaftState): boolean {
  const hasReason = raft.role.kind === 'follower' && raft.applied < raft.commit && raft.hasWork;
  if (!hasReason || raft.putOff === MAX_STEPS_PUT_OFF) {
    raft.putOff = 0;
    return false;
  }
  raft.putOff += 1;
  return true;
}

/** How far this step may go, and how many bytes of entries that is. */
function applicable({ log, applied, commit }: RaftState): { last: number; bytes: number } {
  const limit = Math.min(commit, applied + MAX_APPLIED_PER_STEP);
  const all = log.sizeOf(applied + 1, limit + 1);
  if (all <= MAX_APPLIED_BYTES_PER_STEP) return { last: limit, bytes: all };
  let last: number = applied;
  let bytes = 0;
  while (last < limit && bytes < MAX_APPLIED_BYTES_PER_STEP) {
    last += 1;
    bytes += log.sizeAt(last);
  }
  return { last, bytes };
}

/** Nothing is made for the entry but a view of its data: this runs for each write on each node. */
function applyEntry(raft: RaftState, index: LogIndex): void {
  const { role } = raft;
  const { bytes, start, end } = raft.log.placeOf(index);
  const term = entryTermAt(bytes, start);
  const time = entryTimeAt(bytes, start);
  raft.applied = index;
  raft.appliedTerm = term;
  raft.machineTime = time;
  const data = bytes.subarray(start + ENTRY_HEADER_BYTES, end);
  const applied =
    data.length === 0 || entryKindAt(bytes, start) === 'configuration'
      ? undefined
      : raft.machine.apply(data, { index, time });
  raft.clients.writes.settleOrphans(raft, { index, term }, applied);
  if (role.kind !== 'leader' || term !== role.term || applied === undefined) return;
  const origin = role.proposals.take(index);
  if (origin !== undefined) tell(raft, origin, applied, index);
}

/** Tells whoever proposed an entry what it came to. */
function tell(raft: RaftState, origin: Origin, applied: Applied, index: LogIndex): void {
  if (origin.kind === 'client') {
    return raft.clients.writes.settle(raft, origin.id as never, applied, index);
  }
  const { status, result } = applied;
  const reply = {
    kind: 'forward_reply',
    term: raft.term,
    id: origin.id,
    status,
    index,
    result,
  } as const;
  if (origin.node === raft.self) raft.clients.forwarding.receiveReply(raft, reply);
  else raft.send(origin.node, reply);
}
