/**
 * Who is a peer in a run: the operator who asks for changes, the oracle that holds replicas against
 * them, and which updates are in doubt because nobody waited for whoever had made them.
 */

import type { Millis, NodeId } from '../../core/ids';
import type { Prng } from '../../core/prng';
import type { RunConfiguration } from '../configuration';
import type { Timeline } from '../timeline';
import { ChangesOfMind } from './changes_of_mind';
import { Operator } from './operator';
import type { TimedReplica } from './timed_replica';
import type { TrueHistory } from './true_history';
import { checkAsked, type Order, TruePeers, type Word } from './true_peers';
import { isIn, type Update } from './true_update';
import type { Witness } from './witness';

export interface Group {
  readonly members: readonly NodeId[];
  /** Those that are up. */
  readonly replicas: ReadonlyMap<NodeId, TimedReplica>;
  readonly witnesses: ReadonlyMap<NodeId, Witness>;
  readonly history: TrueHistory;
}

export class Membership {
  /**
   * Keys of which a replica that was not registered has written, or had written something that had
   * not reached everybody when it was unregistered: nobody waited for it before forgetting deletes,
   * so a delete may have been forgotten too early for what it wrote. They must end equal, no more.
   */
  readonly uncertain = new Set<string>();
  readonly peers: TruePeers;
  readonly operator: Operator;
  private readonly minds: ChangesOfMind;
  /** What has been said in the step that is looked at. */
  private words: Word[] = [];

  constructor(
    private readonly group: Group,
    timeline: Timeline,
    configuration: RunConfiguration,
    prng: Prng,
  ) {
    const { members } = group;
    this.peers = new TruePeers(members);
    const durableOf = (replica: number) => this.durableOf(replica);
    const lastWord = (peer: NodeId) => this.peers.lastToCountOn(peer, durableOf);
    this.operator = new Operator(members, lastWord, (peer) => this.isSettled(peer));
    const hasNews = (node: NodeId, peer: NodeId) => this.hasNewsFor(node, peer);
    this.minds = new ChangesOfMind(members, this.operator, timeline, configuration, prng, hasNews);
  }

  /** What a node is asked for now by an operator who has changed his mind. */
  due(node: NodeId): readonly Order[] {
    const orders = this.minds.due(node);
    for (const order of orders) this.doubtUnseen(order);
    return orders;
  }

  /** What the operator asks a node for next. */
  nextChange(asked: NodeId, deadline: Millis): Order {
    const order = this.operator.nextChange(asked, deadline);
    this.doubtUnseen(order);
    return order;
  }

  made(node: NodeId, update: Update): void {
    if (node === this.operator.outsider || !this.isKnown(node)) this.doubt([update]);
  }

  said(words: readonly Word[]): void {
    this.words.push(...words);
  }

  /** A node has taken a step. */
  observe(node: NodeId, orders: readonly Order[]): void {
    checkAsked(node, this.words, orders);
    this.words = [];
    for (const order of orders) {
      this.operator.carriedOut(node, order);
      this.minds.carriedOut(node, order);
    }
  }

  private hasNewsFor(node: NodeId, peer: NodeId): boolean {
    const [own, theirs] = [node, peer].map((id) => this.group.witnesses.get(id));
    const replica = own?.replica ?? 0;
    return (own?.durable.get(replica) ?? 0) > (theirs?.seen.get(replica) ?? 0);
  }

  /** Whether all who are up have the node for a peer, and so wait for it. */
  private isKnown(node: NodeId): boolean {
    const others = [...this.group.replicas].filter(([id]) => id !== node);
    return others.every(([, { core }]) => core.inspect.peers.registered.has(node));
  }

  /** Up to where a replica has its own words on its disk. */
  private durableOf(replica: number): number {
    const own = [...this.group.witnesses.values()].find((witness) => witness.replica === replica);
    return own?.durable.get(replica) ?? 0;
  }

  private isSettled(peer: NodeId): boolean {
    const durable = [...this.group.witnesses.values()].map((witness) => witness.durable);
    return durable.length === this.group.members.length && this.peers.isSettled(peer, durable);
  }

  /** What somebody has written and not everybody has on his disk, nobody waits for any more. */
  private doubtUnseen({ kind, peer }: Order): void {
    const witness = this.group.witnesses.get(peer);
    if (kind !== 'unregister' || witness === undefined) return;
    const { history, witnesses } = this.group;
    const own = history
      .between(new Map(), witness.seen)
      .filter(({ replica }) => replica === witness.replica);
    const others = [...witnesses.values()].filter((one) => one !== witness);
    this.doubt(own.filter((update) => others.some(({ durable }) => !isIn(update, durable))));
  }

  private doubt(updates: readonly Update[]): void {
    for (const { changes } of updates) for (const key of changes.keys()) this.uncertain.add(key);
  }
}
