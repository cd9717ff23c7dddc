/**
 * Dynamo under the simulator: the very core of production, its clients, and everything that must be
 * true of both. Membership is a fault here: now and then a node is told to leave, or to join again.
 */

import { invariant } from '../../core/assert';
import { dynamoCodec } from '../../core/dynamo/codec';
import { Dynamo } from '../../core/dynamo/dynamo';
import type { DynamoMessage } from '../../core/dynamo/messages';
import { metadataOf } from '../../core/dynamo/metadata';
import { recover } from '../../core/dynamo/recovery';
import type { DynamoReply, DynamoRequest } from '../../core/dynamo/requests';
import type { DynamoState } from '../../core/dynamo/state';
import { mergeVersions, type Versions } from '../../core/dynamo/versions';
import type { NodeId, StorageId } from '../../core/ids';
import type { Prng } from '../../core/prng';
import type { Effect, Protocol, Recovered } from '../../core/protocol';
import type { RunConfiguration } from '../configuration';
import type { NodeStart, Operation, Subject } from '../subject';
import { Violation } from '../violation';
import { checkAnswer } from './answers';
import { ClientMemory } from './client_memory';
import { Copies } from './copies';
import { DiskLag } from './disk_lag';
import type { SharedDynamoOptions } from './drawn_options';
import { DynamoDisks } from './dynamo_disks';
import { GetOperation, type OperationHost, PutOperation, type Read } from './dynamo_operation';
import { delicateMoments, unrestOfGroup } from './dynamo_rest';
import { OfOneMind } from './of_one_mind';
import { ProbeKeys } from './probe_keys';
import { Said } from './said';
import { TrueHistory, textOf, type Write } from './true_history';

type DynamoEffect = Effect<DynamoMessage, DynamoReply>;
type DynamoProtocol = Protocol<DynamoMessage, DynamoRequest, DynamoReply>;

const PATIENCE_MS = 4000;

