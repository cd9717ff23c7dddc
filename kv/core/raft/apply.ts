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

/** Applies what is committed, in order, as much as one step may take, or puts that off. */
export function applyCommitted(raft: RaftState): void {
  const hasTold = raft.role.kind === 'leader' && tellForetold(raft, raft.role);
  if (!putsOff(raft, hasTold)) applyUpTo(raft, raft.commit);
}

/** Applies all writes that somebody was told of: whoever reads now must see them. */
export function applyAnswered(raft: RaftState): void {
  while (raft.applied < raft.answered) applyUpTo(raft, raft.answered);
}

function applyUpTo(raft: RaftState, end: LogIndex): void {
  const { last, bytes } = applicable(raft, end);
  if (last === raft.applied) return;
  raft.narrateEntries('apply', raft.applied + 1, last);
  while (raft.applied < last) applyEntry(raft, logIndex(raft.applied + 1));
  raft.appliedBytes += bytes;
  raft.freshness.applied(raft.applied);
  raft.clients.applied(raft, raft.applied);
}

/**
 * Tells clients of this leader what their committed writes come to, where that is known beforehand.
 * "When the entry has been safely replicated, the leader applies the entry to its state machine and
 * returns the result" (§5.3); but what is committed stays, and a result that no state can change need
 * not wait for it. So the client's next write is on its way while this one is applied. It goes in the
 * order of the log, up to the first result that is not known.
 */
function tellForetold(raft: RaftState, { proposals }: Leader): boolean {
  let hasTold = false;
  let told = Math.max(raft.applied, raft.answered);
  for (; told < raft.commit; told++) {
    const index = logIndex(told + 1);
    const origin = proposals.at(index);
    if (origin === undefined) continue;
    if (origin.kind !== 'client' || origin.foretold === undefined) break;
    proposals.take(index);
    tell(raft, origin, { status: 'applied', result: origin.foretold }, index);
    hasTold = true;
  }
  raft.answered = logIndex(told);
  return hasTold;
}

/**
 * Whether something else comes first: then this step applies nothing, and one of the next does, which
 * comes at once; but not later than in the third, since reads do wait for it.
 */
function putsOff(raft: RaftState, hasTold: boolean): boolean {
  const { applied, commit, putOff } = raft;
  const mayWait = applied < commit && putOff < MAX_STEPS_PUT_OFF && nobodyWaits(raft);
  if (!mayWait || !(hasTold || raft.hasWork)) {
    raft.putOff = 0;
    return false;
  }
  raft.putOff += 1;
  return true;
}

/**
 * The leader, and with it every client, waits for what a follower writes and acknowledges, and nobody
 * for what it applies. At a leader those wait who could not be told before, and all that read; and a
 * few entries are applied in less time than another step takes.
 */
function nobodyWaits({ role, applied, answered, commit, clients, options }: RaftState): boolean {
  if (role.kind !== 'leader') return role.kind === 'follower';
  if (commit - applied < options.applyLaterEntries || answered < commit) return false;
  return clients.reads.size === 0 && role.readBatches.length === 0;
}

/** How far this step may go, and how many bytes of entries that is. */
function applicable({ log, applied }: RaftState, end: LogIndex): { last: number; bytes: number } {
  const limit = Math.min(end, applied + MAX_APPLIED_PER_STEP);
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
