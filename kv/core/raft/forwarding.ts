/**
 * Writes that this node forwards to the leader.
 *
 * A forwarded write can be lost on its way, or its answer can, or the leader dies in between; then
 * it is sent again. So that it takes effect once, this node has a session of its own in the
 * replicated state machine (dissertation §6.3) and numbers what it forwards. A write that carries
 * an idempotency key needs no session.
 */

import { operatingError } from '../errors';
import { type Millis, millis, NEVER, type NodeId, type RequestId } from '../ids';
import { encodeKeyed, encodeOpenSession, encodeSession } from '../machine/envelope';
import { SESSION_WINDOW } from '../machine/session_table';
import { ForwardsSeen } from './forwards_seen';
import type { MessageOf } from './messages';
import { propose } from './proposals';
import { knownLeader } from './roles';
import type { RaftState } from './state';
import type { PendingWrite } from './writes';

/** How the replicated state machine knows a write that has no key of its own. */
interface Numbered {
  readonly session: number;
  readonly seq: number;
}

/** One message under way. The opening of the session is one without a client. */
interface Forwarded {
  readonly id: number;
  readonly request: RequestId | undefined;
  /** What it was first sent under: sent under another, it could take effect twice. */
  readonly numbered: Numbered | undefined;
  sentAt: Millis;
  /** How often it was sent; after the first time its outcome is unknown. */
  attempts: number;
}

type NodeSession =
  | { readonly kind: 'none' }
  | { readonly kind: 'opening'; readonly id: number }
  | { readonly kind: 'open'; readonly session: number };

export class Forwarding {
  /** The writes that other nodes forwarded to this one. */
  readonly seen = new ForwardsSeen();
  private session: NodeSession = { kind: 'none' };
  /** What is under way, in the order of ids. */
  private readonly sent = new Map<number, Forwarded>();
  /** The numbers under way in a session. Ids would not do: writes with a key would fill its window. */
  private readonly seqs = new Set<number>();
  private lastSeq = 0;
  /** Writes that wait for the session to open, or for room in its window. */
  private readonly queue = new Set<RequestId>();

  /** Ids are counted on from `lastId`: see `numbering.ts`. */
  constructor(private lastId: number) {}

  /** What is under way or waits to be sent. */
  get size(): number {
    return this.sent.size + this.queue.size;
  }

  forward(raft: RaftState, write: PendingWrite): void {
    if (write.idempotencyKey !== undefined) return this.start(raft, write, undefined);
    this.enqueue(write);
    this.drain(raft);
  }

  /** It was answered before it could be sent. */
  forget({ id }: PendingWrite): void {
    this.queue.delete(id);
  }

  /** Sends everything under way to the new leader: what it has already applied stays applied. */
  leaderFound(raft: RaftState): void {
    for (const forwarded of [...this.sent.values()]) this.send(raft, forwarded);
    this.drain(raft);
  }

  receiveReply(raft: RaftState, message: MessageOf<'forward_reply'>): void {
    const forwarded = this.sent.get(message.id);
    if (forwarded === undefined) return;
    this.untrack(forwarded);
    if (forwarded.request === undefined) this.sessionOpened(raft, message);
    else if (message.status === 'session_expired') this.sessionExpired(raft, forwarded);
    else raft.clients.writes.settle(raft, forwarded.request, message, message.index);
    this.drain(raft);
  }

  receiveReject(raft: RaftState, message: MessageOf<'forward_reject'>): void {
    const forwarded = this.sent.get(message.id);
    if (forwarded === undefined) return;
    // An earlier try may be in a log somewhere, so only the refusal of the first one is known not
    // to have been applied. The others are sent again when a leader is found or after a while.
    if (forwarded.attempts > 1 || forwarded.request === undefined) return;
    this.untrack(forwarded);
    const write = raft.clients.get(forwarded.request);
    if (write?.kind === 'write') raft.clients.writes.refuse(raft, write, message.code);
  }

  /** Sends again what has not been answered for long. */
  tick(raft: RaftState): void {
    if (raft.now < this.wakeAt(raft)) return;
    for (const forwarded of [...this.sent.values()]) {
      if (this.isOverdue(raft, forwarded)) this.send(raft, forwarded);
    }
    this.drain(raft);
  }

  wakeAt(raft: RaftState): Millis {
    const oldest = this.sent.values().next().value;
    if (oldest === undefined) return NEVER;
    return millis(oldest.sentAt + raft.options.electionTimeoutMaxMs);
  }

  private drain(raft: RaftState): void {
    if (this.queue.size === 0 || knownLeader(raft) === undefined) return;
    if (this.session.kind === 'none') this.openSession(raft);
    if (this.session.kind !== 'open') return;
    const { session } = this.session;
    for (const id of this.queue) {
      if (!this.windowHasRoom) return;
      this.queue.delete(id);
      const write = raft.clients.get(id);
      if (write?.kind !== 'write') continue;
      this.start(raft, write, { session, seq: ++this.lastSeq });
    }
  }

  private enqueue(write: PendingWrite): void {
    write.place = 'queued';
    this.queue.add(write.id);
  }

