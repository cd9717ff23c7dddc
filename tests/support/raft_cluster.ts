/**
 * A cluster of real Raft cores under the hand of a test: nothing happens unless the test says so.
 *
 * Time stands still until `advance`; a message stays in flight until `deliver`; a disk is fast (it
 * has finished when the step is over) unless `slowDisk` makes it wait for `persist`. Everything is
 * deterministic: the same calls give the same trace. Each step of a node is checked from outside
 * (`raft_checks.ts`), on top of the core's own invariants.
 *
 *     const cluster = new RaftCluster({ nodes: 3, seed: 1 });
 *     cluster.elect('n1');
 *     cluster.stabilize();
 *     const id = cluster.propose('n1', put('a', '1'));
 *     cluster.stabilize();
 *     expect(cluster.reply(id)).toMatchObject({ kind: 'written' });
 *     cluster.checkCluster();
 */

import type { Answer, Command, Query } from '../../kv/core/command';
import {
  type LogIndex,
  type Millis,
  millis,
  type NodeId,
  nodeId,
  type RequestId,
  requestId,
  type StorageId,
  storageId,
} from '../../kv/core/ids';
import { encodeCommand } from '../../kv/core/machine/command_codec';
import { KeyValue } from '../../kv/core/machine/key_value';
import { Sessions } from '../../kv/core/machine/sessions';
import type { RaftOptions } from '../../kv/core/raft/options';
import { Raft } from '../../kv/core/raft/raft';
import { recover } from '../../kv/core/raft/recovery';
import type { RaftReply, RaftRequest, ReadRequest } from '../../kv/core/raft/requests';
import { RaftChecks, stateText } from './raft_checks';
import { replyText } from './raft_clients';
import { NODE_OPTIONS } from './raft_defaults';
import { RaftDisk, type RaftEffect, type RaftEvent } from './raft_disk';
import { historyRecords } from './raft_history';
import { type InFlight, type MessageFilter, RaftNetwork } from './raft_network';

export type Core = Raft<Query, Answer>;
export { append, put, remove, replyText } from './raft_clients';
export type { InFlight, MessageFilter } from './raft_network';

export interface ClusterOptions {
  readonly nodes: number;
  readonly seed?: number;
  readonly options?: Partial<RaftOptions>;
  readonly trace?: boolean;
}

export interface ClusterReply {
  readonly node: NodeId;
  readonly id: RequestId;
  readonly reply: RaftReply<Answer>;
}

/** How long a client waits unless a test says otherwise. */
const CLIENT_TIMEOUT_MS = 5000;
/** `stabilize` lets this much time pass: enough for a commit notice, too little for a heartbeat. */
const SETTLE_MS = 10;
/** More than this without coming to rest is a storm, which is a bug. */
const MAX_ROUNDS = 500;

interface SimulatedNode {
  readonly id: NodeId;
  disk: RaftDisk;
  /** Undefined while the node is down. */
  core: Core | undefined;
  /** How far this node's clock is ahead of the cluster's. */
  skew: number;
}

export class RaftCluster {
  now = 1000;
  readonly network = new RaftNetwork();
  readonly replies: ClusterReply[] = [];
  readonly trace: string[] = [];
  private readonly nodes = new Map<string, SimulatedNode>();
  private readonly checks = new RaftChecks();
  private lastRequest = 0;
  private lastStorage = 0;

  constructor(private readonly setup: ClusterOptions) {
    for (let i = 1; i <= setup.nodes; i++) {
      const id = nodeId(`n${i}`);
      const disk = new RaftDisk(this.newStorage());
      this.nodes.set(id, { id, disk, core: undefined, skew: 0 });
    }
    for (const id of this.ids) this.restart(id);
  }

  get ids(): NodeId[] {
    return [...this.nodes.values()].map((each) => each.id);
  }
  get inflight(): readonly InFlight[] {
    return this.network.inflight;
  }

  // Looking.

  /** A node that is up; throws if it is down. */
  node(id: string): Core {
    const { core } = this.at(id);
    if (core === undefined) throw new Error(`${id} is down`);
    return core;
  }

  isUp(id: string): boolean {
    return this.at(id).core !== undefined;
  }

  disk(id: string): RaftDisk {
    return this.at(id).disk;
  }

  /** The nodes that believe that they lead, the one of the highest term first. */
  get leaders(): NodeId[] {
    return this.up
      .filter(({ core }) => core.inspect.role.kind === 'leader')
      .sort((x, y) => y.core.inspect.term - x.core.inspect.term)
      .map(({ id }) => id);
  }

