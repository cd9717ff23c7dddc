/**
 * The safety of Raft, seen by an observer who knows everything (Figure 3 of the paper): after every
 * step of every node it compares what the node holds, has committed, and says, with all that was
 * seen before. The rules are numbered as in `kv/core/raft/DESIGN.md`.
 */

import type { LogIndex, NodeId, StorageId } from '../../core/ids';
import type { Effect, Recovered } from '../../core/protocol';
import type { Entry } from '../../core/raft/entry';
import type { Configuration, Member } from '../../core/raft/membership';
import type { RaftMessage } from '../../core/raft/messages';
import type { RaftReply } from '../../core/raft/requests';
import type { RaftState } from '../../core/raft/state';
import type { Timeline } from '../timeline';
import { Violation } from '../violation';
import { Beliefs } from './beliefs';
import { type ConfigurationSeen, checkConfiguration, checkOverlap } from './configurations_seen';
import { DiskShadow } from './disk_shadow';
import { checkSaid } from './durable_before_said';
import { ForwardsDecided } from './forwards_decided';
import { SnapshotsSeen } from './snapshots_seen';
import { VotesSeen } from './votes_seen';

type RaftEffect = Effect<RaftMessage, RaftReply<unknown>>;

/** An entry that was known to be committed, and when and in which term that was first known. */
export interface CommittedEntry {
  readonly entry: Entry;
  readonly at: number;
  readonly inTerm: number;
}

/** What was last seen of the running process of a node. */
interface Seen extends ConfigurationSeen {
  commit: number;
  /** The term that it leads; 0 when it does not lead. */
  leads: number;
  last: { index: number; term: number };
}

/** Terms stay below this in a run, so that index and term fit one number. */
const TERMS = 2 ** 20;

export class ClusterHistory {
  /** Entry i is at i - 1. */
  readonly committed: CommittedEntry[] = [];
  /** Those of the committed entries that are configurations. */
  readonly configurations: CommittedEntry[] = [];
  private readonly leaders = new Map<number, NodeId>();
  /** Every entry that was ever written anywhere, with the term of the entry before it. */
  private readonly written = new Map<number, { entry: Entry; baseTerm: number | undefined }>();
  private readonly disks = new Map<StorageId, DiskShadow>();
  private readonly running = new Map<NodeId, { disk: DiskShadow; seen: Seen }>();

  private readonly votes = new VotesSeen();
  private readonly snapshots = new SnapshotsSeen();
  private readonly forwards = new ForwardsDecided();
  private readonly beliefs: Beliefs;

  constructor(
    private readonly timeline: Timeline,
    leasesHold: boolean,
  ) {
    this.beliefs = new Beliefs((storage) => this.disks.get(storage), leasesHold, timeline);
  }

  /** How many configurations were committed: each binds disks, or ends a joint phase. */
  get bindings(): number {
    return this.configurations.length;
  }

  /** How many terms had a leader. */
  get elections(): number {
    return this.leaders.size;
  }

  started(raft: Readonly<RaftState>, recovered: Recovered): void {
    const { storage } = raft.options;
    const disk = this.disks.get(storage) ?? new DiskShadow(raft.self, storage);
    this.disks.set(storage, disk);
    const promised = disk.term;
    disk.restart(recovered, [...recovered.records]);
    if (raft.term < promised) {
      fail('R6 monotonic terms', `${raft.self} was in term ${promised}, starts in ${raft.term}`);
    }
    if (raft.term < raft.log.lastTerm) {
      const { lastIndex, lastTerm } = raft.log;
      fail(
        'R6 monotonic terms',
        `${raft.self} starts in term ${raft.term}, its log ends at ${lastIndex}@${lastTerm}`,
      );
    }
    if (raft.commit > this.committed.length) {
      fail(
        'R5 state machine safety',
        `${raft.self} has a snapshot up to ${raft.commit}, but only ${this.committed.length} entries are committed`,
      );
    }
    this.beliefs.started(raft.self, storage);
    const unseen = { configuration: undefined, newest: 0 };
    const seen = { commit: raft.commit, leads: 0, last: { index: 0, term: 0 }, ...unseen };
    this.running.set(raft.self, { disk, seen });
  }

  persisted(node: NodeId, through: number): void {
    this.running.get(node)?.disk.persisted(through);
  }

  ended(node: NodeId): void {
    this.running.delete(node);
    this.votes.ended(node);
    this.beliefs.ended(node);
  }

  observe(raft: Readonly<RaftState>, effects: readonly RaftEffect[]): void {
    const known = this.running.get(raft.self);
    if (known === undefined) return;
    const { disk, seen } = known;
    disk.adopt(raft.snapshot?.index ?? 0);
    for (const effect of effects) {
      if (effect.kind === 'send') this.forwards.sent(raft.self, effect.message);
    }
    this.checkLeader(raft, seen);
    this.checkWritten(raft, disk, effects);
    checkConfiguration(raft, disk, seen, this.configurations);
    this.checkCommitted(raft, seen);
    this.votes.observe(raft);
    this.snapshots.observe(raft, effects);
    checkSaid(raft, disk, effects);
    this.beliefs.observe(raft, disk, effects);
  }

