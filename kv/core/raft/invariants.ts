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
  const { log, checkpoint: before, self, term, commit, applied, durable } = raft;
  const { lastIndex: last, baseIndex: base } = log;
  const snapshotIndex = raft.snapshot?.index ?? 0;
  // Written out, because this is made at every step: spreading takes several times as long.
  const all = { self, term, commit, applied, snapshotIndex, last, base, durable, before };
  invariant(term >= before.term, 'R6: terms never decrease', all);
  invariant(commit >= before.commit, 'R7: the commit index never decreases', all);
  invariant(applied >= before.applied, 'R8: nothing is applied twice', all);
  invariant(applied <= commit, 'R9: only committed entries are applied', all);
  invariant(commit <= last, 'R10: what is committed is in the log', all);
  invariant(durable <= last, 'R11: what is durable is in the log', all);
  invariant(base <= snapshotIndex, 'R12: what is compacted is in a snapshot', all);
  invariant(snapshotIndex <= applied, 'R13: a snapshot holds what was applied', all);
  if (raft.role.kind === 'leader') {
    invariant(raft.role.term === term, 'R14: a leader leads its own term', all);
    invariant(raft.votedFor === self, 'R14: a leader has voted for itself', all);
  }
  before.term = term;
  before.commit = commit;
  before.applied = applied;
  before.snapshotIndex = snapshotIndex;
}
