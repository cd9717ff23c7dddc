/**
 * The convergent system under the simulator: the very core of production, its clients, and everything
 * that must be true of both. Registration is a fault here: now and then a peer is unregistered, and
 * later registered again.
 */

import { invariant } from '../../core/assert';
import { convergentCodec } from '../../core/convergent/codec';
import { Convergent } from '../../core/convergent/convergent';
import type { ConvergentMessage } from '../../core/convergent/messages';
import { recover } from '../../core/convergent/recovery';
import type { ConvergentReply, ConvergentRequest } from '../../core/convergent/requests';
import { ticksOf } from '../../core/convergent/stamps';
import type { ConvergentState } from '../../core/convergent/state';
import { type Millis, millis, type NodeId } from '../../core/ids';
import type { Prng } from '../../core/prng';
import type { Effect, Protocol, Recovered } from '../../core/protocol';
import type { RunConfiguration } from '../configuration';
import type { NodeStart, Operation, Subject } from '../subject';
import type { Timeline } from '../timeline';
import { Violation } from '../violation';
import { Answers } from './answers';
import { ClockSetBack } from './clock_set_back';
import { drawChange, KEYS, ReadOperation, UpdateOperation } from './convergent_operation';
import { checkComparisons, delicateMoments, unrestOfGroup } from './convergent_rest';
import { settleWithDisk } from './disks_lost';
import { quietMsOf, recoveryMsOf, type SharedConvergentOptions } from './drawn_options';
import { LateQuestions } from './late_questions';
import { Membership } from './membership';
import { TimedReplica } from './timed_replica';
import { TrueHistory } from './true_history';
import { bytesOf, isIn, isWithin, type Update } from './true_update';
import { WallClocks } from './wall_clocks';
import { Witness, type WitnessHost } from './witness';

type ConvergentEffect = Effect<ConvergentMessage, ConvergentReply>;
type ConvergentProtocol = Protocol<ConvergentMessage, ConvergentRequest, ConvergentReply>;

