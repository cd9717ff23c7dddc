/** Bounds that a node keeps at any time, and what it looks like when nothing is left to do. */

import { logIndex } from '../../core/ids';
import type { Leader } from '../../core/raft/leadership';
import type { RaftState } from '../../core/raft/state';
import { statusOf } from '../../core/raft/status';
import { Violation } from '../violation';

type Node = Readonly<RaftState>;

/** Memory is bounded whatever happens: each limit of the options is kept after every step. */
export function checkBounds(raft: Node): void {
  const { options, clients, self, role } = raft;
  if (clients.size > options.maxPendingRequests) {
    throw new Violation(
      'bounds',
      `${self} holds ${clients.size} requests, ${options.maxPendingRequests} are allowed`,
    );
  }
  checkNothingAnsweredWaits(raft);
  checkLogBehindSnapshot(raft);
  if (role.kind !== 'leader') return;
  for (const { id, inflightMessages } of role.progress.values()) {
    if (inflightMessages > options.maxInflightMessages) {
      throw new Violation(
        'bounds',
        `${self} has ${inflightMessages} messages under way to ${id}, ${options.maxInflightMessages} are allowed`,
      );
    }
  }
  checkNobodyWaitsForLong(raft, role);
}

/** Who was answered is forgotten: else a disturbance that lasts fills the memory. */
function checkNothingAnsweredWaits({ self, clients }: Node): void {
  const waiting = clients.writes.size + clients.reads.size;
  if (waiting <= clients.size) return;
  throw new Violation('bounds', `${self} lets ${waiting} requests wait, of ${clients.size} open`);
}

/** What may be sent is sent in the same step, but for what a spare follower waits for, and not long. */
function checkNobodyWaitsForLong({ options, self, log, commit, now }: Node, leader: Leader): void {
  for (const progress of leader.progress.values()) {
    const { id, mode, next, isSpare, sentAt } = progress;
    const entries = log.lastIndex + 1 - next;
    const room = progress.hasRoom(options.maxInflightMessages, options.maxInflightBytes);
    if (mode.kind !== 'stream' || entries === 0 || !room) continue;
    const due = sentAt + options.spareDelayMs;
    const few =
      entries < options.spareMessageEntries &&
      log.bytesAfter(logIndex(next - 1)) < options.maxBytesPerMessage;
    const late = Math.max(sentAt, leader.commitMovedAt) + options.sparePatienceMs;
    const until = commit === log.lastIndex ? due : Math.min(due, late);
    if (isSpare && few && now < until && leader.spareDue <= until) continue;
    throw new Violation('bounds', `${self} keeps ${entries} entries from ${id} since ${sentAt}`);
  }
}

/**
 * A snapshot is taken before more than its share of log lies behind the last one, and a leader that
 * sends the last one takes the next before that is four times the fixed share or twice the other.
 */
function checkLogBehindSnapshot(raft: Node): void {
  const { options, self, role, log, snapshot, applied } = raft;
  if (raft.taking !== undefined || raft.installing !== undefined) return;
  const fixed = options.snapshotLogBytes;
  const bySize = ((snapshot?.size ?? 0) * options.snapshotLogPercent) / 100;
  const allowed =
    role.kind === 'leader' ? Math.max(4 * fixed, 2 * bySize) : Math.max(fixed, bySize);
  const behind = log.bytesAfter(snapshot?.index ?? logIndex(0)) - log.bytesAfter(applied);
  if (behind < allowed) return;
  throw new Violation(
    'bounds',
    `${self} has applied ${behind} bytes of log since its snapshot and takes none, ${allowed} are allowed`,
  );
}

/** What is not at rest; undefined when everything is. `hasState` compares with the reference. */
export function unrestOf(
  nodes: readonly Node[],
  lastIndex: number,
  hasState: (raft: Node) => boolean,
): string | undefined {
  const leaders = nodes.filter((raft) => raft.role.kind === 'leader');
  if (leaders.length !== 1) return `${leaders.length} nodes lead`;
  for (const raft of nodes) {
    const problem = unrestOfNode(raft, lastIndex);
    if (problem !== undefined) return `${raft.self} ${problem}`;
  }
  // Dear, and so last.
  for (const raft of nodes) if (!hasState(raft)) return `${raft.self} has another state`;
  return undefined;
}

function unrestOfNode(raft: Node, lastIndex: number): string | undefined {
  const { role, log, journal, clients } = raft;
  const status = statusOf(raft as RaftState);
  if (raft.applied !== lastIndex) return `has applied ${raft.applied} of ${lastIndex}`;
  if (log.lastIndex !== lastIndex) return `has a log up to ${log.lastIndex}, not ${lastIndex}`;
  if (status.snapshotActivity !== 'none') return `is ${status.snapshotActivity} a snapshot`;
  if (status.diskUnknown) return 'runs on a disk that the cluster does not know';
  if (status.pendingRequests > 0) return `owes ${status.pendingRequests} answers`;
  if (clients.forwarding.size > 0) return `waits for ${clients.forwarding.size} forwarded writes`;
  if (journal.waitingSince !== undefined) return 'waits for its disk';
  if (role.kind !== 'leader') return undefined;
  if (role.uncommittedBytes !== 0) return `counts ${role.uncommittedBytes} uncommitted bytes`;
  if (role.proposals.size > 0) return `remembers ${role.proposals.size} proposals`;
  const reads = role.readBatches.length + role.newReads.length;
  return reads > 0 ? `remembers ${reads} reads` : undefined;
}
