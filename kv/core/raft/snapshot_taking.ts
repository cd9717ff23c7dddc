/**
 * A node takes a snapshot of its own state (§7): written aside in slices, one for each that the
 * file has taken, while commands go on being applied. Once it is durable the log behind it is
 * compacted, but for a tail that spares followers which are a little behind a whole snapshot.
 */

import { type JournalSequence, journalSequence, logIndex, type SnapshotName } from '../ids';
import { encodeSnapshotMeta, nameSnapshot } from './snapshot_meta';
import { drawEarliness, snapshotIsDue } from './snapshot_share';
import type { RaftState } from './state';

/**
 * A slice is gathered within one step, while nothing else moves: a third of a millisecond for small
 * values, and ten times as much in the first snapshot of a process, whose code V8 has not compiled yet.
 */
const MAX_TAKEN_BYTES = 32 * 1024;

/** Begins a snapshot when enough has been applied since the last one; once for each step. */
export function maybeTakeSnapshot(raft: RaftState): void {
  if (raft.taking !== undefined || raft.installing !== undefined) return;
  if (snapshotIsDue(raft)) beginSnapshot(raft);
}

export function beginSnapshot(raft: RaftState): void {
  const index = raft.applied;
  const configuration = raft.log.configurationAt(index);
  const term = raft.appliedTerm;
  const name = nameSnapshot(index, term);
  const meta = encodeSnapshotMeta({ index, term, time: raft.machineTime, configuration });
  raft.narrate(`takes a snapshot at ${index}@${term}`);
  const cursor = raft.machine.beginSnapshot();
  raft.appliedBytes = 0;
  raft.snapshotEarliness = drawEarliness(raft.snapshotPrng, raft.options);
  raft.taking = { name, index, term, meta, cursor, offset: 0, committed: false };
  raft.effect({ kind: 'snapshot_open', snapshot: name, meta });
  writeSlice(raft);
}

/** The file has taken what it was given: the next slice, or the end. */
export function snapshotWritten(raft: RaftState, name: SnapshotName, through: number): void {
  const { taking } = raft;
  if (taking?.name === name && !taking.committed && through === taking.offset) writeSlice(raft);
}

/** Our own snapshot is durable: it replaces the older one, and the log behind it may go. */
export function ownSnapshotSaved(raft: RaftState, size: number): void {
  const { taking } = raft;
  if (taking === undefined) return;
  raft.taking = undefined;
  const { name, index, term, meta } = taking;
  raft.snapshot = { name, index, term, meta, size };
  raft.narrate(`snapshot at ${index}@${term} is durable`);
  compactLog(raft);
}

/** Gives up the snapshot under way, since a better one arrives. */
export function abandonSnapshot(raft: RaftState): void {
  const { taking } = raft;
  if (taking === undefined) return;
  taking.cursor.release();
  raft.taking = undefined;
  countApplied(raft);
  raft.effect({ kind: 'snapshot_abort', snapshot: taking.name });
}

/** Counts anew what was applied since the snapshot that is durable here. */
export function countApplied(raft: RaftState): void {
  const { log, snapshot, applied } = raft;
  raft.appliedBytes = log.bytesAfter(snapshot?.index ?? logIndex(0)) - log.bytesAfter(applied);
}

/**
 * Writes down where the log begins, and term and vote once more, so that every record before the
 * first one still needed may be deleted as soon as these are durable.
 */
export function releaseJournal(raft: RaftState): void {
  const { log } = raft;
  const oldest = log.length > 0 ? log.sequenceAt(log.firstIndex) : raft.journal.sequence + 1;
  raft.journal.write({ kind: 'compacted', index: log.baseIndex, term: log.baseTerm });
  const after = raft.writeHardState();
  const before = Math.min(oldest, after - 1);
  raft.pendingRelease = { after, before: journalSequence(before) };
}

/** Lets old records go once what replaces them is durable. */
export function releaseWhenDurable(raft: RaftState, durable: JournalSequence): void {
  const { pendingRelease } = raft;
  if (pendingRelease === undefined || durable < pendingRelease.after) return;
  raft.pendingRelease = undefined;
  raft.effect({ kind: 'release', before: pendingRelease.before });
}

function writeSlice(raft: RaftState): void {
  const { taking } = raft;
  if (taking === undefined) return;
  const bytes = taking.cursor.next(Math.min(raft.options.snapshotSliceBytes, MAX_TAKEN_BYTES));
  if (bytes === undefined) {
    taking.committed = true;
    raft.commitSnapshot(taking.name);
    return;
  }
  raft.effect({ kind: 'snapshot_append', snapshot: taking.name, offset: taking.offset, bytes });
  taking.offset += bytes.length;
}

function compactLog(raft: RaftState): void {
  const { log, snapshot, options } = raft;
  if (snapshot === undefined) return;
  let index = snapshot.index;
  let kept = 0;
  while (index > log.baseIndex) {
    kept += log.sizeAt(index);
    if (kept > options.keepLogBytes) break;
    index = logIndex(index - 1);
  }
  log.compactTo(index);
  releaseJournal(raft);
}
