/**
 * Raft under the simulator: the very core of production with a state machine of the user's choice,
 * its clients, and everything that must be true of both.
 */

import { invariant } from '../../core/assert';
import type { LogIndex, Millis, NodeId, StorageId } from '../../core/ids';
import { millis } from '../../core/ids';
import { decodeEnvelope } from '../../core/machine/envelope';
import { Sessions } from '../../core/machine/sessions';
import { Prng } from '../../core/prng';
import type { Effect, MessageCodec, Protocol, Recovered } from '../../core/protocol';
import { raftCodec } from '../../core/raft/codec';
import { entryData } from '../../core/raft/entry';
import { decodeConfiguration, findMember } from '../../core/raft/membership';
import type { RaftMessage } from '../../core/raft/messages';
import { Raft } from '../../core/raft/raft';
import { recover } from '../../core/raft/recovery';
import type { RaftReply, RaftRequest } from '../../core/raft/requests';
import type { RunConfiguration } from '../configuration';
import type { NodeStart, Operation, Subject } from '../subject';
import type { Timeline } from '../timeline';
import type { Application, Intent, Recorded } from './application';
import { ClusterHistory, type CommittedEntry } from './cluster_history';
import { delicateMoments } from './delicate';
import { type Manner, RaftOperation } from './raft_operation';
import type { SharedOptions } from './raft_options';
import { checkAge, checkRead } from './read_promises';
import { Reference, stateOf } from './reference';
import { checkBounds, unrestOf } from './rest';
import { SessionsAsked } from './sessions_asked';

type Core<Query, Answer> = Raft<Query, Answer>;

/** A healthy cluster may take so many of the longest election timeouts to elect a leader. */
const ELECTIONS = 12;
const PATIENCE_MS = 3000;
const READ_TRIES = 100;

const PROBING: Manner = {
  idempotencyKey: undefined,
  level: 'linearizable',
  maxStaleness: undefined,
  minIndex: undefined,
};

