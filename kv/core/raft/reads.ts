/**
 * Reads of this node's clients (dissertation §6.4).
 *
 *     linearizable  the leader says from which index on the answer is right, after it has made sure
 *                   that it still leads; this node answers once it has applied that index
 *     lease         the same, but the leader may trust its lease instead of asking a majority:
 *                   right as long as clocks run at about the same rate
 *     stale         this node answers at once from what it has, if that is fresh enough
 *
 * Many reads share one question to the leader, and one heartbeat round there (`read_index.ts`).
 */

import { type OperatingError, operatingError } from '../errors';
import { type LogIndex, logIndex, type Millis, millis, NEVER, type RequestId } from '../ids';
import { notInTime, servedFrom } from './answers';
import { type Leader, quorumAge } from './leadership';
import { leaseIsValid, wantLease } from './lease';
import type { MessageOf } from './messages';
import type { ReadRequest } from './requests';
import { knownLeader } from './roles';
import type { RaftState } from './state';

export interface PendingRead extends ReadRequest<unknown> {
  readonly id: RequestId;
  /** `waiting` for a leader, `asked` it, or only until an index is `applying`. */
  place: 'waiting' | 'asked' | 'applying';
  /** The index that it waits for while it is `applying`. */
  needed: LogIndex;
}

/** One question to the leader, for many reads. */
interface Question {
  readonly id: number;
  readonly reads: readonly RequestId[];
  readonly sentAt: Millis;
}

const NOT_CONFIRMED = 'The leader has not confirmed in time that it still leads; try again';

export class ReadRequests {
  /** Reads that no question has been asked for; on a leader, those that have no round yet. */
  private readonly unasked = new Set<RequestId>();
  private question: Question | undefined;
  /** Reads that wait for an index to be applied. */
  private readonly applying = new Map<LogIndex, Set<RequestId>>();
  /** All indices up to here were applied when `applied` was told last. */
  private appliedBefore = 0;

  /** Questions are counted on from `lastId`: see `numbering.ts`. */
  constructor(private lastId: number) {}

  /** How many reads wait for a question to be asked, or for an index to be applied. */
  get size(): number {
    let { size } = this.unasked;
    for (const ids of this.applying.values()) size += ids.size;
    return size;
  }

  receive(raft: RaftState, read: PendingRead): void {
    if (read.level !== 'stale') return this.ask(raft, read);
    const age = this.age(raft);
    if (read.maxStaleness !== undefined && age > read.maxStaleness) {
      return raft.clients.fail(raft, read.id, tooStale(raft, age, read.maxStaleness));
    }
    this.ready(raft, read.id, raft.applied);
  }

  /** The answer is right from `index` on: give it, or wait until that is applied. */
  ready(raft: RaftState, id: RequestId, index: LogIndex): void {
    const read = raft.clients.get(id);
    if (read?.kind !== 'read') return;
    const needed = logIndex(Math.max(index, read.minIndex ?? 0));
    if (needed <= raft.applied) return this.answer(raft, read);
    read.place = 'applying';
    read.needed = needed;
    const waiting = this.applying.get(needed);
    if (waiting === undefined) this.applying.set(needed, new Set([id]));
    else waiting.add(id);
  }

  /** It was answered. */
  forget({ id, place, needed }: PendingRead): void {
    if (place === 'waiting') this.unasked.delete(id);
    if (place !== 'applying') return;
    const waiting = this.applying.get(needed);
    waiting?.delete(id);
    if (waiting?.size === 0) this.applying.delete(needed);
  }

  /** Whatever was not answered is asked anew. */
  leaderFound(raft: RaftState): void {
    const { question } = this;
    this.question = undefined;
    const ids = [...(question?.reads ?? []), ...this.unasked];
    this.unasked.clear();
    for (const id of ids) {
      const read = raft.clients.get(id);
      if (read?.kind === 'read') this.ask(raft, read);
    }
  }

  /** Reads that our own leadership had not confirmed are asked of the next leader. */
  leadershipLost(raft: RaftState, leader: Leader): void {
    for (const origin of leader.readBatches.flatMap((batch) => batch.origins)) {
      const read = origin.kind === 'client' ? raft.clients.get(origin.id as RequestId) : undefined;
      if (read?.kind === 'read') this.wait(read);
    }
  }

  /** Asks the leader, if reads wait and no question is under way; once for each step. */
  askLeader(raft: RaftState): void {
    const leader = knownLeader(raft);
    if (this.unasked.size === 0 || this.question !== undefined) return;
    if (leader === undefined || leader === raft.self) return;
    const reads = this.takeUnasked(raft);
    const id = ++this.lastId;
    this.question = { id, reads: reads.map((read) => read.id), sentAt: raft.now };
    const lease = reads.every((read) => read.level === 'lease');
    raft.send(leader, { kind: 'read_index', term: raft.term, id, lease });
  }