export class ConvergentSubject
  implements Subject<ConvergentMessage, ConvergentRequest, ConvergentReply>
{
  readonly codec = convergentCodec();
  readonly quietMs: number;
  private readonly replicas = new Map<NodeId, TimedReplica>();
  private readonly witnesses = new Map<NodeId, Witness>();
  private readonly history = new TrueHistory();
  private readonly membership: Membership;
  private readonly answers: Answers;
  private readonly host: WitnessHost;
  private readonly clocks: WallClocks;
  private readonly setBack: ClockSetBack;
  private readonly late: ReadonlyMap<NodeId, LateQuestions>;
  private readonly counts = new Map<string, number>();
  private readonly lost = new Set<Update>();
  private probes = 0;
  private names = 0;

  constructor(
    private readonly members: readonly NodeId[],
    private readonly options: SharedConvergentOptions,
    private readonly configuration: RunConfiguration,
    timeline: Timeline,
    prng: Prng,
    private readonly report: (name: string, count: number) => void,
  ) {
    const { replicas, witnesses, history } = this;
    const minds = prng.stream('changes of mind');
    const group = { members, replicas, witnesses, history };
    this.membership = new Membership(group, timeline, configuration, minds);
    this.answers = new Answers(history, this.membership.uncertain);
    this.host = this.hostOf(this.membership);
    this.quietMs = quietMsOf(options, prng.stream('quiet'));
    const onJump = () => this.count('wall clocks set');
    this.clocks = new WallClocks(members, timeline, configuration, prng, onJump);
    const own = prng.stream('clock set back');
    const lateOf = (id: NodeId) =>
      new LateQuestions(timeline, configuration, prng.stream(`late questions ${id}`));
    this.late = new Map(members.map((id) => [id, lateOf(id)]));
    this.setBack = new ClockSetBack(this.clocks, options.maxDriftMs, configuration, own);
  }

  start(setup: NodeStart, recovered: Recovered): TimedReplica {
    const { self, storage, at } = setup;
    const address = `http://${self}`;
    const options = { ...this.options, ...setup, address, wall: this.clocks.read(self) };
    const core = new Convergent(options, recover(recovered), at);
    const before = this.witnesses.get(self);
    if (before) {
      const gone = settleWithDisk(
        this.history,
        before,
        this.others(self),
        storage,
        core.inspect.seen,
      );
      for (const update of gone) this.lost.add(update);
    }
    this.membership.peers.dropAfter(storage, core.inspect.seen.get(storage) ?? 0);
    this.witnesses.set(
      self,
      new Witness(self, storage, core.inspect.store, core.inspect.seen, this.host),
    );
    this.answers.restarted(self);
    const others = this.members.filter((id) => id !== self);
    const late = this.late.get(self) as LateQuestions;
    const due = () => this.membership.due(self);
    const replica = new TimedReplica(core, () => this.clocks.read(self), others, late, due);
    this.replicas.set(self, replica);
    return replica;
  }

  private hostOf(membership: Membership): WitnessHost {
    const { peers, uncertain } = membership;
    return {
      ...{ history: this.history, peers, uncertain },
      made: (node, update) => membership.made(node, update),
      said: (words) => membership.said(words),
      latest: (node) => ticksOf(millis(this.clocks.read(node) + this.options.maxDriftMs)),
    };
  }

  observe(node: NodeId, protocol: ConvergentProtocol, effects: readonly ConvergentEffect[]): void {
    const witness = this.witnesses.get(node);
    invariant(witness !== undefined && protocol instanceof TimedReplica, 'it is known', { node });
    witness.stepBegins();
    for (const effect of effects) {
      if (effect.kind === 'persist') witness.hand(effect.records, effect.through);
    }
    const { journal } = protocol.core.inspect;
    this.answers.arrived(witness, protocol.arrived, journal.sequence);
    for (const effect of effects) {
      if (effect.kind === 'reply') this.answers.replied(witness, effect.id, effect.reply);
      else if (effect.kind === 'send') this.checkSaid(witness, effect.message);
      else if (effect.kind === 'snapshot_commit') this.count('snapshots made');
    }
    this.answers.checkPrompt(node, journal.durable);
    const { operator, uncertain } = this.membership;
    if (operator.changes === 0 && uncertain.size === 0) checkComparisons(protocol.core.inspect);
    this.setBack.look(protocol.core.inspect);
    this.membership.observe(node, protocol.orders);
  }

  /** What is told to others is on the disk. */
  private checkSaid({ node, durable, replica }: Witness, message: ConvergentMessage): void {
    this.count(`sent ${message.kind}`);
    const isDurable =
      message.kind === 'pull' ||
      (message.kind === 'push'
        ? (message.seen.get(replica) ?? 0) <= (durable.get(replica) ?? 0)
        : isWithin(message.seen, durable));
    if (!isDurable)
      fail('durable before said', `${node} sends a ${message.kind} ahead of its disk`);
  }

  persisted(node: NodeId, through: number): void {
    this.witnesses.get(node)?.persisted(through);
  }

  ended(node: NodeId): void {
    this.replicas.delete(node);
    this.membership.operator.ended(node);
  }

  /** Any node can be asked to register or unregister another: mostly it is the first. */
  leader(): NodeId | undefined {
    return [...this.replicas.keys()].find((id) => id !== this.membership.operator.outsider);
  }

  handOver(deadline: Millis): ConvergentRequest | undefined {
    const asked = this.leader();
    if (asked === undefined || this.members.length < 2) return undefined;
    return this.membership.nextChange(asked, deadline);
  }

  /** A disk may be lost while all that is on it is also on others. */
  mayLoseDisk(node: NodeId): boolean {
    const isWhole = this.replicas.size === this.members.length;
    if (!isWhole || this.membership.operator.outsider !== undefined) return false;
    const witness = this.witnesses.get(node);
    if (witness === undefined) return false;
    return this.others(node).some(({ durable }) => isWithin(witness.seen, durable));
  }

  isSettled(): boolean {
    return true;
  }

  delicate(): { node: NodeId; why: string }[] {
    return [...this.replicas].flatMap(([node, { core }]) =>
      delicateMoments(core.inspect).map((why) => ({ node, why })),
    );
  }

  operation(client: string, prng: Prng): Operation<ConvergentRequest, ConvergentReply> {
    if (prng.chance(1, 3)) {
      return new ReadOperation(prng.chance(1, 8) ? undefined : prng.pick(KEYS));
    }
    const name = `${client}-${++this.names}`;
    const keys = new Set(Array.from({ length: prng.between(1, 3) }, () => prng.pick(KEYS)));
    const changes = [...keys].map((key) => ({ key, change: drawChange(key, name, prng) }));
    return this.update(name, `mark ${client}`, changes, prng.chance(1, 16));
  }

  probe(node: NodeId, kind: 'write' | 'read'): Operation<ConvergentRequest, ConvergentReply> {
    if (kind === 'read') return new ReadOperation('v1');
    const { outsider } = this.membership.operator;
    if (outsider !== undefined) return this.membership.operator.registration(node, outsider);
    return this.update(`probe-${++this.probes}`, 'probe', [], false);
  }

  /** Every update also puts its own name somewhere, by which it is known again. */
  private update(
    name: string,
    mark: string,
    changes: Parameters<TrueHistory['begin']>[1],
    returnsState: boolean,
  ): UpdateOperation {
    const put = { kind: 'put', value: bytesOf(`"${name}"`) } as const;
    const update = this.history.begin(name, [...changes, { key: mark, change: put }]);
    return new UpdateOperation(update, returnsState);
  }

  clientRestarted(): void {}
  get recoveryMs(): number {
    return recoveryMsOf(this.options, this.configuration, this.members.length);
  }

  unrest(): string | undefined {
    const { outsider } = this.membership.operator;
    if (outsider !== undefined) return `${outsider} is not registered`;
    return unrestOfGroup(this.members.map((id) => this.core(id).inspect as ConvergentState));
  }

  checkHistory(): void {
    for (const [name, count] of this.counts) this.report(name, count);
    const witnesses = [...this.witnesses.values()];
    for (const update of this.history.all) {
      this.report(`update: ${update.outcome}`, 1);
      const lacking = witnesses.find(({ seen }) => !isIn(update, seen));
      const isOwed = update.outcome === 'written' && !this.lost.has(update);
      if (isOwed && (lacking || !update.isMade)) {
        fail(
          'lost write',
          `${update.name} was acknowledged, and ${lacking?.node} does not have it`,
        );
      }
      if (update.outcome === 'not_applied' && update.isMade) {
        fail('answers', `${update.name} was said not to be applied, and is`);
      }
    }
    for (const key of this.history.keys) {
      const [first, ...views] = witnesses.map((witness) => witness.viewOf(key));
      if (views.some((view) => view !== first)) fail('rest', `replicas show different ${key}`);
    }
    for (const id of this.members) {
      for (const [name, count] of Object.entries(this.core(id).inspect.counts))
        this.report(name, count);
    }
    this.report('keys in doubt', this.membership.uncertain.size);
    this.report('changes of peers', this.membership.operator.changes);
  }

  private others(node: NodeId): Witness[] {
    return [...this.witnesses.values()].filter((one) => one.node !== node);
  }

  private count(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }

  private core(node: NodeId): Convergent {
    const replica = this.replicas.get(node);
    invariant(replica !== undefined, 'the node is running', { node });
    return replica.core;
  }
}

function fail(checker: string, message: string): never {
  throw new Violation(checker, message);
}