  /** The index up to which everything was known to be committed at a moment of the run. */
  committedBefore(moment: number): LogIndex {
    let low = 0;
    let high = this.committed.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.committed[middle] as CommittedEntry).at < moment) low = middle + 1;
      else high = middle;
    }
    return low as LogIndex;
  }

  /** R1 election safety, R2 leader append-only, R4 leader completeness. */
  private checkLeader(raft: Readonly<RaftState>, seen: Seen): void {
    const { self, term, role, log } = raft;
    if (role.kind !== 'leader') {
      seen.leads = 0;
      return;
    }
    if (seen.leads === term) {
      const { index, term: inTerm } = seen.last;
      if (log.lastIndex < index || (log.termAt(index) ?? inTerm) !== inTerm) {
        fail('R2 leader append-only', `${self} leads term ${term} and has dropped entry ${index}`);
      }
    } else {
      const before = this.leaders.get(term);
      if (before !== undefined && before !== self) {
        fail('R1 election safety', `${before} and ${self} both lead term ${term}`);
      }
      this.leaders.set(term, self);
      this.checkVotes(raft);
      this.checkCompleteness(raft);
    }
    seen.leads = term;
    seen.last = { index: log.lastIndex, term: log.lastTerm };
  }

  /** A leader has the votes of a majority, each of them on a disk. */
  private checkVotes({ self, term, log }: Readonly<RaftState>): void {
    // What is in force now may have been appended in this very step; the votes came before.
    const all = [...this.disks.values()];
    const hasVoted = ({ id, storage }: Member): boolean =>
      all.some((disk) => {
        const isMeant = storage === 0 ? disk.node === id : disk.storage === storage;
        return isMeant && (disk.term > term || (disk.term === term && disk.votedFor === self));
      });
    if (isMajority(log.configuration, hasVoted)) return;
    fail('R1 election safety', `${self} leads term ${term} without the votes of a majority`);
  }

  private checkCompleteness({ self, term, log }: Readonly<RaftState>): void {
    for (let index = log.baseIndex + 1; index <= this.committed.length; index++) {
      const { entry, inTerm } = this.committed[index - 1] as CommittedEntry;
      if (inTerm >= term) continue;
      if (index > log.lastIndex || log.termAt(index) !== entry.term) {
        fail(
          'R4 leader completeness',
          `${self} leads term ${term} without entry ${index}@${entry.term}, which was committed in term ${inTerm}`,
        );
      }
    }
  }

  /** R3 log matching: an index and a term name one entry, with one entry before it. */
  private checkWritten(
    raft: Readonly<RaftState>,
    disk: DiskShadow,
    effects: readonly RaftEffect[],
  ): void {
    for (const effect of effects) {
      if (effect.kind !== 'persist') continue;
      for (const record of disk.hand(effect.records, effect.through)) {
        if (record.kind !== 'entries') continue;
        for (const entry of record.entries) this.checkEntry(raft, entry);
      }
    }
  }

  private checkEntry(raft: Readonly<RaftState>, entry: Entry): void {
    const { self, log } = raft;
    const { index, term } = entry;
    const isStill = log.termAt(index) === term;
    const baseTerm = isStill ? log.termAt(index - 1) : undefined;
    const name = index * TERMS + term;
    const known = this.written.get(name);
    if (known === undefined) {
      this.written.set(name, { entry, baseTerm });
      if (isStill && entry.kind === 'configuration') checkOverlap(raft, entry);
      this.forwards.proposed(self, entry);
      return;
    }
    const sameBase =
      known.baseTerm === undefined || baseTerm === undefined || known.baseTerm === baseTerm;
    if (!sameBase || !sameBytes(known.entry.encoded, entry.encoded)) {
      fail('R3 log matching', `${self} writes another entry ${index}@${term} than the one known`);
    }
  }

  /** R5 state machine safety, and that what is committed is on a majority of disks. */
  private checkCommitted(raft: Readonly<RaftState>, seen: Seen): void {
    const { self, commit, log, term } = raft;
    if (commit === seen.commit) return;
    if (commit < seen.commit) fail('R7 monotonic commit', `${self} goes back to ${commit}`);
    // §5.4.2: "only log entries from the leader's current term are committed by counting".
    if (seen.leads === term && raft.role.kind === 'leader' && log.termAt(commit) !== term) {
      fail(
        'R4 leader completeness',
        `${self} leads term ${term} and commits ${commit} by counting`,
      );
    }
    const isNew = commit > this.committed.length;
    const from = Math.max(seen.commit, log.baseIndex) + 1;
    for (let index = from; index <= commit; index++) {
      const entry = log.entryAt(index);
      const known = this.committed[index - 1]?.entry;
      if (known === undefined) {
        const one = { entry, at: this.timeline.now, inTerm: term };
        this.committed.push(one);
        if (entry.kind === 'configuration') this.configurations.push(one);
      } else if (!sameBytes(known.encoded, entry.encoded)) {
        fail(
          'R5 state machine safety',
          `${self} commits ${index}@${entry.term}, and ${index}@${known.term} was committed before`,
        );
      }
    }
    seen.commit = commit;
    if (isNew) this.checkMajority(raft);
  }

  /** What is committed is durable on a majority of the disks that count. */
  private checkMajority({ self, commit, log }: Readonly<RaftState>): void {
    const term = log.termAt(commit);
    if (term === undefined) return;
    const holds = ({ storage }: Member): boolean =>
      this.disks.get(storage)?.holds(commit, term) ?? false;
    if (isMajority(log.configuration, holds)) return;
    fail(
      'durable before committed',
      `${self} commits ${commit}@${term}, which is not durable on a majority`,
    );
  }
}

/** Written apart from the core, which must not judge itself: more than half, of both if there are two. */
function isMajority(
  { voters, outgoing }: Configuration,
  agrees: (member: Member) => boolean,
): boolean {
  const isMost = (members: readonly Member[]) => 2 * members.filter(agrees).length > members.length;
  return isMost(voters) && (outgoing.length === 0 || isMost(outgoing));
}

function fail(checker: string, message: string): never {
  throw new Violation(checker, message);
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false;
  return true;
}
