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
import { lackedBy, mergeVersions, type Versions } from '../../core/dynamo/versions';
import type { NodeId, StorageId } from '../../core/ids';
import type { Prng } from '../../core/prng';
import type { Effect, Protocol, Recovered } from '../../core/protocol';
import type { RunConfiguration } from '../configuration';
import type { NodeStart, Operation, Subject } from '../subject';
import { Violation } from '../violation';
import { checkAnswer } from './answers';
import { ClientMemory } from './client_memory';
import type { SharedDynamoOptions } from './drawn_options';
import { DynamoDisks } from './dynamo_disks';
import { GetOperation, type OperationHost, PutOperation, type Read } from './dynamo_operation';
import { delicateMoments, unrestOfGroup } from './dynamo_rest';
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
  private readonly disks = new DynamoDisks();
  private readonly said = new Said(this.disks);
  private readonly history: TrueHistory;
  private readonly memory: ClientMemory;
  private readonly counts = new Map<string, number>();
  private changes = 0;
  private probes = 0;
  private hasLostDisks = false;

  constructor(
    private readonly members: readonly NodeId[],
    private readonly options: SharedDynamoOptions,
    private readonly configuration: RunConfiguration,
    private readonly report: (name: string, count: number) => void,
  ) {
    const { metadataSecret } = options;
    this.history = new TrueHistory((key, version) => metadataOf(key, version, metadataSecret));
    this.memory = new ClientMemory(this.history, this.largestQuorum);
  }

  // Nodes.

  start(setup: NodeStart, recovered: Recovered): Dynamo {
    const founders = this.members.map((id) => ({ id, name: `node ${id}` }));
    const options = { ...this.options, ...setup, name: `node ${setup.self}`, founders };
    const core = new Dynamo(options, recover(recovered), setup.at);
    this.cores.set(setup.self, core);
    this.excuse(setup.self, this.disks.started(setup.self, setup.storage, core.inspect.store));
    return core;
  }

  observe(node: NodeId, _protocol: DynamoProtocol, effects: readonly DynamoEffect[]): void {
    this.said.observe(node, effects);
    for (const effect of effects) {
      if (effect.kind === 'persist') this.look(node, effect);
      else if (effect.kind === 'reply') this.checkWritten(node, effect.reply);
      else if (effect.kind === 'send') this.count(`sent ${effect.message.kind}`);
      else if (effect.kind === 'snapshot_commit') this.count('snapshots made or received');
    }
  }

  persisted(node: NodeId, through: number): void {
    this.disks.persisted(node, through);
  }

  ended(node: NodeId): void {
    this.cores.delete(node);
  }

  /** Whose membership changes next: one change at a time, and somebody always stays. */
  leader(): NodeId | undefined {
    const cores = [...this.cores.values()].map((core) => core.inspect);
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
    return this.disks.keysOf(lost).every((key) => {
      const elsewhere = this.elsewhere(lost, key, []);
      return lackedBy(elsewhere, this.disks.heldBy(lost, key)).length === 0;
    });
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

  probe(node: NodeId, kind: 'write' | 'read'): Operation<DynamoRequest, DynamoReply> | undefined {
    const standing = this.cores.get(node)?.inspect.standing;
    if (standing !== 'member' && standing !== 'leaving') return undefined;
    // With fewer members than nodes a majority of the nodes may have but one of them.
    const isIn = (id: NodeId): boolean => {
      const core = this.cores.get(id)?.inspect;
      return core === undefined || core.table.current.members.includes(id);
    };
    const all = this.members.every(isIn);
    const majority = Math.floor(this.members.length / 2) + 1;
    const quorum = all ? Math.min(majority, this.options.replicas) : 1;
    // Each try writes a key of its own: written blindly again and again, one would get too many versions.
    const key = `probe ${++this.probes}`;
    if (kind === 'read') return new GetOperation(key, { key, quorum }, this);
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

  /** What is said to be written is on as many disks as the client has asked for. */
  private checkWritten(node: NodeId, reply: DynamoReply): void {
    if (reply.kind !== 'written' || this.hasLostDisks) return;
    const write = this.history.withMetadata(reply.metadata);
    const isOn = (id: NodeId) => this.history.isCovered(write, this.disks.heldBy(id, write.key));
    const copies = this.disks.nodes.filter(isOn).length;
    if (copies >= write.quorum) return;
    const said = `${node} says that ${write.value} of ${write.key} is written at ${write.quorum}`;
    fail('durable before said', `${said}, it is on ${copies} disks`);
  }

  /**
   * A disk is gone with all that was on it. It was harmed while it held nothing that no other held,
   * but what came later and was acknowledged with a quorum of one is lost by one failure too many.
   */
  private excuse(node: NodeId, lost: ReadonlyMap<string, Versions>): void {
    if (lost.size > 0) this.hasLostDisks = true;
    for (const [key, versions] of lost) {
      const elsewhere = this.elsewhere(node, key, []);
      const held = this.namedOf(key, versions).flatMap(({ write }) => [write, ...write.ancestors]);
      for (const write of held) {
        if (this.history.isCovered(write, elsewhere)) continue;
        if (write.copies > 1) fail('lost write', `${write.value} of ${key} was on one disk only`);
        write.isExcused = true;
        this.count('writes of one copy lost with its disk');
      }
    }
  }

  /** What is durable of a key with all others, and these versions. */
  private elsewhere(node: NodeId, key: string, versions: Versions): Versions {
    const others = this.disks.nodes.filter((id) => id !== node);
    return others.map((id) => this.disks.heldBy(id, key)).reduce(mergeVersions, versions);
  }

  /** Records that are about to be written: is what they say true, and does nothing get lost? */
  private look(node: NodeId, effect: Extract<DynamoEffect, { kind: 'persist' }>): void {
    for (const record of this.disks.hand(node, effect.records, effect.through)) {
      if (record.kind === 'cleared') {
        for (const key of this.disks.keysOf(node)) this.checkReplaced(node, key, []);
      }
      if (record.kind !== 'versions') continue;
      this.history.checkSet(node, record.key, record.versions);
      this.checkReplaced(node, record.key, record.versions);
    }
  }

  /** What is durable here and is replaced by this must be in it, or durable with somebody else. */
  private checkReplaced(node: NodeId, key: string, versions: Versions): void {
    const others = this.disks.nodes.filter((id) => id !== node);
    const elsewhere = others
      .map((id) => this.disks.heldBy(id, key))
      .reduce(mergeVersions, versions);
    for (const { write } of this.namedOf(key, this.disks.heldBy(node, key))) {
      if (this.history.isCovered(write, elsewhere)) continue;
      fail('lost write', `${node} drops ${write.value} of ${key}, which nobody else has`);
    }
  }

  private namedOf(key: string, versions: Versions): { readonly write: Write }[] {
    return versions.map((version) => ({ write: this.memory.writeOfValue(key, textOf(version)) }));
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
