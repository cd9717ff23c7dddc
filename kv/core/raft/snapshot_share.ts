/**
 * When a node takes a snapshot: how much log there may be between two of them, its *share*.
 *
 * A snapshot costs as much as the state is large. If the log that pays for it did not grow with the
 * state, a node with a large one would do little else: 64 MiB of log and 512 MiB of state are eight
 * bytes of snapshots for each byte that a client writes. So the share is a fixed size or a part of
 * the last snapshot's, whichever is more. What the last snapshot was is known after a restart too,
 * and by a node that received it.
 *
 * Nodes apply the same log, so they would all take their snapshots at the same moment, and all be
 * slower in it. Each draws anew for every snapshot how much of its share it waits for (as ZooKeeper
 * does), so most of the time a majority is left that takes none.
 */

import type { Prng } from '../prng';
import type { RaftOptions } from './options';
import type { RaftState } from './state';

/**
 * While a follower is being sent a snapshot, a leader does not take the next one: replacing it would
 * begin the transfer anew. The log may grow to this many times the fixed share then, or of the share
 * that grows with the state, which leaves time in proportion by itself.
 */
const PATIENCE = { fixed: 4, bySize: 2 };

/** Whether enough has been applied since the last snapshot was begun. */
export function snapshotIsDue(raft: RaftState): boolean {
  const { options, snapshot, appliedBytes } = raft;
  const fixed = options.snapshotLogBytes;
  const bySize = ((snapshot?.size ?? 0) * options.snapshotLogPercent) / 100;
  if (isSending(raft)) {
    return appliedBytes >= Math.max(fixed * PATIENCE.fixed, bySize * PATIENCE.bySize);
  }
  return appliedBytes >= Math.max(fixed, bySize) * (1 - raft.snapshotEarliness);
}

/** How much earlier than its share allows a node takes its next snapshot, as a part of the share. */
export function drawEarliness(prng: Prng, { snapshotSpreadPercent }: RaftOptions): number {
  return prng.between(0, snapshotSpreadPercent) / 100;
}

/** Whether a follower is being sent the present snapshot. */
function isSending(raft: RaftState): boolean {
  if (raft.role.kind !== 'leader') return false;
  return [...raft.role.progress.values()].some(
    ({ mode, heardAt }) =>
      mode.kind === 'snapshot' && raft.now - heardAt < raft.options.electionTimeoutMaxMs,
  );
}
