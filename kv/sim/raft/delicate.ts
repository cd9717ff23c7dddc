/** Moments in which a node has done one half of something: bugs live between the halves. */

import type { Leader } from '../../core/raft/leadership';
import type { RaftState } from '../../core/raft/state';

type Node = Readonly<RaftState>;

/** A disk that has not answered for so long will hold others up. */
const LONG_MS = 50;

/** What a node is in the middle of. */
export function delicateMoments(raft: Node): string[] {
  const { role, installing, log, commit, journal, now } = raft;
  const moments: string[] = [];
  if (installing?.loaded !== undefined) moments.push('makes a received snapshot its own');
  else if (installing !== undefined) moments.push('receives a snapshot');
  if (raft.pendingRelease !== undefined) moments.push('is about to delete records');
  const { waitingSince } = journal;
  if (waitingSince !== undefined && now - waitingSince > LONG_MS)
    moments.push('waits for its disk');
  if (raft.clients.forwarding.size > 0) moments.push('has forwarded writes');
  if (role.kind === 'candidate') moments.push('stands for election');
  if (role.kind === 'leader') moments.push(...momentsOfLeader(role, commit));
  if (log.configurationIndex > commit) moments.push('has an uncommitted configuration');
  return moments;
}

function momentsOfLeader(leader: Leader, commit: number): string[] {
  const moments: string[] = [];
  if (commit < leader.noopIndex) moments.push('begins to lead');
  if (leader.invitedSuccessor) moments.push('has invited a successor');
  if (leader.readBatches.length > 0) moments.push('vouches for reads');
  return moments;
}
