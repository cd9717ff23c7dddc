/**
 * Entries of a leader's own making: what clients propose, the entry that starts a term, and the
 * configurations that bind disks.
 */

import type { ErrorCode } from '../errors';
import type { LogIndex, NodeId, StorageId } from '../ids';
import { ENTRY_OVERHEAD, type EntryKind, entrySizeWith } from './entry';
import { clusterTime, type Leader, type Origin, quorumAge } from './leadership';
import {
  allMembers,
  type Configuration,
  encodeConfiguration,
  findMember,
  isJoint,
  leaveJoint,
  rebind,
} from './membership';
import { type RaftState, writePlaced } from './state';

/** Why a leader may refuse a proposal; all of them mean that it is not in the log. */
export type Refusal = Extract<ErrorCode, 'no_leader' | 'no_quorum' | 'overloaded'>;

export type Proposed =
  | { readonly ok: true; readonly index: LogIndex }
  | { readonly ok: false; readonly code: Refusal };

/** Puts a client's command into the log, in parts of an envelope, or says why not. */
export function propose(
  raft: RaftState,
  leader: Leader,
  envelope: readonly Uint8Array[],
  origin: Origin,
): Proposed {
  const refusal = proposalRefusal(raft, leader, envelope);
  if (refusal !== undefined) return { ok: false, code: refusal };
  const index = append(raft, leader, 'command', envelope);
  leader.proposals.set(index, origin);
  return { ok: true, index };
}

function proposalRefusal(
  raft: RaftState,
  leader: Leader,
  envelope: readonly Uint8Array[],
): Refusal | undefined {
  // While leadership is being handed over the target must be able to catch up.
  if (leader.transfer !== undefined) return 'no_leader';
  // A leader that has lost its quorum would only collect proposals of unknown outcome.
  const overdue = quorumAge(raft, leader) > raft.options.electionTimeoutMinMs;
  if (overdue || raft.cutOff) return 'no_quorum';
  const { maxUncommittedBytes } = raft.options;
  const tail = leader.uncommittedBytes;
  if (tail === 0) return undefined;
  const bytes = envelope.reduce((sum, part) => sum + part.length, 0);
  return tail + entrySizeWith(bytes) > maxUncommittedBytes ? 'overloaded' : undefined;
}

/**
 * The start of a term. A no-op, because only an entry of the own term can commit what earlier
 * terms left behind (§5.4.2), and only then is it known what is committed (§8). In a new cluster
 * the very first entry binds the disks of the majority that elected this leader.
 */
export function appendTermStart(raft: RaftState, leader: Leader): void {
  const ownStorage = findMember(raft.log.configuration, raft.self)?.storage;
  if (ownStorage !== raft.options.storage) {
    const storages = new Map<NodeId, StorageId>([[raft.self, raft.options.storage]]);
    for (const [id, progress] of leader.progress) {
      if (progress.storage !== 0) storages.set(id, progress.storage);
    }
    appendConfiguration(raft, leader, rebind(raft.log.configuration, storages));
  }
  leader.noopIndex = append(raft, leader, 'noop', [raft.options.machineSettings]);
}

/**
 * Binds the disks of members. One that was never heard before is bound at once: its copies may be
 * needed to commit anything at all, and the members stay the same, so any two majorities still
 * share one. A member that came back with another disk must first hold everything that is
 * committed; and that change waits until the one before it and an entry of this term are committed,
 * since two changes that do not know of each other could each find a majority. A joint phase, also
 * that of an earlier leader, ends as soon as it is committed.
 */
export function bindStorages(raft: RaftState, leader: Leader): void {
  const { configuration, configurationIndex } = raft.log;
  const settled = raft.commit >= leader.noopIndex && raft.commit >= configurationIndex;
  if (isJoint(configuration)) {
    if (!settled) return;
    raft.narrate('both configurations have agreed → leaves the old one');
    return appendConfiguration(raft, leader, leaveJoint(configuration));
  }
  const storages = new Map<NodeId, StorageId>();
  for (const id of allMembers(configuration)) {
    const known = findMember(configuration, id)?.storage ?? 0;
    const progress = leader.progress.get(id);
    if (progress === undefined || progress.storage === 0 || progress.storage === known) continue;
    const caughtUp = settled && progress.match >= raft.commit;
    if (known === 0 || caughtUp) storages.set(id, progress.storage);
  }
  if (storages.size === 0) return;
  raft.narrate(`binds the disks of ${[...storages.keys()].join(' ')}`);
  appendConfiguration(raft, leader, rebind(configuration, storages));
}

function appendConfiguration(raft: RaftState, leader: Leader, next: Configuration): void {
  append(raft, leader, 'configuration', [encodeConfiguration(next)]);
}

function append(
  raft: RaftState,
  leader: Leader,
  kind: EntryKind,
  data: readonly Uint8Array[],
): LogIndex {
  const placed = raft.log.add(kind, raft.term, clusterTime(raft, leader), data);
  writePlaced(raft, placed);
  leader.uncommittedBytes += placed.end - placed.start + ENTRY_OVERHEAD;
  return raft.log.lastIndex;
}