  /** The reads that wait for a question, for the one who asks it now. */
  takeUnasked(raft: RaftState): PendingRead[] {
    if (this.unasked.size === 0) return [];
    const reads = [...this.unasked]
      .map((id) => raft.clients.get(id))
      .filter((read) => read?.kind === 'read');
    this.unasked.clear();
    for (const read of reads) read.place = 'asked';
    return reads;
  }

  /** Only the answer to the present question counts: an older one may be too old for some read. */
  receiveReply(raft: RaftState, message: MessageOf<'read_index_reply'>): void {
    const { question } = this;
    if (question?.id !== message.id || message.term !== raft.term) return;
    this.question = undefined;
    for (const id of question.reads) this.ready(raft, id, message.index);
  }

  /** Asks again, with a new number, when the leader has not answered for long. */
  tick(raft: RaftState): void {
    if (raft.now >= this.wakeAt(raft)) this.leaderFound(raft);
  }

  wakeAt(raft: RaftState): Millis {
    const { question } = this;
    if (question === undefined) return NEVER;
    return millis(question.sentAt + raft.options.electionTimeoutMinMs);
  }

  applied(raft: RaftState, index: LogIndex): void {
    const before = this.appliedBefore;
    this.appliedBefore = index;
    if (this.applying.size === 0) return;
    for (const needed of this.reached(before, index)) {
      const ids = this.applying.get(needed) ?? [];
      this.applying.delete(needed);
      for (const id of ids) {
        const read = raft.clients.get(id);
        if (read?.kind === 'read') this.answer(raft, read);
      }
    }
  }

  expired(raft: RaftState, read: PendingRead): OperatingError {
    if (read.place !== 'applying') return notInTime(raft, NOT_CONFIRMED);
    const details = { applied_index: raft.applied, commit_index: raft.commit };
    const message = 'This node has not applied the index that the read needs in time';
    return operatingError('index_not_reached', message, {
      ...details,
      min_index: read.minIndex ?? raft.commit,
    });
  }

  /** How old the state of this node may be. */
  age(raft: RaftState): Millis {
    if (raft.role.kind !== 'leader') return raft.freshness.age(raft.now);
    return raft.commit >= raft.role.noopIndex && raft.applied >= raft.commit
      ? quorumAge(raft, raft.role)
      : millis(Number.POSITIVE_INFINITY);
  }

  private ask(raft: RaftState, read: PendingRead): void {
    if (raft.role.kind === 'leader' && read.level === 'lease') {
      wantLease(raft, raft.role);
      if (leaseIsValid(raft, raft.role)) return this.ready(raft, read.id, raft.commit);
    }
    this.wait(read);
  }

  private wait(read: PendingRead): void {
    read.place = 'waiting';
    this.unasked.add(read.id);
  }

  /**
   * The indices that reads wait for and that have just been applied. It looks at the entries or at the
   * indices, whichever are fewer: those that wait for a far index must not cost each entry something.
   */
  private reached(before: number, index: LogIndex): LogIndex[] {
    if (index - before > this.applying.size) {
      return [...this.applying.keys()].filter((needed) => needed <= index);
    }
    const entries = Array.from({ length: index - before }, (_, i) => logIndex(before + 1 + i));
    return entries.filter((entry) => this.applying.has(entry));
  }

  private answer(raft: RaftState, read: PendingRead): void {
    const age = read.level === 'stale' ? this.age(raft) : millis(0);
    // It may have waited for its `min_index`, and no leader been heard meanwhile.
    if (read.maxStaleness !== undefined && age > read.maxStaleness) {
      return raft.clients.fail(raft, read.id, tooStale(raft, age, read.maxStaleness));
    }
    const answer = raft.machine.query(read.query);
    const served = servedFrom(raft, raft.applied, age);
    raft.clients.answer(raft, read.id, { kind: 'answer', answer, served });
  }
}

function tooStale(raft: RaftState, age: Millis, allowed: Millis): OperatingError {
  const known = Number.isFinite(age);
  const message = known
    ? 'The data of this node may be older than the read allows; try again later or another node'
    : 'This node cannot tell how old its data is, since it has not heard a leader with a majority';
  const details = { max_staleness_ms: allowed, applied_index: raft.applied };
  return operatingError(
    'too_stale',
    message,
    known ? { ...details, age_ms: Math.ceil(age) } : details,
  );
}