  /** What a request was answered; undefined while it is not. */
  reply(id: RequestId): RaftReply<Answer> | undefined {
    return this.replies.find((each) => each.id === id)?.reply;
  }

  /** What a key holds on this node right now, past all rules: for assertions only. */
  peek(id: string, key: string): Answer {
    return this.node(id).inspect.machine.query({ key }) as Answer;
  }

  /** The whole state of a node's machine, as text that can be compared. */
  stateOf(id: string): string {
    return stateText(this.node(id));
  }

  /** A node's own clock. */
  clock(id: string): Millis {
    return millis(this.now + this.at(id).skew);
  }

  // Time.

  /** Lets time pass, waking every node when it wants to be; messages stay where they are. */
  advance(ms: number): void {
    this.pass(ms, () => undefined);
  }

  /** Lets time pass in a network that delivers at once. */
  run(ms: number): void {
    this.settle();
    this.pass(ms, () => this.settle());
  }

  /** Moves one node's clock alone, and wakes it if it wants to be. */
  advanceClock(id: string, ms: number): void {
    this.at(id).skew += ms;
    if (this.node(id).wakeAt <= this.clock(id)) this.tick(id);
  }

  /** Stops a node's process for a while: its clock goes on and nothing wakes it. */
  pause(id: string, ms: number): void {
    this.at(id).skew += ms;
  }

  /** Wakes a node now. */
  tick(id: string): void {
    this.step(id, [{ kind: 'wake' }]);
  }

  // The network.

  /** Delivers what matches, in the order of sending, one step for each. Returns how many. */
  deliver(filter?: MessageFilter): number {
    const taken = this.network.take(filter);
    for (const { from, to, message } of taken) {
      if (this.isUp(to)) this.step(to, [{ kind: 'message', from, message }]);
    }
    return taken.length;
  }

  /** Delivers what matches, all messages for one node in one step. */
  deliverTogether(filter?: MessageFilter): number {
    const taken = this.network.take(filter);
    for (const id of this.ids) {
      const own = taken.filter(({ to }) => to === id);
      if (own.length === 0 || !this.isUp(id)) continue;
      const events = own.map(({ from, message }) => ({ kind: 'message', from, message }) as const);
      this.step(id, events);
    }
    return taken.length;
  }

  drop(filter?: MessageFilter): number {
    return this.network.take(filter).length;
  }
  duplicate(filter?: MessageFilter): number {
    return this.network.duplicate(filter);
  }
  reorder(filter?: MessageFilter): number {
    return this.network.reorder(filter);
  }

  /** Puts a message into flight that nobody sent, or sent long ago. */
  inject(from: string, to: string, message: InFlight['message']): void {
    this.network.inflight.push({ from: nodeId(from), to: nodeId(to), message });
  }

  /** Cuts the network into groups; what crosses is lost, now and until `heal`. */
  partition(...groups: readonly (readonly string[])[]): void {
    this.network.partition(groups, this.ids);
  }
  heal(): void {
    this.network.heal();
  }

  /** Tells a node that the connection to a peer came or went. */
  link(id: string, peer: string, up: boolean): void {
    this.step(id, [{ kind: 'link', peer: nodeId(peer), up }]);
  }

  // Disks and power.

  /** From now on this disk finishes only what `persist` tells it to. */
  slowDisk(id: string, slow = true): void {
    this.at(id).disk.slow = slow;
    if (!slow) this.finishFastDisk(id);
  }

  /** The disk finishes what it has been given so far, or the oldest `count` pieces of it. */
  persist(id: string, count?: number): void {
    const events = this.disk(id).finish(count);
    if (events.length > 0) this.step(id, events);
  }

  /** The node loses what was not durable; with `kept` the disk finishes so many pieces of work. */
  crash(id: string, { kept = 0 } = {}): void {
    const node = this.at(id);
    node.core = undefined;
    node.disk.crash(kept);
  }

  /** Starts a node from its disk, or from an empty one with a new identity. */
  restart(id: string, { wiped = false } = {}): void {
    const node = this.at(id);
    if (node.core !== undefined) this.crash(id);
    if (wiped) node.disk = new RaftDisk(this.newStorage());
    const options = this.optionsOf(node);
    const empty = new Sessions(new KeyValue());
    const initial = recover(options.members, node.disk.recovered(), empty);
    node.core = new Raft<Query, Answer>(options, initial, this.clock(id));
    this.step(id, []);
  }

