/**
 * Writes of this node's clients.
 *
 * A write is *handed over* when it is in this leader's log or on its way to another's. From then on
 * its outcome is unknown until it is applied. It may be handed over again only where that cannot
 * make it take effect twice: with an idempotency key, under the session that forwarded writes have
 * (`forwarding.ts`), or when its place in the log was taken by an entry of another term.
 */

import { type OperatingError, operatingError } from '../errors';
import { type LogIndex, type Millis, millis, NEVER, type RequestId, type Term } from '../ids';
import { encodeKeyed, PLAIN_HEADER } from '../machine/envelope';
import type { Applied } from '../machine/sessions';
import { notInTime, refusalError, servedFrom } from './answers';
import type { Leader } from './leadership';
import type { MessageOf } from './messages';
import { propose } from './proposals';
import type { WriteRequest } from './requests';
import { knownLeader } from './roles';
import type { RaftState } from './state';

export interface PendingWrite extends WriteRequest {
  readonly id: RequestId;
  /** `waiting` for a leader, in this node's log, `queued` for or on its way to another's. */
  place: 'waiting' | 'proposed' | 'queued' | 'forwarded';
  /** Whether it may have taken effect. */
  handedOver: boolean;
}

/** A proposal of a leadership that is over: only the log can tell what became of it. */
interface Orphan {
  readonly id: RequestId;
  readonly term: Term;
}

const NOT_TAKEN = 'No leader took the write in time, so it was not applied; it may be sent again';

export class WriteRequests {
  /** Writes that wait for a leader that takes them. */
  private readonly waiting = new Set<RequestId>();
  /** When a leader that refused for the time being is asked again. */
  private retryAt = NEVER;
  /** By their places in the log: one place may have had proposals of several leaderships. */
  private readonly orphans = new Map<LogIndex, readonly Orphan[]>();

  /** How many writes wait for a leader. */
  get size(): number {
    return this.waiting.size;
  }

  /** Hands a write to the leader, or lets it wait for one. */
  handOver(raft: RaftState, write: PendingWrite): void {
    if (raft.role.kind === 'leader') return this.proposeLocally(raft, raft.role, write);
    if (knownLeader(raft) !== undefined) return raft.clients.forwarding.forward(raft, write);
    write.place = 'waiting';
    this.waiting.add(write.id);
  }

  /** It was answered. */
  forget({ id }: PendingWrite): void {
    this.waiting.delete(id);
  }

  leaderFound(raft: RaftState): void {
    const ids = [...this.waiting];
    this.waiting.clear();
    this.retryAt = NEVER;
    for (const id of ids) {
      const write = raft.clients.get(id);
      if (write?.kind === 'write') this.handOver(raft, write);
    }
  }

  /** Hands over again what a leader had refused for the time being. */
  tick(raft: RaftState): void {
    if (raft.now >= this.retryAt) this.leaderFound(raft);
  }

  get wakeAt(): Millis {
    return this.retryAt;
  }

  /**
   * A leader refused it, so it was not applied. A leader that is just being replaced, or that hears
   * no majority just now, is worth waiting for; what is too large or too much is not.
   */
  refuse(raft: RaftState, write: PendingWrite, code: MessageOf<'forward_reject'>['code']): void {
    if (code === 'overloaded' || code === 'too_large') {
      return raft.clients.fail(raft, write.id, refusalError(raft, code));
    }
    write.place = 'waiting';
    write.handedOver = false;
    this.waiting.add(write.id);
    this.retryAt = millis(Math.min(this.retryAt, raft.now + raft.options.heartbeatMs));
  }

  leadershipLost(leader: Leader): void {
    for (const [index, origin] of leader.proposals.open()) {
      // Another node that forwarded a write sends it again, to the new leader.
      if (origin.kind !== 'client') continue;
      const orphan = { id: origin.id as RequestId, term: leader.term };
      this.orphans.set(index, [...(this.orphans.get(index) ?? []), orphan]);
    }
  }

