/**
 * Durable before said: nothing leaves a node before its disk has what it speaks of (§5.1: "updated
 * on stable storage before responding to RPCs"; §5.3 for entries). And durable before deleted: no
 * record of the journal goes before what replaces it is durable.
 */

import type { NodeId } from '../../core/ids';
import type { Effect } from '../../core/protocol';
import type { RaftMessage } from '../../core/raft/messages';
import type { RaftReply } from '../../core/raft/requests';
import type { RaftState } from '../../core/raft/state';
import { Violation } from '../violation';
import type { DiskShadow } from './disk_shadow';

type Node = Readonly<RaftState>;

/** Looks at every message that a step wants to send, while the disk is as it was before it. */
export function checkSaid(
  raft: Node,
  disk: DiskShadow,
  effects: readonly Effect<RaftMessage, RaftReply<unknown>>[],
): void {
  for (const effect of effects) {
    if (effect.kind === 'release') checkRelease(raft, disk, effect.before);
    if (effect.kind === 'snapshot_commit') checkCommit(raft, disk);
    if (effect.kind !== 'send') continue;
    const problem = problemOf(raft, disk, effect.to, effect.message);
    if (problem !== undefined) {
      throw new Violation('durable before said', `${raft.self} ${problem}`);
    }
  }
}

/** A snapshot becomes durable: its term must be so already. */
function checkCommit({ self, taking, installing }: Node, disk: DiskShadow): void {
  const term = (taking?.committed ? taking : installing)?.term ?? 0;
  if (term <= disk.term) return;
  const commits = `${self} commits a snapshot of term ${term}`;
  throw new Violation('durable before said', `${commits}, ${disk.term} is durable`);
}

/** Records before a number may go: term and vote are behind it, and so is what is left of the log. */
function checkRelease({ self, log }: Node, disk: DiskShadow, before: number): void {
  const entry = disk.recordOf(log.firstIndex) ?? before;
  if (disk.hardStateAt >= before && entry >= before) return;
  const left = `term and vote are in record ${disk.hardStateAt}, entry ${log.firstIndex} in ${entry}`;
  throw new Violation(
    'durable before deleted',
    `${self} deletes records before ${before}: ${left}`,
  );
}

function problemOf(
  { log, term: current }: Node,
  disk: DiskShadow,
  to: NodeId,
  message: RaftMessage,
): string | undefined {
  if (message.term > disk.term) {
    return `speaks of term ${message.term}, ${disk.term} is durable`;
  }
  switch (message.kind) {
    case 'request_vote_reply': {
      const isDurable = disk.term > message.term || disk.votedFor === to;
      return message.granted && !isDurable ? `votes for ${to} before that is durable` : undefined;
    }
    case 'append_entries_reply':
    case 'install_snapshot_reply':
    case 'heartbeat_reply': {
      const { match } = message;
      // One of a former term waited for the disk and was true when it was made, like one that is
      // late on its way: what it speaks of may have been replaced since.
      if (message.term < current) return undefined;
      const term = log.termAt(match);
      if (match === 0 || (term !== undefined && disk.holds(match, term))) return undefined;
      // What was compacted since is in a snapshot.
      if (term === undefined && match <= disk.last) return undefined;
      return `acknowledges ${match}@${term ?? '?'}, which is not durable`;
    }
    default:
      return undefined;
  }
}
