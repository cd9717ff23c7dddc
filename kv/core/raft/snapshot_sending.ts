/**
 * A leader sends its snapshot to a follower whose entries are compacted (§7), slice by slice. Each
 * slice is asked of the disk when the one before is acknowledged, once however often that is said; a
 * lost slice is sent again from where the follower says it is, so a transfer resumes after any
 * interruption.
 */

import { logIndex, millis, type NodeId } from '../ids';
import type { Event } from '../protocol';
import { acknowledged, heard } from './follower_contact';
import type { MessageOf, RaftMessage } from './messages';
import type { Progress } from './progress';
import type { RaftState } from './state';

type SnapshotData = Extract<Event<RaftMessage, never>, { kind: 'snapshot_data' }>;

export function startSnapshot(raft: RaftState, progress: Progress): void {
  const { snapshot } = raft;
  if (snapshot === undefined) return;
  raft.narrate(`${progress.id} needs compacted entries → snapshot ${snapshot.index}`);
  progress.sendSnapshot(snapshot.name, snapshot.index);
}

/** Asks the disk for the next slice, unless one is under way. */
export function sendSnapshotSlice(raft: RaftState, progress: Progress): void {
  // A newer snapshot has taken the place of the one that was being sent.
  if (progress.mode.kind === 'snapshot' && progress.mode.snapshot !== raft.snapshot?.name) {
    startSnapshot(raft, progress);
  }
  const { mode } = progress;
  if (mode.kind !== 'snapshot') return;
  if (raft.now - mode.sentAt < raft.options.electionTimeoutMinMs) return;
  mode.sentAt = raft.now;
  raft.effect({
    kind: 'snapshot_read',
    snapshot: mode.snapshot,
    peer: progress.id,
    offset: mode.offset,
    length: raft.options.snapshotSliceBytes,
  });
}

/** A slice came from the disk: send it on, if it is still wanted. */
export function snapshotDataRead(raft: RaftState, event: SnapshotData): void {
  const { role, snapshot } = raft;
  if (role.kind !== 'leader' || snapshot === undefined) return;
  const mode = role.progress.get(event.peer)?.mode;
  if (mode?.kind !== 'snapshot' || mode.snapshot !== event.snapshot) return;
  if (event.snapshot !== snapshot.name || event.offset !== mode.offset) return;
  raft.send(event.peer, {
    kind: 'install_snapshot',
    term: raft.term,
    snapshot: snapshot.name,
    lastIndex: snapshot.index,
    lastTerm: snapshot.term,
    meta: snapshot.meta,
    size: event.size,
    offset: event.offset,
    bytes: event.bytes,
  });
}

export function receiveInstallSnapshotReply(
  raft: RaftState,
  from: NodeId,
  message: MessageOf<'install_snapshot_reply'>,
): void {
  const progress = heard(raft, from, message.term, message.storage);
  if (progress === undefined) return;
  if (message.match > 0) {
    // It needs no snapshot any more, or never did. What it holds may still be behind our log.
    acknowledged(raft, progress, message.match);
    if (progress.mode.kind === 'snapshot') progress.probeFrom(logIndex(message.match + 1));
    return;
  }
  const { mode } = progress;
  if (mode.kind !== 'snapshot' || mode.snapshot !== message.snapshot) return;
  // What a repeated answer asks for is under way already. If it was lost, it is sent again in time.
  if (mode.offset === message.offset) return;
  mode.offset = message.offset;
  mode.sentAt = millis(Number.NEGATIVE_INFINITY);
}