  /** An entry was applied, perhaps at a place where proposals of earlier leaderships had been. */
  settleOrphans(
    raft: RaftState,
    entry: { readonly index: LogIndex; readonly term: Term },
    applied: Applied | undefined,
  ): void {
    if (this.orphans.size === 0) return;
    const orphans = this.orphans.get(entry.index) ?? [];
    this.orphans.delete(entry.index);
    for (const orphan of orphans) {
      if (orphan.term === entry.term && applied !== undefined) {
        this.settle(raft, orphan.id, applied, entry.index);
      } else this.handOverAgain(raft, entry.index, orphan);
    }
  }

  /** A snapshot may have passed over places where proposals had been: nobody can tell any more. */
  applied(raft: RaftState, index: LogIndex): void {
    for (const [at, orphans] of this.orphans) {
      if (at > index) continue;
      this.orphans.delete(at);
      for (const { id } of orphans) raft.clients.fail(raft, id, unknownOutcome(at));
    }
  }

  /** Tells a client what became of its write. */
  settle(raft: RaftState, id: RequestId, applied: Applied, index: LogIndex): void {
    const error = appliedError(applied, index);
    if (error !== undefined) return raft.clients.fail(raft, id, error);
    const served = servedFrom(raft, index, millis(0));
    raft.clients.answer(raft, id, { kind: 'written', result: applied.result, served });
  }

  /** The answer to a write whose time is over, or undefined if it may still wait. */
  expired(raft: RaftState, write: PendingWrite, over: boolean): OperatingError | undefined {
    // Without a leader that takes it, it need not wait longer than an election takes.
    if (!write.handedOver && (over || write.place === 'waiting')) return notInTime(raft, NOT_TAKEN);
    if (!over) return undefined;
    const message =
      'The write was not confirmed in time and may still take effect; repeat it with the same idempotency key, or read first';
    return operatingError('timeout', message, { commit_index: raft.commit, term: raft.term });
  }

  /** Its place was taken, so it was not applied and never will be. */
  private handOverAgain(raft: RaftState, index: LogIndex, orphan: Orphan): void {
    const write = raft.clients.get(orphan.id);
    if (write?.kind !== 'write') return;
    raft.narrate(`entry ${index} of term ${orphan.term} is lost → hand it over again`);
    write.handedOver = false;
    this.handOver(raft, write);
  }

  private proposeLocally(raft: RaftState, leader: Leader, write: PendingWrite): void {
    const { idempotencyKey, command } = write;
    const envelope =
      idempotencyKey === undefined
        ? [PLAIN_HEADER, command]
        : [encodeKeyed(idempotencyKey, command)];
    const foretold = idempotencyKey === undefined ? raft.machine.foretell(command) : undefined;
    const proposed = propose(raft, leader, envelope, { kind: 'client', id: write.id, foretold });
    if (!proposed.ok) return this.refuse(raft, write, proposed.code);
    write.place = 'proposed';
    write.handedOver = true;
  }
}

function unknownOutcome(index: LogIndex): OperatingError {
  const message =
    'The leadership changed and the outcome of the write cannot be known any more; repeat it with the same idempotency key, or read first';
  return operatingError('timeout', message, { index });
}

/** What the exactly-once layer refused, as an error; undefined if the command took effect. */
function appliedError(applied: Applied, index: LogIndex): OperatingError | undefined {
  switch (applied.status) {
    case 'applied':
    case 'duplicate':
    case 'session_opened':
    case 'settings':
      return undefined;
    case 'key_reused':
      return operatingError('key_reused', 'The idempotency key was used with another command', {
        index,
      });
    case 'table_full':
      return operatingError('overloaded', 'Too many idempotency keys are remembered; try later', {
        index,
      });
    case 'session_expired':
      return operatingError(
        'session_expired',
        'The session of the write has expired; it may have been applied before',
        { index },
      );
  }
}
