/**
 * The requests of this node's clients, from the moment they come until they are answered. Each is
 * answered exactly once: by a result, by a refusal, or by its deadline.
 *
 * A request is independent of who leads. It waits while no leader is known, is handed to the
 * leader (which may be this node), and is handed over anew when the leadership changes, as far as
 * that cannot make it take effect twice. The rules for writes are in `writes.ts`, those for reads
 * in `reads.ts`; this file keeps the register.
 */

import { type OperatingError, operatingError } from '../errors';
import { type LogIndex, logIndex, type Millis, millis, type NodeId, type RequestId } from '../ids';
import { RequestTable } from '../request_table';
import { failed } from './answers';
import { Deadlines } from './deadlines';
import { Forwarding } from './forwarding';
import type { Leader } from './leadership';
import { endTransfer, startTransfer } from './leadership_transfer';
import { type PendingRead, ReadRequests } from './reads';
import type { RaftReply, RaftRequest } from './requests';
import { knownLeader } from './roles';
import type { RaftState } from './state';
import { type PendingWrite, WriteRequests } from './writes';

interface PendingTransfer {
  readonly kind: 'transfer_leadership';
  readonly id: RequestId;
  readonly deadline: Millis;
}

export type Pending = PendingWrite | PendingRead | PendingTransfer;

export class Clients {
  readonly writes = new WriteRequests();
  readonly reads: ReadRequests;
  readonly forwarding: Forwarding;
  private readonly pending = new RequestTable<Pending>();
  private readonly deadlines = new Deadlines((id) => this.pending.has(id));

  /** Messages that want an answer are numbered on from there. */
  constructor(lastNumber: number) {
    this.reads = new ReadRequests(lastNumber);
    this.forwarding = new Forwarding(lastNumber);
  }

  get size(): number {
    return this.pending.size;
  }

  get(id: RequestId): Pending | undefined {
    return this.pending.get(id);
  }

  receive(raft: RaftState, id: RequestId, request: RaftRequest<unknown>): void {
    const { maxPendingRequests, electionTimeoutMaxMs } = raft.options;
    if (this.pending.size >= maxPendingRequests) {
      const counts = { limit: maxPendingRequests, pending: this.pending.size };
      const message = 'Too many requests are under way on this node; try again later';
      return raft.reply(id, failed(operatingError('overloaded', message, counts)));
    }
    this.register(raft, id, request);
    if (!this.pending.has(id)) return;
    // Without a leader, nobody need wait longer than an election takes.
    const patience = millis(raft.now + 2 * electionTimeoutMaxMs);
    this.deadlines.add(id, millis(Math.min(patience, request.deadline)));
  }

  private register(raft: RaftState, id: RequestId, request: RaftRequest<unknown>): void {
    switch (request.kind) {
      case 'write': {
        // Each field by its name: to spread a request would cost more than all the rest.
        const { command, idempotencyKey, deadline } = request;
        const place = 'waiting';
        const handedOver = false;
        const write: PendingWrite = {
          kind: 'write',
          id,
          command,
          idempotencyKey,
          deadline,
          place,
          handedOver,
        };
        this.pending.set(id, write);
        return this.writes.handOver(raft, write);
      }
      case 'read': {
        const { level, query, maxStaleness, minIndex, deadline } = request;
        const place = 'waiting';
        const needed = logIndex(0);
        const read: PendingRead = {
          kind: 'read',
          id,
          level,
          query,
          maxStaleness,
          minIndex,
          deadline,
          place,
          needed,
        };
        this.pending.set(id, read);
        return this.reads.receive(raft, read);
      }
      case 'transfer_leadership':
        this.pending.set(id, { kind: request.kind, id, deadline: request.deadline });
        return startTransfer(raft, id, request.deadline);
    }
  }

  /** Answers a request, unless it has been answered. */
  answer(raft: RaftState, id: RequestId, reply: RaftReply<unknown>): void {
    const pending = this.pending.get(id);
    if (pending === undefined) return;
    this.forget(pending);
    raft.reply(id, reply);
  }

  fail(raft: RaftState, id: RequestId, error: OperatingError): void {
    this.answer(raft, id, failed(error));
  }

  /** A leader is known, perhaps this node: what waited for one is handed over. */
  leaderFound(raft: RaftState, _leader: NodeId): void {
    this.forwarding.leaderFound(raft);
    this.writes.leaderFound(raft);
    this.reads.leaderFound(raft);
  }

  /** This node led and does not any more. */
  leadershipLost(raft: RaftState, leader: Leader): void {
    this.writes.leadershipLost(leader);
    this.reads.leadershipLost(raft, leader);
    if (leader.transfer !== undefined) {
      endTransfer(raft, leader.transfer.requests, leader.transfer.target);
    }
  }

  /** The state machine has applied everything up to `index`. */
  applied(raft: RaftState, index: LogIndex): void {
    this.writes.applied(raft, index);
    this.reads.applied(raft, index);
  }

  /** Looks for requests whose time is over, and for messages that must be sent again. */
  tick(raft: RaftState): void {
    for (const id of this.deadlines.due(raft.now)) {
      const pending = this.pending.get(id);
      if (pending === undefined) continue;
      this.expire(raft, pending);
      // It was only the patience that has ended.
      if (this.pending.has(id)) this.deadlines.add(id, pending.deadline);
    }
    this.writes.tick(raft);
    this.forwarding.tick(raft);
    this.reads.tick(raft);
  }

  wakeAt(raft: RaftState): Millis {
    const { writes, forwarding, reads, deadlines } = this;
    const asking = Math.min(writes.wakeAt, forwarding.wakeAt(raft), reads.wakeAt(raft));
    return millis(Math.min(deadlines.next, asking));
  }

  /** Removes a request from wherever it waits too: what it waits for may never come. */
  private forget(pending: Pending): void {
    this.pending.delete(pending.id);
    if (pending.kind === 'write') {
      if (pending.place === 'waiting') this.writes.forget(pending);
      else if (pending.place === 'queued') this.forwarding.forget(pending);
    } else if (pending.kind === 'read') this.reads.forget(pending);
  }

  private expire(raft: RaftState, pending: Pending): void {
    const over = raft.now >= pending.deadline;
    const noLeader = knownLeader(raft) === undefined;
    if (pending.kind === 'transfer_leadership') {
      if (over) this.answer(raft, pending.id, { kind: 'transferred', leader: undefined });
    } else if (pending.kind === 'write') {
      const error = this.writes.expired(raft, pending, over);
      if (error !== undefined) this.fail(raft, pending.id, error);
    } else if (over || (noLeader && pending.place === 'waiting')) {
      this.fail(raft, pending.id, this.reads.expired(raft, pending));
    }
  }
}