export class RaftSubject<Query, Answer>
  implements Subject<RaftMessage, RaftRequest<Query>, RaftReply<Answer>>
{
  readonly codec: MessageCodec<RaftMessage>;
  readonly history: ClusterHistory;
  readonly recorded: Recorded<Query, Answer>[] = [];
  readonly servedAt = new WeakMap<object, number>();
  private readonly cores = new Map<NodeId, Core<Query, Answer>>();
  private readonly reference: Reference<Query, Answer>;
  /** What each client has seen: the index of its newest answer. */
  private readonly seenBy = new Map<string, LogIndex>();
  private readonly counts = new Map<string, number>();
  private readonly sessions = new SessionsAsked();
  private lastPlace = 0;
  private lastOperation = 0;

  constructor(
    private readonly members: readonly NodeId[],
    private readonly options: SharedOptions,
    private readonly application: Application<Query, Answer>,
    readonly configuration: RunConfiguration,
    private readonly timeline: Timeline,
    private readonly report: (name: string, count: number) => void,
  ) {
    this.codec = raftCodec((command) => application.checkCommand?.(command));
    this.history = new ClusterHistory(timeline, configuration.clocks !== 'wild');
    const empty = new Sessions(application.machine());
    this.reference = new Reference(empty, this.history, (query, entry) => {
      this.tellApplication(query, entry);
    });
  }

  get now(): number {
    return this.timeline.now;
  }

  // Nodes.

  start(setup: NodeStart, recovered: Recovered): Core<Query, Answer> {
    const options = { ...this.options, ...setup, members: this.members };
    const empty = new Sessions(this.application.machine());
    const core = new Raft<Query, Answer>(
      options,
      recover(this.members, recovered, empty),
      setup.at,
    );
    this.cores.set(setup.self, core);
    this.history.started(core.inspect, recovered);
    return core;
  }

  observe(
    node: NodeId,
    _protocol: Protocol<RaftMessage, RaftRequest<Query>, RaftReply<Answer>>,
    effects: readonly Effect<RaftMessage, RaftReply<Answer>>[],
  ): void {
    const raft = this.core(node).inspect;
    this.history.observe(raft, effects);
    this.sessions.observe(node, effects);
    checkBounds(raft);
    checkAge(raft, this.timeline.now, this.history, this.configuration.clocks);
    for (const effect of effects) {
      if (effect.kind === 'reply') this.servedAt.set(effect.reply, this.timeline.now);
      else if (effect.kind === 'send') this.count(`sent ${effect.message.kind}`);
      else if (effect.kind === 'snapshot_commit') this.count('snapshots made or received');
    }
  }

  persisted(node: NodeId, through: number): void {
    this.history.persisted(node, through);
  }

  ended(node: NodeId): void {
    this.cores.delete(node);
    this.history.ended(node);
    this.sessions.ended(node);
  }

  leader(): NodeId | undefined {
    let found: Core<Query, Answer> | undefined;
    for (const core of this.cores.values()) {
      const { role, term } = core.inspect;
      if (role.kind === 'leader' && term > (found?.inspect.term ?? 0)) found = core;
    }
    return found?.inspect.self;
  }

  delicate(): { node: NodeId; why: string }[] {
    return [...this.cores].flatMap(([node, core]) =>
      delicateMoments(core.inspect).map((why) => ({ node, why })),
    );
  }

  handOver(deadline: Millis): RaftRequest<Query> {
    return { kind: 'transfer_leadership', deadline };
  }

  /**
   * A disk may be lost while every other member is up and knows all members by the disks that they
   * have (DESIGN.md of the core, "What is not promised").
   */
  mayLoseDisk(lost: NodeId, diskOf: (node: NodeId) => StorageId): boolean {
    if (this.members.length < 3) return false;
    return this.members.every((id) => {
      if (id === lost) return true;
      const raft = this.cores.get(id)?.inspect;
      if (raft === undefined) return false;
      const { configuration, configurationIndex } = raft.log;
      const isBound = configuration.voters.every((member) => member.storage === diskOf(member.id));
      return isBound && configuration.outgoing.length === 0 && configurationIndex <= raft.commit;
    });
  }

  isSettled(node: NodeId, storage: StorageId): boolean {
    const newest = this.history.configurations.at(-1);
    // A member that no leader has heard yet is not counted on, and at first nobody is.
    if (newest === undefined) return false;
    const configuration = decodeConfiguration(entryData(newest.entry));
    const known = findMember(configuration, node)?.storage;
    return configuration.outgoing.length === 0 && known === storage;
  }

  // Clients.

  operation(client: string, prng: Prng): Operation<RaftRequest<Query>, RaftReply<Answer>> {
    const { redraws } = this.configuration.clients;
    let intent = this.application.next(client, prng);
    for (let i = 0; i < redraws && intent.kind === 'write'; i++) {
      intent = this.application.next(client, prng);
    }
    return this.begin(client, this.manner(client, prng), intent);
  }

  probe(
    node: NodeId,
    kind: 'write' | 'read',
  ): Operation<RaftRequest<Query>, RaftReply<Answer>> | undefined {
    const name = `probe of ${node}`;
    const intent = kind === 'write' ? this.application.probe(node) : this.anyRead(name);
    return intent && this.begin(name, PROBING, intent);
  }

  clientRestarted(client: string): void {
    this.seenBy.delete(client);
  }

  nextPlace(): number {
    return ++this.lastPlace;
  }

  checkRead(record: Recorded<Query, Answer>, operation: RaftOperation<Query, Answer>): void {
    this.reference.catchUp();
    checkRead(operation, this.history, this.configuration.clocks);
    this.application.answered?.(record);
    const { served, client } = record;
    if (served !== undefined) this.seenBy.set(client, served.index);
  }

  // The end.

  /** Time for elections, and for whoever is behind to get what it lacks, one round trip each. */
  get recoveryMs(): number {
    const { options, configuration, reference, history } = this;
    const { network, flushMs, turnMs } = configuration;
    const roundTrip = 2 * network.maxDelayMs + flushMs[1] + 4 * turnMs + 2;
    const perMessage = Math.min(options.maxEntriesPerMessage, options.maxBytesPerMessage / 200);
    const perRound = perMessage * options.maxInflightMessages;
    const rounds =
      history.committed.length / Math.max(1, perRound) +
      reference.state().length / options.snapshotSliceBytes;
    const elections = ELECTIONS * options.electionTimeoutMaxMs;
    return Math.ceil(PATIENCE_MS + elections + options.maxDiskStallMs + 2 * rounds * roundTrip);
  }

  unrest(): string | undefined {
    const state = this.reference.state();
    const last = this.history.committed.length;
    const cores = this.members.map((id) => this.core(id).inspect);
    return unrestOf(cores, last, (raft) => sameBytes(stateOf(raft.machine), state));
  }

  checkHistory(): void {
    this.reference.catchUp();
    for (const [name, count] of this.counts) this.report(name, count);
    for (const { level, outcome } of this.recorded) {
      this.report(`${level ?? 'write'}: ${outcome}`, 1);
    }
    this.report('leaders elected', this.history.elections);
    this.report('disks bound', this.history.bindings);
    this.report('entries committed', this.history.committed.length);
    const any = this.core(this.members[0] as NodeId).inspect;
    const query = (what: Query): Answer => any.machine.query(what) as Answer;
    this.application.check(this.recorded, query, this.report);
  }

  /** The first read that a client would do; perhaps the application has none. */
  private anyRead(name: string): Intent<Query> | undefined {
    const prng = new Prng(this.lastPlace, name);
    for (let i = 0; i < READ_TRIES; i++) {
      const intent = this.application.next(name, prng);
      if (intent.kind === 'read') return intent;
    }
    return undefined;
  }

  private count(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }

  private begin(
    client: string,
    manner: Manner,
    intent: ReturnType<Application<Query, Answer>['next']>,
  ): RaftOperation<Query, Answer> {
    const { clocks } = this.configuration;
    // A lease relies on clocks that run at about the same rate.
    const isLinearizable =
      manner.level === 'linearizable' || (manner.level === 'lease' && clocks !== 'wild');
    const operation = new RaftOperation(client, intent, manner, isLinearizable, this);
    this.recorded.push(operation.record);
    return operation;
  }

  private manner(client: string, prng: Prng): Manner {
    const isKeyed = prng.chance(2, 3);
    const usual = this.configuration.clients.level;
    const drawn = prng.pick(['linearizable', 'linearizable', 'lease', 'stale'] as const);
    const level = usual === 'mixed' || prng.chance(1, 5) ? drawn : usual;
    const number = ++this.lastOperation;
    return {
      idempotencyKey: isKeyed ? `${client}-${number}` : undefined,
      level,
      maxStaleness:
        level === 'stale' && prng.chance(1, 2) ? millis(prng.between(0, 500)) : undefined,
      minIndex: prng.chance(1, 4) ? this.seenBy.get(client) : undefined,
    };
  }

  private tellApplication(query: (query: Query) => Answer, { entry }: CommittedEntry): void {
    if (this.application.applied === undefined || entry.kind !== 'command') return;
    const envelope = decodeEnvelope(entryData(entry));
    if ('command' in envelope) this.application.applied(query, envelope.command, entry.index);
  }

  private core(node: NodeId): Core<Query, Answer> {
    const core = this.cores.get(node);
    invariant(core !== undefined, 'the node is running', { node });
    return core;
  }
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, i) => byte === other[i]);
}
