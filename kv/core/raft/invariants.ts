/**
 * What must be true of one node's state after every step, numbered as in `DESIGN.md`. The checks
 * are cheap, so they are on in production. What must be true of several nodes at once (election
 * safety, log matching, leader completeness, state machine safety) a simulator checks.
 */

import { invariant } from '../assert';
import type { RaftState } from './state';

/** The state at the end of the last step, as far as steps are checked against it. */
export interface Checkpoint {
  term: number;
  commit: number;
  applied: number;
  snapshotIndex: number;
}

export function checkState(raft: RaftState): void {
  const { log, checkpoint: before } = raft;
  const now = {
    term: raft.term,
    commit: raft.commit,
    applied: raft.applied,
    snapshotIndex: raft.snapshot?.index ?? 0,
  };
  const ends = { last: log.lastIndex, base: log.baseIndex, durable: raft.durable };
  const all = { self: raft.self, ...now, ...ends, before };
  invariant(now.term >= before.term, 'R6: terms never decrease', all);
  invariant(now.commit >= before.commit, 'R7: the commit index never decreases', all);
  invariant(now.applied >= before.applied, 'R8: nothing is applied twice', all);
  invariant(now.applied <= now.commit, 'R9: only committed entries are applied', all);
  invariant(now.commit <= ends.last, 'R10: what is committed is in the log', all);
  invariant(ends.durable <= ends.last, 'R11: what is durable is in the log', all);
  invariant(ends.base <= now.snapshotIndex, 'R12: what is compacted is in a snapshot', all);
  invariant(now.snapshotIndex <= now.applied, 'R13: a snapshot holds what was applied', all);
  if (raft.role.kind === 'leader') {
    invariant(raft.role.term === raft.term, 'R14: a leader leads its own term', all);
    invariant(raft.votedFor === raft.self, 'R14: a leader has voted for itself', all);
  }
  Object.assign(before, now);
}
