/**
 * The replicated log under the simulator: the very core of production, its clients, and everything that
 * must be true of both. The first node is the master. Its disk is lost only where it is known that
 * there is a log, and never where messages come from outside: they carry no name of a log.
 */

import { invariant } from '../../core/assert';
import { type Millis, NEVER, type NodeId, type StorageId } from '../../core/ids';
import { logCodec } from '../../core/log/codec';
import type { LogMessage } from '../../core/log/messages';
import { recover } from '../../core/log/recovery';
import { ReplicatedLog } from '../../core/log/replicated_log';
import type { LogReply, LogRequest, Message } from '../../core/log/requests';
import type { LogState } from '../../core/log/state';
import type { Prng } from '../../core/prng';
import type { Effect, Protocol, Recovered } from '../../core/protocol';
import type { RunConfiguration } from '../configuration';
import type { NodeStart, Operation, Subject } from '../subject';
import { Violation } from '../violation';
import { ClientMemory, nodeFor } from './client_memory';
import type { SharedLogOptions } from './drawn_options';
import { endOf } from './log_disks';
import {
  AppendOperation,
  bytesOf,
  ClearOperation,
  ReadOperation,
  ReplicateOperation,
  type Write,
} from './log_operation';
import { delicateMoments, unrestOfLogs } from './log_rest';
import { LogWatch } from './log_watch';

type LogEffect = Effect<LogMessage, LogReply>;
type LogProtocol = Protocol<LogMessage, LogRequest, LogReply>;
type LogOperation = Operation<LogRequest, LogReply>;

const PATIENCE_MS = 4000;
/** Messages handed over from outside lie so close to what a secondary has. */
const BEHIND = 3;
const AHEAD = 6;
/** A log that is so small may be full for as long as anybody is away. */
const SMALL_LOG = 100_000;

export class LogSubject implements Subject<LogMessage, LogRequest, LogReply> {
  readonly codec = logCodec();
  private readonly cores = new Map<NodeId, ReplicatedLog>();
  private readonly watch: LogWatch;
  private readonly memory: ClientMemory;
  private readonly counts = new Map<string, number>();
  /** The disk of the master, once it holds for certain which log that is. */
  private settled: StorageId | undefined;

  constructor(
    private readonly members: readonly NodeId[],
    private readonly options: SharedLogOptions,
    private readonly configuration: RunConfiguration,
    private readonly report: (name: string, count: number) => void,
  ) {
    const { common, external } = options;
    this.watch = new LogWatch(this.master, common.keepDroppedIds, common.allowClear);
    this.memory = new ClientMemory(members.length, { external, clear: common.allowClear });
  }

  private get master(): NodeId {
    return this.members[0] as NodeId;
  }
  private get secondaries(): readonly NodeId[] {
    return this.members.slice(1);
  }

  // Nodes.

  start(setup: NodeStart, recovered: Recovered): ReplicatedLog {
    const { common, master, secondary } = this.options;
    const role =
      setup.self === this.master
        ? { ...master, secondaries: this.secondaries }
        : { ...secondary, master: this.master };
    const options = { ...common, ...setup, role };
    const initial = recover(recovered, options);
    this.watch.started(setup.self, setup.storage, initial.log, initial.journal.sequence);
    const core = new ReplicatedLog(options, initial, setup.at);
    this.cores.set(setup.self, core);
    return core;
  }

  observe(node: NodeId, _protocol: LogProtocol, effects: readonly LogEffect[]): void {
    const { inspect } = this.core(node);
    this.watch.observe(inspect, effects);
    this.noteSettled(inspect);
    for (const effect of effects) {
      if (effect.kind === 'send') this.count(`sent ${effect.message.kind}`);
      if (effect.kind === 'snapshot_commit') this.count('snapshots made or received');
      if (effect.kind === 'reply') this.count(`answered: ${nameOf(effect.reply)}`);
    }
  }

  persisted(node: NodeId, through: number): void {
    this.watch.persisted(node, through);
  }

  ended(node: NodeId): void {
    this.cores.delete(node);
  }

  leader(): NodeId | undefined {
    return this.master;
  }

  /** The operator's act here is to clear the log. */
  handOver(deadline: Millis): LogRequest | undefined {
    return this.options.common.allowClear ? { kind: 'clear', deadline } : undefined;
  }

  /** Where logs are not cleared: an empty disk is what the log is asked to get over instead. */
  readonly replacesDisks = true;

  mayLoseDisk(node: NodeId, _diskOf: (node: NodeId) => StorageId): boolean {
    return node !== this.master || (this.isExisting && !this.options.external);
  }

  /** A master whose disk was lost needs all others. */
  isSettled(node: NodeId, storage: StorageId): boolean {
    return node !== this.master || !this.isExisting || storage === this.settled;
  }

  private noteSettled({ role, options, log, journal }: Readonly<LogState>): void {
    if (role.kind !== 'master') return;
    if (role.learning !== undefined) this.settled = undefined;
    else if (log.isNameDurable(journal.durable)) this.settled = options.storage;
  }

  private get isExisting(): boolean {
    return this.options.master.beginAfterMs === NEVER;
  }

  delicate(): { node: NodeId; why: string }[] {
    return [...this.cores].flatMap(([node, core]) =>
      delicateMoments(core.inspect).map((why) => ({ node, why })),
    );
  }

  // Clients.