  /**
   * Starts a node anew with a log that a history left behind: one entry for each of `terms`. The
   * first one is the configuration that binds all disks, the rest are commands (`put k7 "3"` at index 7 of term 3).
   */
  preload(id: string, terms: readonly number[], term = Math.max(...terms)): void {
    const node = this.at(id);
    node.disk = new RaftDisk(node.disk.storage);
    const voters = [...this.nodes.values()].map((each) => ({
      id: each.id,
      storage: each.disk.storage,
    }));
    node.disk.preload(historyRecords(terms, term, { voters, outgoing: [], learners: [] }));
    node.core = undefined;
    this.restart(id);
  }

  // Clients.

  /** Hands a client's request to a node. */
  request(id: string, request: RaftRequest<Query>): RequestId {
    return this.requests(id, [request])[0] as RequestId;
  }

  /** Hands several requests to a node in one step. */
  requests(id: string, requests: readonly RaftRequest<Query>[]): RequestId[] {
    const events = requests.map(
      (request) => ({ kind: 'request', id: requestId(++this.lastRequest), request }) as const,
    );
    this.step(id, events);
    return events.map((event) => event.id);
  }

  propose(
    id: string,
    command: Command,
    { timeoutMs = CLIENT_TIMEOUT_MS, idempotencyKey = undefined as string | undefined } = {},
  ): RequestId {
    return this.request(id, this.write(id, command, { timeoutMs, idempotencyKey }));
  }

  read(
    id: string,
    key: string,
    how: Partial<Pick<ReadRequest<Query>, 'level' | 'maxStaleness' | 'minIndex'>> & {
      readonly timeoutMs?: number;
    } = {},
  ): RequestId {
    return this.request(id, this.readRequest(id, key, how));
  }

  /** A write request, for `requests`. */
  write(
    id: string,
    command: Command,
    { timeoutMs = CLIENT_TIMEOUT_MS, idempotencyKey = undefined as string | undefined } = {},
  ): RaftRequest<Query> {
    const deadline = millis(this.clock(id) + timeoutMs);
    return { kind: 'write', command: encodeCommand(command), idempotencyKey, deadline };
  }

  /** A read request, for `requests`. */
  readRequest(
    id: string,
    key: string,
    {
      level = 'linearizable' as ReadRequest<Query>['level'],
      maxStaleness = undefined as Millis | undefined,
      minIndex = undefined as LogIndex | undefined,
      timeoutMs = CLIENT_TIMEOUT_MS,
    } = {},
  ): RaftRequest<Query> {
    const deadline = millis(this.clock(id) + timeoutMs);
    return { kind: 'read', level, query: { key }, maxStaleness, minIndex, deadline };
  }

  transfer(id: string, timeoutMs = CLIENT_TIMEOUT_MS): RequestId {
    const deadline = millis(this.clock(id) + timeoutMs);
    return this.request(id, { kind: 'transfer_leadership', deadline });
  }

  // The whole.

  /**
   * Makes a node leader: its clock alone reaches the election timeout, those of the voters go on
   * just so far that they do not protect an older leader any more. Only votes are delivered.
   */
  elect(id: string): void {
    const candidate = this.at(id);
    const ballots = (each: InFlight) =>
      /^(pre_vote|request_vote)/.test(each.message.kind) && (each.from === id || each.to === id);
    for (let tries = 0; tries < 20; tries++) {
      for (const other of this.up) if (other.id !== id) this.forgetLeader(other);
      const { role } = this.node(id).inspect;
      if (role.kind === 'leader') return;
      candidate.skew += Math.max(0, role.electionDeadline - this.clock(id));
      // Two wakes: a clock that has jumped draws a new deadline first.
      this.tick(id);
      for (let i = 0; i < 10 && (this.deliver(ballots) > 0 || this.persistAll()); i++);
    }
    throw new Error(`${id} cannot be elected: ${this.statusLine(id)}`);
  }

