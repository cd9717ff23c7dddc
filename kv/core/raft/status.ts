/** What a Raft node reports about itself: numbers and names, for operators and metrics. */

import type { LogIndex, Millis, NodeId, StorageId, Term } from '../ids';
import { allMembers, findMember, type Member } from './membership';
import { hasQuorum, knownLeader, type Role } from './roles';
import type { RaftState } from './state';

export interface PeerStatus {
  readonly id: NodeId;
  readonly connected: boolean;
  /** Only a leader knows the rest; 0 and `unknown` elsewhere. */
  readonly nextIndex: number;
  readonly matchIndex: number;
  readonly mode: 'probe' | 'stream' | 'snapshot' | 'unknown';
}

export interface RaftStatus {
  readonly self: NodeId;
  readonly role: Role['kind'];
  readonly term: Term;
  readonly leader: NodeId | undefined;
  /** For a leader: a majority has answered within an election timeout. Else: a leader is heard. */
  readonly hasQuorum: boolean;
  readonly firstIndex: LogIndex;
  readonly lastIndex: LogIndex;
  readonly durableIndex: LogIndex;
  readonly commitIndex: LogIndex;
  readonly appliedIndex: LogIndex;
  readonly leaderCommitIndex: LogIndex;
  readonly snapshotIndex: number;
  readonly snapshotBytes: number;
  /** What a snapshot is doing here just now. */
  readonly snapshotActivity: 'none' | 'taking' | 'installing';
  readonly logEntries: number;
  readonly logBytes: number;
  readonly pendingRequests: number;
  /** How old this node's state may be; undefined if that cannot be told. */
  readonly ageMs: Millis | undefined;
  readonly voters: readonly Member[];
  readonly storage: StorageId;
  /** The cluster knows this node by another disk: it does not vote until it has caught up. */
  readonly diskUnknown: boolean;
  readonly peers: readonly PeerStatus[];
}

export function statusOf(raft: RaftState): RaftStatus {
  const { log, role, snapshot } = raft;
  const age = raft.clients.reads.age(raft);
  const known = findMember(log.configuration, raft.self)?.storage ?? 0;
  return {
    self: raft.self,
    role: role.kind,
    term: raft.term,
    leader: knownLeader(raft),
    hasQuorum: hasQuorum(raft),
    firstIndex: log.firstIndex,
    lastIndex: log.lastIndex,
    durableIndex: raft.durable,
    commitIndex: raft.commit,
    appliedIndex: raft.applied,
    leaderCommitIndex: raft.leaderCommit,
    snapshotIndex: snapshot?.index ?? 0,
    snapshotBytes: snapshot?.size ?? 0,
    snapshotActivity:
      raft.taking !== undefined ? 'taking' : raft.installing !== undefined ? 'installing' : 'none',
    logEntries: log.length,
    logBytes: log.bytes,
    pendingRequests: raft.clients.size,
    ageMs: Number.isFinite(age) ? age : undefined,
    voters: log.configuration.voters,
    storage: raft.options.storage,
    diskUnknown: known !== 0 && known !== raft.options.storage,
    peers: peersOf(raft),
  };
}

function peersOf(raft: RaftState): PeerStatus[] {
  const others = allMembers(raft.log.configuration).filter((id) => id !== raft.self);
  return others.map((id) => {
    const progress = raft.role.kind === 'leader' ? raft.role.progress.get(id) : undefined;
    return {
      id,
      connected: raft.links.get(id) ?? false,
      nextIndex: progress?.next ?? 0,
      matchIndex: progress?.match ?? 0,
      mode: progress?.mode.kind ?? 'unknown',
    };
  });
}