  operation(client: string, prng: Prng): LogOperation {
    const { members, master, secondaries } = this;
    const intent = this.memory.next(client, prng);
    switch (intent.kind) {
      case 'append':
        return this.append(intent.write, nodeFor(prng, master, members), intent.isAgain);
      case 'replicate':
      case 'clear': {
        if (secondaries.length === 0) return this.read(client, prng, undefined, false);
        const node = prng.pick(secondaries);
        if (intent.kind === 'clear') return new ClearOperation(node);
        return new ReplicateOperation(node, () => this.messageFor(node, prng), this);
      }
      case 'read':
        return this.read(client, prng, intent.place, intent.isFollow);
    }
  }

  probe(node: NodeId, kind: 'write' | 'read'): LogOperation | undefined {
    if (kind === 'read') return this.read(`probe of ${node}`, undefined, undefined, false);
    const isSmall = this.options.master.maxLogBytes < SMALL_LOG;
    // A full log waits for those that are away.
    if (node !== this.master || isSmall) return undefined;
    const majority = Math.floor(this.members.length / 2) + 1;
    return this.append(this.memory.write(majority, true), node, false);
  }

  clientRestarted(client: string): void {
    this.memory.forget(client);
  }

  appended(write: Write, order: number, copies: number): void {
    const wanted = write.w ?? this.members.length;
    // Of a message that was dropped since, nobody counts the copies any more.
    const isKept = order >= (this.cores.get(this.master)?.inspect.log.first ?? 0);
    if (isKept && copies < wanted) {
      fail('answers', `${write.body} wanted ${wanted} copies and was told of ${copies}`);
    }
  }

  contradicted(node: NodeId, message: string): void {
    fail('answers', `${node} contradicts a message of its master: ${message}`);
  }

  private append(write: Write, node: NodeId, isAgain: boolean): AppendOperation {
    return new AppendOperation(write, node, isAgain, this);
  }

  private read(
    client: string,
    prng: Prng | undefined,
    place: { log: string; next: number } | undefined,
    isFollow: boolean,
  ): ReadOperation {
    const limit = prng?.pick([1, 3, 100]) ?? 1;
    const wish = { from: place?.next, limit, isFollow };
    // Whatever comes of it: who is told that its place is gone begins anew.
    this.memory.forgetPlace(client);
    return new ReadOperation(undefined, wish, place?.log, {
      read: ({ log, next }) => this.memory.read(client, log, next),
    });
  }

  /** A message that the master has, near the end of what a secondary has. */
  private messageFor(node: NodeId, prng: Prng): Message | undefined {
    const shadow = this.watch.disks.of(node);
    const core = this.cores.get(node)?.inspect;
    if (shadow === undefined || core === undefined || core.log.name === undefined) return undefined;
    const { truth } = this.watch;
    const end = truth.endOf(shadow.name);
    const order = endOf(shadow) - BEHIND + prng.between(0, BEHIND + AHEAD);
    const message = truth.at(shadow.name, Math.min(order, end - 1));
    // An id that came again after retention is known there by its former place, as long as that is kept.
    if (message === undefined || truth.timesOf(shadow.name, message.id) > 1) return undefined;
    return { order: message.order, id: message.id, body: bytesOf(message.body) };
  }

  // The end.

  /** Time for silence to be noticed, and for each message that somebody lacks to get there. */
  get recoveryMs(): number {
    const { options, configuration, members } = this;
    const { network, flushMs, turnMs } = configuration;
    const { master, secondary } = options;
    const { trouble } = secondary;
    const roundTrip = 2 * network.maxDelayMs + 2 * flushMs[1] + 4 * turnMs + trouble.delayMs + 2;
    // A message that fails, is lost, or comes too early where nothing can be held costs a retry.
    const perMessage = roundTrip + 3 * master.retryMinMs;
    const patience = PATIENCE_MS + 4 * master.unhealthyAfterMs + 8 * master.retryMaxMs;
    return Math.ceil(patience + members.length * 20 * roundTrip + this.lag * perMessage);
  }

  /** How many messages the slowest secondary lacks, about. */
  private get lag(): number {
    const master = this.cores.get(this.master)?.inspect;
    const isKnown = master?.role.kind === 'master' && master.role.learning === undefined;
    const end = isKnown ? master.log.end : this.watch.truth.size;
    const ends = this.secondaries.map((node) => {
      const shadow = this.watch.disks.of(node);
      return shadow === undefined ? 0 : endOf(shadow);
    });
    return Math.max(0, end - Math.min(end, ...ends));
  }

  unrest(): string | undefined {
    return unrestOfLogs(this.members.map((id) => this.core(id).inspect));
  }

  checkHistory(): void {
    for (const [name, count] of this.counts) this.report(name, count);
    this.watch.checkMaster(this.core(this.master).inspect);
    for (const { body, outcome } of this.memory.writes) {
      this.report(`append: ${outcome}`, 1);
      const isThere = this.watch.truth.withBody(body) !== undefined;
      if (outcome === 'not_applied' && isThere) {
        fail('refused write', `${body} was said not to be applied, and is in the log`);
      }
      if (outcome === 'appended' && !isThere) {
        fail('lost write', `${body} was acknowledged, and never was in the log`);
      }
    }
    this.report('messages', this.watch.truth.size);
    this.report('logs taken over', this.watch.truth.takenOver);
    for (const { role } of this.members.map((id) => this.core(id).inspect)) {
      if (role.kind === 'master') {
        this.report(
          'sent again',
          role.all.reduce((sum, { retries }) => sum + retries, 0),
        );
      }
    }
  }

  private count(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }

  private core(node: NodeId): ReplicatedLog {
    const core = this.cores.get(node);
    invariant(core !== undefined, 'the node is running', { node });
    return core;
  }
}

const nameOf = (reply: LogReply): string =>
  reply.kind === 'failed' ? reply.error.code : reply.kind;

function fail(checker: string, message: string): never {
  throw new Violation(checker, message);
}