  /** Delivers and persists, slow disks too, until all is quiet; a few milliseconds pass. */
  stabilize(): void {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      this.run(SETTLE_MS);
      if (!this.persistAll()) return;
    }
    throw new Error('the disks do not come to rest');
  }

  /** Throws if the nodes together break a rule of Raft. */
  checkCluster(): void {
    this.checks.check(this.up.map(({ core }) => core));
  }

  /** One line about a node, for messages of failures and scripts. */
  statusLine(id: string): string {
    if (!this.isUp(id)) return `${id} down`;
    const { role, term, leader, lastIndex, durableIndex, commitIndex, appliedIndex, ...rest } =
      this.node(id).status();
    const indices = `last=${lastIndex} durable=${durableIndex} commit=${commitIndex} applied=${appliedIndex}`;
    const snapshot = rest.snapshotIndex > 0 ? ` snapshot=${rest.snapshotIndex}` : '';
    return `${id}@${term} ${role} leader=${leader ?? '-'} ${indices}${snapshot}`;
  }

  /** One step of one node, with whatever events a test wants to happen together. */
  step(id: string, events: readonly RaftEvent[]): void {
    const core = this.node(id);
    const committed = core.inspect.commit;
    const effects = core.step(this.clock(id), events) as RaftEffect[];
    const node = this.at(id);
    for (const effect of effects) this.carryOut(node, effect);
    this.checks.observe(core, committed);
    this.finishFastDisk(id);
    this.applyRest(id);
  }

  /** Wakes a node that put off applying, as its driver does: in a step of its own, at once. */
  private applyRest(id: string): void {
    if (!this.isUp(id)) return;
    const { applied, commit } = this.node(id).inspect;
    if (applied < commit) this.tick(id);
  }

  private carryOut(node: SimulatedNode, effect: RaftEffect): void {
    if (node.disk.take(effect)) return;
    if (effect.kind === 'send') this.network.send(node.id, effect.to, effect.message);
    else if (effect.kind === 'trace') this.trace.push(effect.line);
    else if (effect.kind === 'reply') {
      if (this.reply(effect.id) !== undefined) throw new Error(`${effect.id} is answered twice`);
      this.replies.push({ node: node.id, id: effect.id, reply: effect.reply });
      if (this.setup.trace) this.trace.push(`client ${effect.id} gets ${replyText(effect.reply)}`);
    }
  }

  private finishFastDisk(id: string): void {
    const { disk } = this.at(id);
    if (!disk.slow && disk.busy) this.persist(id);
  }

  private persistAll(): boolean {
    const busy = this.up.filter(({ disk }) => disk.busy);
    for (const { id } of busy) this.persist(id);
    return busy.length > 0;
  }

  /** Delivers, at one moment of time, until nothing is in flight. */
  private settle(): void {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      if (this.deliver() === 0) return;
    }
    const kinds = this.inflight.map(({ from, to, message }) => `${from} → ${to} ${message.kind}`);
    throw new Error(`the cluster does not come to rest:\n${kinds.join('\n')}`);
  }

  private pass(ms: number, afterWake: () => void): void {
    const end = this.now + ms;
    let wakes = 0;
    for (;;) {
      const next = this.nextWake();
      if (next === undefined || next.at > end) break;
      wakes = next.at > this.now ? 0 : wakes + 1;
      if (wakes > MAX_ROUNDS) throw new Error(`${next.id} wants to be woken again and again`);
      this.now = Math.max(this.now, next.at);
      this.tick(next.id);
      afterWake();
    }
    this.now = end;
  }

  /** The node that wants to be woken first, and when by the cluster's clock. */
  private nextWake(): { readonly id: NodeId; readonly at: number } | undefined {
    return this.up
      .map(({ id, core, skew }) => ({ id, at: Math.max(core.wakeAt - skew, this.now) }))
      .filter(({ at }) => Number.isFinite(at))
      .sort((x, y) => x.at - y.at)[0];
  }

  private forgetLeader(node: SimulatedNode & { readonly core: Core }): void {
    const { contact, role, options } = node.core.inspect;
    const heardAt = role.kind === 'leader' ? role.quorumSince : contact.heardAt;
    const protectsFor = heardAt + options.electionTimeoutMinMs - this.clock(node.id);
    if (protectsFor > 0) node.skew += protectsFor;
  }

  private optionsOf(node: SimulatedNode): RaftOptions {
    const { seed = 1, options, trace = false } = this.setup;
    const { id, disk } = node;
    const members = this.ids;
    return {
      ...NODE_OPTIONS,
      self: id,
      storage: disk.storage,
      members,
      seed: seed * 1000 + members.indexOf(id),
      trace,
      ...options,
    };
  }

  private newStorage(): StorageId {
    return storageId(++this.lastStorage);
  }

  private get up(): (SimulatedNode & { readonly core: Core })[] {
    return [...this.nodes.values()].filter((each): each is SimulatedNode & { core: Core } => {
      return each.core !== undefined;
    });
  }

  private at(id: string): SimulatedNode {
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error(`there is no node ${id}`);
    return node;
  }
}