export class DynamoSubject
  implements Subject<DynamoMessage, DynamoRequest, DynamoReply>, OperationHost
{
  readonly codec = dynamoCodec();
  private readonly cores = new Map<NodeId, Dynamo>();
  /** Who had left when it stopped, and has not started again. */
  private readonly leftBeforeStop = new Set<NodeId>();
  private readonly disks = new DynamoDisks();
  private readonly said = new Said(this.disks);
  private readonly ofOneMind: OfOneMind;
  private readonly history: TrueHistory;
  private readonly memory: ClientMemory;
  private readonly copies: Copies;
  private readonly lag: DiskLag;
  private readonly counts = new Map<string, number>();
  private changes = 0;
  private readonly probes: ProbeKeys;

  constructor(
    private readonly members: readonly NodeId[],
    private readonly options: SharedDynamoOptions,
    private readonly configuration: RunConfiguration,
    private readonly report: (name: string, count: number) => void,
  ) {
    const { metadataSecret, replicas } = options;
    this.ofOneMind = new OfOneMind(replicas);
    this.probes = new ProbeKeys(members);
    this.history = new TrueHistory((key, version) => metadataOf(key, version, metadataSecret));
    this.memory = new ClientMemory(this.history, this.largestQuorum);
    this.lag = new DiskLag(options.maxDiskLagMs);
    this.copies = new Copies(this.disks, this.history, this.memory, (name) => this.count(name));
  }

  // Nodes.

  start(setup: NodeStart, recovered: Recovered): Dynamo {
    const founders = this.members.map((id) => ({ id, name: `node ${id}` }));
    const options = { ...this.options, ...setup, name: `node ${setup.self}`, founders };
    const core = new Dynamo(options, recover(recovered), setup.at);
    this.cores.set(setup.self, core);
    this.leftBeforeStop.delete(setup.self);
    this.lag.started(setup.self);
    const lost = this.disks.started(setup.self, setup.storage, core.inspect);
    this.copies.excuse(
      setup.self,
      lost,
      this.members.every((id) => id === setup.self || this.hasLeft(id)),
    );
    return core;
  }

  observe(node: NodeId, _protocol: DynamoProtocol, effects: readonly DynamoEffect[]): void {
    this.said.observe(node, effects);
    const { table, now } = this.core(node).inspect;
    this.ofOneMind.observe(node, table.digest, effects);
    for (const effect of effects) {
      if (effect.kind === 'persist') {
        this.lag.hand(node, now, effect.records, effect.through);
        this.copies.look(node, effect);
      } else if (effect.kind === 'reply') {
        const knowsGone = (id: NodeId): boolean => !table.current.members.includes(id);
        this.copies.checkWritten(node, effect.reply, knowsGone);
      } else if (effect.kind === 'send') this.count(`sent ${effect.message.kind}`);
      else if (effect.kind === 'snapshot_commit') this.count('snapshots made or received');
    }
  }

  persisted(node: NodeId, through: number): void {
    this.disks.persisted(node, through);
    this.lag.persisted(node, through);
  }

  ended(node: NodeId): void {
    if (this.hasLeft(node)) this.leftBeforeStop.add(node);
    this.cores.delete(node);
  }

  /** Whose membership changes next: one change at a time, and somebody always stays. */
  leader(): NodeId | undefined {
    const cores = this.running;
    const out = cores.find(({ standing }) => standing === 'left');
    if (out !== undefined) return out.self;
    const isCalm = cores.every(({ standing, changing }) => standing === 'member' && !changing);
    if (!isCalm || cores.length < 2) return undefined;
    return cores[this.changes % cores.length]?.self;
  }

  handOver(): DynamoRequest | undefined {
    const chosen = this.leader();
    const node = chosen === undefined ? undefined : this.cores.get(chosen)?.inspect;
    if (node === undefined) return undefined;
    this.changes++;
    if (node.standing !== 'left') return { kind: 'leave' };
    const others = this.members.filter((id) => this.cores.get(id)?.inspect.standing === 'member');
    const seed = others[this.changes % Math.max(1, others.length)];
    return seed === undefined ? undefined : { kind: 'join', seed };
  }

  /** A disk may be lost while all that is on it is also on others. */
  mayLoseDisk(lost: NodeId, _diskOf: (node: NodeId) => StorageId): boolean {
    if (this.members.length < 3 || this.cores.size < this.members.length) return false;
    return this.copies.isSpare(lost);
  }

  isSettled(): boolean {
    return true;
  }

  delicate(): { node: NodeId; why: string }[] {
    return [...this.cores].flatMap(([node, core]) =>
      delicateMoments(core.inspect).map((why) => ({ node, why })),
    );
  }

  // Clients.

  operation(client: string, prng: Prng): Operation<DynamoRequest, DynamoReply> {
    const intent = this.memory.next(client, prng);
    if (intent.kind === 'get') return new GetOperation(client, intent, this);
    const { write, quorum, metadata } = intent;
    return new PutOperation(client, write, quorum, metadata, this);
  }

  probe(
    node: NodeId,
    kind: 'write' | 'read',
    among: readonly NodeId[],
  ): Operation<DynamoRequest, DynamoReply> | undefined {
    const core = this.cores.get(node)?.inspect;
    if (core?.standing !== 'member' && core?.standing !== 'leaving') return undefined;
    if (kind === 'read') {
      const quorum = this.probes.majority(this.running, core);
      const key = this.probes.next();
      return new GetOperation(key, { key, quorum }, this);
    }
    const [key, quorum] = this.probes.forWrite(this.running, core, among);
    const write = this.memory.write(key, key, quorum, []);
    return new PutOperation(key, write, quorum, '', this);
  }

  clientRestarted(client: string): void {
    this.memory.forget(client);
  }

  read(client: string, { key }: Read, reply: Extract<DynamoReply, { kind: 'values' }>): void {
    const texts = checkAnswer(key, reply, (part) => this.memory.writeOf(key, part));
    this.memory.saw(client, key, reply.metadata, texts);
  }

  written(client: string, write: Write, metadata: string): void {
    if (write.metadata !== metadata) {
      fail('metadata', `${write.value} was said to have another string than its version`);
    }
    this.memory.saw(client, write.key, [metadata], [write.value]);
  }

  // The end.

  /** Time for suspicion to end, for what is owed to be given, and for some rounds of comparison. */
  get recoveryMs(): number {
    const { options, configuration, members } = this;
    const { network, flushMs, turnMs } = configuration;
    const roundTrip = 2 * network.maxDelayMs + flushMs[1] + 4 * turnMs + 2;
    const rounds = 12 * members.length * options.antiEntropyMs;
    const perKey = 40 * members.length * roundTrip;
    return Math.ceil(
      PATIENCE_MS + 4 * options.probeMaxMs + rounds + perKey + 30 * options.exchangeMs,
    );
  }

  unrest(): string | undefined {
    const nodes = this.members.map((id) => this.core(id).inspect);
    return unrestOfGroup(nodes, (key, versions) => this.shown(key, versions));
  }

  checkHistory(): void {
    for (const [name, count] of this.counts) this.report(name, count);
    const nodes = this.members.map((id) => this.core(id).inspect);
    for (const write of this.history.all) {
      this.report(`put: ${write.outcome}`, 1);
      const held = nodes.map(({ store }) => store.versionsOf(write.key)).reduce(mergeVersions, []);
      const isThere = this.history.isCovered(write, held);
      if (write.outcome === 'written' && !isThere && !write.isExcused) {
        fail('lost write', `${write.value} of ${write.key} was acknowledged, and is nowhere`);
      }
      if (write.outcome === 'not_applied' && write.metadata !== undefined) {
        fail('answers', `${write.value} of ${write.key} was said not to be applied, and is`);
      }
    }
    for (const { counts, deliveries } of nodes) {
      invariant(deliveries.hints === 0, 'at rest there are no hints', {});
      this.report('read repairs', counts.repairs);
      this.report('stand-ins asked', counts.standIns);
      this.report('keys handed over', counts.handedOver);
    }
    this.report('changes of membership', this.changes);
  }

  private shown(key: string, versions: Versions): string {
    const { metadataSecret } = this.options;
    return versions
      .map((version) => `${textOf(version)} ${metadataOf(key, version, metadataSecret)}`)
      .join();
  }

  private get largestQuorum(): number {
    return Math.min(this.options.replicas, this.members.length);
  }

  private get running(): Readonly<DynamoState>[] {
    return [...this.cores.values()].map((core) => core.inspect);
  }

  private hasLeft(node: NodeId): boolean {
    return this.leftBeforeStop.has(node) || this.cores.get(node)?.inspect.standing === 'left';
  }

  private count(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }

  private core(node: NodeId): Dynamo {
    const core = this.cores.get(node);
    invariant(core !== undefined, 'the node is running', { node });
    return core;
  }
}

function fail(checker: string, message: string): never {
  throw new Violation(checker, message);
}
