/**
 * How a leader vouches for reads (dissertation §6.4): it notes its commit index, then makes sure by
 * a round of heartbeats, begun after the reads came, that it still led when they came. All reads of
 * a step share one round.
 */

import type { LogIndex, NodeId, RequestId } from '../ids';
import type { Leader, Origin } from './leadership';
import { leaseIsValid, wantLease } from './lease';
import type { MessageOf } from './messages';
import { beginRound, mayOpenRound } from './replication';
import type { RaftState } from './state';

/** Another node asks on behalf of its clients. */
export function receiveReadIndex(
  raft: RaftState,
  from: NodeId,
  message: MessageOf<'read_index'>,
): void {
  // A node that does not lead says nothing: the other one will hear of the leader and ask it.
  if (raft.role.kind !== 'leader') return;
  // It answers its clients only when it has applied what is committed now.
  raft.role.progress.get(from)?.hurry();
  const origin: Origin = { kind: 'node', node: from, id: message.id };
  if (message.lease) wantLease(raft, raft.role);
  if (message.lease && leaseIsValid(raft, raft.role)) confirm(raft, origin, raft.commit);
  else raft.role.newReads.push(origin);
}

/** Begins a round for the reads that came, and answers those whose round is over. */
export function serveReads(raft: RaftState, leader: Leader): void {
  giveRound(raft, leader);
  while (leader.readBatches[0] !== undefined && leader.readBatches[0].round <= leader.quorumRound) {
    const batch = leader.readBatches.shift();
    for (const origin of batch?.origins ?? []) confirm(raft, origin, batch?.index as LogIndex);
  }
}

function giveRound(raft: RaftState, leader: Leader): void {
  // Until an entry of this term is committed, the leader does not know what is (§8).
  if (raft.commit < leader.noopIndex || !mayOpenRound(leader)) return;
  const own = raft.clients.reads.takeUnasked(raft);
  if (own.length + leader.newReads.length === 0) return;
  const origins: Origin[] = own.map(({ id }) => ({ kind: 'client', id }));
  origins.push(...leader.newReads.splice(0));
  leader.readBatches.push({
    round: beginRound(raft, leader),
    index: raft.commit,
    origins,
  });
}

function confirm(raft: RaftState, origin: Origin, index: LogIndex): void {
  if (origin.kind === 'client') raft.clients.reads.ready(raft, origin.id as RequestId, index);
  else raft.send(origin.node, { kind: 'read_index_reply', term: raft.term, id: origin.id, index });
}
