/**
 * A follower receives a snapshot of the leader (§7, InstallSnapshot RPC). Each slice goes to a file
 * aside and into a new state machine at once; when both have the last one, the new machine takes
 * the place of the old in one step. Until then the node serves what it had.
 */

import { invariant } from '../assert';
import { DecodeError } from '../bytes';
import { logIndex, type NodeId, type SnapshotName } from '../ids';
import type { MessageOf } from './messages';
import { followLeader } from './roles';
import { decodeSnapshotMeta } from './snapshot_meta';
import { abandonSnapshot, countApplied, releaseJournal } from './snapshot_taking';
import type { InstallingSnapshot, RaftState } from './state';

export function receiveInstallSnapshot(
  raft: RaftState,
  from: NodeId,
  message: MessageOf<'install_snapshot'>,
): void {
  if (message.term < raft.term) return reply(raft, from, message.snapshot, 0);
  followLeader(raft, from);
  // An old snapshot must never replace newer state: what is committed here is at least as new.
  if (message.lastIndex <= raft.commit) {
    // But only what our disk has may be counted. If it is still writing, an acknowledgement follows.
    const match = logIndex(Math.min(raft.commit, raft.durable));
    if (match >= message.lastIndex) reply(raft, from, message.snapshot, 0, match);
    return;
  }
  const installing = installingFor(raft, message);
  if (installing === undefined || installing.loaded !== undefined) return;
  // A copy of what the file has yet to take is not answered: that would ask for the next slice
  // before its time, and once more when the file has taken this one.
  if (installing.written < installing.received) return;
  if (message.offset !== installing.received) {
    return reply(raft, from, message.snapshot, installing.received);
  }
  takeSlice(raft, installing, message.bytes);
}

/** The file has taken a slice: only now is the next one asked for, so that nothing piles up. */
export function installedSliceWritten(raft: RaftState, name: SnapshotName, through: number): void {
  const { installing, role } = raft;
  if (installing?.name !== name || installing.loaded !== undefined) return;
  if (through !== installing.received) return;
  installing.written = through;
  if (role.kind === 'follower' && role.leader !== undefined) {
    reply(raft, role.leader, name, installing.received);
  }
}

/** The received snapshot is durable: the state, the log and the configuration become its own. */
export function receivedSnapshotSaved(raft: RaftState, size: number): void {
  const { installing } = raft;
  if (installing === undefined) return;
  raft.installing = undefined;
  const { name, index, term, meta } = installing;
  raft.snapshot = { name, index, term, meta, size };
  // Meanwhile the entries themselves may have arrived. Then the state is as new, and the snapshot
  // serves only to compact the log.
  if (index > raft.applied) {
    invariant(installing.loaded !== undefined, 'what is durable was loaded before', { index });
    raft.machine = installing.loaded;
    raft.machineTime = decodeSnapshotMeta(meta).time;
    raft.applied = index;
    raft.appliedTerm = term;
    raft.commit = logIndex(Math.max(raft.commit, index));
  }
  raft.narrate(`installed the snapshot at ${index}@${term}`);
  adoptBase(raft, installing);
  // The next snapshot of our own must be of something newer than this one.
  countApplied(raft);
  raft.durable = logIndex(Math.max(raft.durable, index));
  releaseJournal(raft);
  raft.freshness.applied(raft.applied);
  raft.clients.applied(raft, raft.applied);
  const { role } = raft;
  if (role.kind !== 'follower') return;
  if (index > role.verified) role.verified = index;
  if (index > role.told) role.told = index;
  if (role.leader !== undefined) reply(raft, role.leader, name, 0, index);
}

/**
 * Another leader may have sent the entries themselves meanwhile. Then nobody will send the rest of
 * the snapshot, and as long as it is waited for this node takes none of its own.
 */
export function abandonOvertakenInstall(raft: RaftState): void {
  const { installing, commit } = raft;
  if (installing === undefined || installing.loaded !== undefined) return;
  if (installing.index > commit) return;
  raft.narrate(`holds ${installing.index}@${installing.term} already → needs no snapshot`);
  abandonInstall(raft);
}

/** Forgets a snapshot that is being received. */
export function abandonInstall(raft: RaftState): void {
  const { installing } = raft;
  if (installing === undefined) return;
  raft.installing = undefined;
  raft.effect({ kind: 'snapshot_abort', snapshot: installing.name });
}

/**
 * "If existing log entry has same index and term as snapshot's last included entry, retain log
 * entries following it and reply; discard the entire log" otherwise (Figure 13, 6. and 7.).
 */
function adoptBase(raft: RaftState, snapshot: InstallingSnapshot): void {
  const { log } = raft;
  if (snapshot.index <= log.baseIndex) return;
  if (log.termAt(snapshot.index) === snapshot.term) {
    log.compactTo(snapshot.index);
    return;
  }
  raft.narrate(`the log does not hold ${snapshot.index}@${snapshot.term} → begins anew there`);
  log.reset(snapshot.index, snapshot.term, snapshot.configuration);
  raft.journal.write({ kind: 'reset', index: snapshot.index, term: snapshot.term });
  raft.durable = snapshot.index;
}

/** The installation that a slice belongs to, begun now if it is the first of its snapshot. */
function installingFor(
  raft: RaftState,
  message: MessageOf<'install_snapshot'>,
): InstallingSnapshot | undefined {
  const { installing } = raft;
  if (installing?.name === message.snapshot && installing.size === message.size) return installing;
  // One that is being made durable comes to its end first; the leader sends again.
  if (installing?.loaded !== undefined || raft.taking?.committed === true) return undefined;
  abandonInstall(raft);
  abandonSnapshot(raft);
  raft.narrate(`receives the snapshot at ${message.lastIndex}@${message.lastTerm}`);
  raft.installing = {
    name: message.snapshot,
    index: message.lastIndex,
    term: message.lastTerm,
    meta: message.meta,
    size: message.size,
    configuration: decodeSnapshotMeta(message.meta).configuration,
    loader: raft.machine.beginRestore(),
    received: 0,
    written: 0,
    loaded: undefined,
  };
  raft.effect({ kind: 'snapshot_open', snapshot: message.snapshot, meta: message.meta });
  return raft.installing;
}

function takeSlice(raft: RaftState, installing: InstallingSnapshot, bytes: Uint8Array): void {
  const offset = installing.received;
  const isLast = offset + bytes.length >= installing.size;
  try {
    installing.loader.write(bytes);
    // Before it is made durable: a node could not start again with one that cannot be loaded.
    if (isLast) installing.loaded = installing.loader.finish();
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    raft.narrate(`the snapshot is malformed (${error.message}) → begin it again`);
    return abandonInstall(raft);
  }
  installing.received += bytes.length;
  raft.effect({ kind: 'snapshot_append', snapshot: installing.name, offset, bytes });
  if (isLast) raft.commitSnapshot(installing.name);
}

function reply(
  raft: RaftState,
  to: NodeId,
  snapshot: SnapshotName,
  offset: number,
  match = logIndex(0),
): void {
  const { storage } = raft.options;
  const { term } = raft;
  raft.send(to, { kind: 'install_snapshot_reply', term, snapshot, offset, match, storage });
}
