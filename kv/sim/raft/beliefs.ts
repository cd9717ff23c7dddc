/**
 * What nodes believe of each other, against what an observer has seen of all of them. A wrong belief
 * harms nobody until somebody acts on it, which may take three more rare things; so it is looked at
 * where it arises.
 */

import type { NodeId, StorageId } from '../../core/ids';
import type { Effect } from '../../core/protocol';
import type { Leader } from '../../core/raft/leadership';
import { leaseIsValid } from '../../core/raft/lease';
import type { RaftMessage } from '../../core/raft/messages';
import type { RaftReply } from '../../core/raft/requests';
import type { RaftState } from '../../core/raft/state';
import type { Timeline } from '../timeline';
import { Violation } from '../violation';
import type { DiskShadow } from './disk_shadow';
import { PromisesKept } from './promises_kept';

type Node = Readonly<RaftState>;

export class Beliefs {
  /** The newest heartbeat round that was sent and answered, by leader, term and follower. */
  private readonly sent = new Map<string, number>();
  private readonly answered = new Map<string, number>();
  /** The newest term that anybody has led, and who did. */
  private newest: { term: number; leader: NodeId | undefined } = { term: 0, leader: undefined };

  private readonly promises = new PromisesKept();

  constructor(
    private readonly diskOf: (storage: StorageId) => DiskShadow | undefined,
    /** Whether the clocks of this run are such that leases may be trusted. */
    private readonly leasesHold: boolean,
    private readonly timeline: Timeline,
  ) {}

  started(node: NodeId, storage: StorageId): void {
    this.promises.started(node, storage);
  }

  ended(node: NodeId): void {
    this.promises.ended(node);
  }

  observe(
    raft: Node,
    disk: DiskShadow,
    effects: readonly Effect<RaftMessage, RaftReply<unknown>>[],
  ): void {
    const { role, term, self } = raft;
    if (role.kind === 'leader' && term > this.newest.term) this.newest = { term, leader: self };
    for (const effect of effects) {
      if (effect.kind !== 'send') continue;
      this.heard(self, effect.to, effect.message);
      this.promises.sent(effect.message);
    }
    if (this.leasesHold) this.promises.observe(raft, this.timeline.now);
    this.checkDurable(raft, disk);
    if (role.kind !== 'leader') return;
    this.checkMatches(raft, role);
    this.checkRounds(raft, role);
    this.checkLease(raft, role);
  }

  /** Heartbeats and their answers; an answer must name something that was asked. */
  private heard(from: NodeId, to: NodeId, message: RaftMessage): void {
    const { term } = message;
    if (message.kind === 'heartbeat') this.sent.set(contact(from, term, to), message.round);
    if (message.kind !== 'heartbeat_reply' || message.round === 0) return;
    const name = contact(to, term, from);
    const asked = this.sent.get(name) ?? 0;
    if (message.round > asked) {
      const what = `answers round ${message.round} of ${to} in term ${term}`;
      throw new Violation('rounds', `${from} ${what}, which has asked no more than ${asked}`);
    }
    this.answered.set(name, Math.max(message.round, this.answered.get(name) ?? 0));
  }

  /** Dissertation §6.4: a round is confirmed by answers to that round, or to a later one. */
  private checkRounds({ self, term }: Node, { progress }: Leader): void {
    for (const [id, { round }] of progress) {
      if (round === 0) continue;
      const answered = this.answered.get(contact(self, term, id)) ?? 0;
      if (round <= answered) continue;
      const what = `${self} takes round ${round} of term ${term} for answered by ${id}`;
      throw new Violation('rounds', `${what}, which has answered ${answered}`);
    }
  }

  /** What this node's own disk has, as far as it thinks. */
  private checkDurable({ self, log, durable }: Node, disk: DiskShadow): void {
    const term = log.termAt(durable);
    if (durable <= log.baseIndex || term === undefined || disk.holds(durable, term)) return;
    throw new Violation('matches', `${self} takes ${durable}@${term} for durable, which it is not`);
  }

  /**
   * Figure 2, `matchIndex[]`: the follower's disk has what the leader counts. One that has gone on
   * to a later term may have lost it since, and the leader is none any more.
   */
  private checkMatches({ self, log, term }: Node, { progress }: Leader): void {
    for (const { id, match, storage } of progress.values()) {
      const inTerm = log.termAt(match);
      if (match <= log.baseIndex || inTerm === undefined) continue;
      const disk = this.diskOf(storage);
      if (disk === undefined || disk.term > term || disk.holds(match, inTerm)) continue;
      throw new Violation(
        'matches',
        `${self} leads term ${term} and counts ${match}@${inTerm} of ${id}, whose disk has it not`,
      );
    }
  }

  /** Dissertation §6.4.1: while a lease holds nobody else is elected. */
  private checkLease(raft: Node, leader: Leader): void {
    if (!this.leasesHold || this.newest.term <= raft.term) return;
    // The state is looked at and not changed, which its type cannot say.
    if (!leaseIsValid(raft as RaftState, leader)) return;
    const { term, leader: other } = this.newest;
    throw new Violation(
      'lease',
      `${raft.self} trusts the lease of its term ${raft.term}, and ${other} leads term ${term}`,
    );
  }
}

const contact = (leader: NodeId, term: number, follower: NodeId): string =>
  `${leader} ${term} ${follower}`;
