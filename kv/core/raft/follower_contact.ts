/** What a leader notes whenever it hears a follower, whatever the message. */

import type { LogIndex, NodeId, StorageId } from '../ids';
import type { Progress } from './progress';
import type { RaftState } from './state';

/**
 * Notes that a follower was heard. Undefined unless we lead the term that it speaks of: an answer
 * to an earlier leadership of ours must not count for this one.
 */
export function heard(
  raft: RaftState,
  from: NodeId,
  inTerm: number,
  storage: StorageId,
): Progress | undefined {
  if (raft.role.kind !== 'leader' || inTerm !== raft.term) return undefined;
  const progress = raft.role.progress.get(from);
  if (progress === undefined) return undefined;
  progress.heardAt = raft.now;
  const another = progress.storage !== 0 && progress.storage !== storage;
  if (another) raft.narrate(`${from} answers with another disk`);
  progress.heardWith(storage);
  return progress;
}

export function acknowledged(raft: RaftState, progress: Progress, match: LogIndex): void {
  progress.acknowledged(match, raft.now);
  const { mode } = progress;
  if (mode.kind === 'probe') progress.stream();
  if (mode.kind === 'snapshot' && match >= mode.index) progress.stream();
}