  private openSession(raft: RaftState): void {
    const id = ++this.lastId;
    this.session = { kind: 'opening', id };
    const numbered = undefined;
    this.track(raft, { id, request: undefined, numbered, sentAt: raft.now, attempts: 0 });
  }

  private start(raft: RaftState, write: PendingWrite, numbered: Numbered | undefined): void {
    write.place = 'forwarded';
    const id = ++this.lastId;
    this.track(raft, { id, request: write.id, numbered, sentAt: raft.now, attempts: 0 });
  }

  private track(raft: RaftState, forwarded: Forwarded): void {
    this.sent.set(forwarded.id, forwarded);
    if (forwarded.numbered !== undefined) this.seqs.add(forwarded.numbered.seq);
    this.send(raft, forwarded);
  }

  private untrack({ id, numbered }: Forwarded): void {
    this.sent.delete(id);
    if (numbered !== undefined) this.seqs.delete(numbered.seq);
  }

  private send(raft: RaftState, forwarded: Forwarded): void {
    const leader = knownLeader(raft);
    forwarded.sentAt = raft.now;
    if (leader === undefined) return;
    const envelope = this.envelope(raft, forwarded);
    if (envelope === undefined) {
      // Its client has been answered, by the deadline.
      this.untrack(forwarded);
      return;
    }
    forwarded.attempts += 1;
    const { id } = forwarded;
    if (leader !== raft.self) {
      const again = forwarded.attempts > 1;
      raft.send(leader, { kind: 'forward', term: raft.term, id, again, envelope });
    } else if (raft.role.kind === 'leader') {
      propose(raft, raft.role, [envelope], { kind: 'node', node: raft.self, id });
    }
  }

  private envelope(raft: RaftState, forwarded: Forwarded): Uint8Array | undefined {
    if (forwarded.request === undefined) return encodeOpenSession();
    const write = raft.clients.get(forwarded.request);
    if (write?.kind !== 'write') return undefined;
    write.handedOver = true;
    if (write.idempotencyKey !== undefined) return encodeKeyed(write.idempotencyKey, write.command);
    if (forwarded.numbered === undefined) return undefined;
    const { session, seq } = forwarded.numbered;
    return encodeSession({ session, seq, lowestPending: this.lowestPending }, write.command);
  }

  private sessionOpened(raft: RaftState, message: MessageOf<'forward_reply'>): void {
    if (this.session.kind !== 'opening' || this.session.id !== message.id) return;
    if (message.status === 'session_opened') {
      this.session = { kind: 'open', session: message.index };
      return;
    }
    // There is no room for another session. Asking again at once would fill the log with questions,
    // so the writes that wait are refused, and the next one asks.
    this.session = { kind: 'none' };
    const refused = [...this.queue];
    const text = 'Too many sessions are open; try again later, or with an idempotency key';
    for (const id of refused) {
      raft.clients.fail(raft, id, operatingError('overloaded', text, { index: message.index }));
    }
  }

  /** A first try that found no session was not applied: it gets another one, in a new session. */
  private sessionExpired(raft: RaftState, forwarded: Forwarded): void {
    if (this.session.kind === 'open' && this.session.session === forwarded.numbered?.session) {
      this.session = { kind: 'none' };
    }
    const write = forwarded.request === undefined ? undefined : raft.clients.get(forwarded.request);
    if (write?.kind !== 'write') return;
    if (forwarded.attempts === 1) {
      this.enqueue(write);
      return;
    }
    const expired = { status: 'session_expired', result: new Uint8Array(0) } as const;
    raft.clients.writes.settle(raft, write.id, expired, raft.applied);
  }

  private isOverdue(raft: RaftState, forwarded: Forwarded): boolean {
    return raft.now - forwarded.sentAt >= raft.options.electionTimeoutMaxMs;
  }

  /** The lowest number that is still under way: results below it may be forgotten. */
  private get lowestPending(): number {
    return this.seqs.values().next().value ?? this.lastSeq + 1;
  }

  private get windowHasRoom(): boolean {
    return this.lastSeq + 1 - this.lowestPending < SESSION_WINDOW;
  }
}

/** Another node forwards a write to this one, which should be the leader. */
export function receiveForward(raft: RaftState, from: NodeId, message: MessageOf<'forward'>): void {
  const { id, envelope } = message;
  const refuse = (code: MessageOf<'forward_reject'>['code']) => {
    // Of a write that was sent before nothing can be promised, so refusing it would say nothing.
    if (!message.again) raft.send(from, { kind: 'forward_reject', term: raft.term, id, code });
  };
  // What was seen before our start is forgotten: the sender will try again.
  const unsure = message.term <= raft.startTerm || raft.clients.forwarding.seen.see(from, id);
  if (unsure && !message.again) return;
  if (raft.role.kind !== 'leader') return refuse('no_leader');
  if (envelope.length > raft.options.maxUncommittedBytes) return refuse('too_large');
  const proposed = propose(raft, raft.role, [envelope], { kind: 'node', node: from, id });
  if (!proposed.ok) refuse(proposed.code);
}
