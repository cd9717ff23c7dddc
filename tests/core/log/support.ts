/**
 * A master and its secondaries, driven message by message: what is sent lies in a list until a test
 * delivers it, what is to be durable waits until a test says so, and time stands still meanwhile.
 */

import {
  journalSequence,
  millis,
  NEVER,
  type NodeId,
  nodeId,
  type RequestId,
  requestId,
  snapshotName,
  storageId,
} from '../../../kv/core/ids';
import {
  DEFAULT_LOG_OPTIONS,
  DEFAULT_MASTER_OPTIONS,
  DEFAULT_SECONDARY_OPTIONS,
} from '../../../kv/core/log/defaults';
import { encodeRecord } from '../../../kv/core/log/journal';
import type { LogMessage, MessageKind, MessageOf } from '../../../kv/core/log/messages';
import type { LogOptions, MasterOptions, SecondaryOptions } from '../../../kv/core/log/options';
import { recover } from '../../../kv/core/log/recovery';
import { ReplicatedLog } from '../../../kv/core/log/replicated_log';
import type { AppendRequest, LogReply, LogRequest } from '../../../kv/core/log/requests';
import type { Effect, Event, JournalRecord, Recovered } from '../../../kv/core/protocol';

type LogEvent = Event<LogMessage, LogRequest>;
type LogEffect = Effect<LogMessage, LogReply>;

export const M = nodeId('m');
export const S1 = nodeId('s1');
export const S2 = nodeId('s2');

export interface Sent {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly message: LogMessage;
}

/** What survives a process: the records and the snapshot. */
export class TestDisk {
  records: JournalRecord[] = [];
  first = 1;
  durable = 0;
  private open: { meta: Uint8Array; chunks: Uint8Array[] } | undefined;
  snapshot: { name: string; meta: Uint8Array; chunks: Uint8Array[] } | undefined;

  constructor(readonly storage: number) {}

  get last(): number {
    return this.first + this.records.length - 1;
  }

  /** What a crash leaves: all that was durable, and `more` records beyond. */
  crash(more = 0): void {
    this.records.length = Math.min(this.records.length, this.durable - this.first + 1 + more);
    this.durable = this.last;
    this.open = undefined;
  }

  recovered(): Recovered {
    const { snapshot } = this;
    return {
      snapshot: snapshot && {
        ...{ name: snapshotName(snapshot.name), meta: snapshot.meta, chunks: snapshot.chunks },
        size: snapshot.chunks.reduce((sum, { length }) => sum + length, 0),
      },
      records: [...this.records],
      firstSequence: journalSequence(this.first),
    };
  }

  /** Carries out what concerns snapshots at once; events that answer it. */
  perform(effect: LogEffect): LogEvent[] {
    if (effect.kind === 'persist') this.records.push(...effect.records);
    if (effect.kind === 'release') {
      this.records.splice(0, effect.before - this.first);
      this.first = effect.before;
    }
    if (effect.kind === 'snapshot_open') this.open = { meta: effect.meta, chunks: [] };
    if (effect.kind === 'snapshot_append') {
      this.open?.chunks.push(effect.bytes);
      const through = effect.offset + effect.bytes.length;
      return [{ kind: 'snapshot_written', snapshot: effect.snapshot, through }];
    }
    if (effect.kind === 'snapshot_commit' && this.open !== undefined) {
      this.snapshot = { name: effect.snapshot, ...this.open };
      return [{ kind: 'snapshot_saved', snapshot: effect.snapshot, size: 0 }];
    }
    return [];
  }
}

export interface GroupOptions {
  readonly common?: Partial<LogOptions>;
  readonly master?: Partial<MasterOptions>;
  readonly secondary?: Partial<SecondaryOptions>;
  readonly secondaries?: readonly NodeId[];
  /** The master has not begun a log yet. */
  readonly isNew?: boolean;
}

export class Group {
  now = 1000;
  readonly cores = new Map<NodeId, ReplicatedLog>();
  readonly disks = new Map<NodeId, TestDisk>();
  /** Sent, and not delivered. */
  wire: Sent[] = [];
  /** Nothing is delivered to or from these; it is lost. */
  readonly cut = new Set<NodeId>();
  /** The disks of these do not answer. */
  readonly slow = new Set<NodeId>();
  readonly replies = new Map<RequestId, LogReply>();
  readonly sent: Sent[] = [];
  trace: string[] = [];
  private lastRequest = 0;
  private starts = 0;
  private lastStorage = 0;
  private hasMaster = false;

  constructor(readonly options: GroupOptions = {}) {}

  get secondaries(): readonly NodeId[] {
    return this.options.secondaries ?? [S1, S2];
  }

  /** Starts nodes; with the disks that they had. */
  start(...ids: NodeId[]): this {
    for (const id of ids) {
      const disk = this.disks.get(id) ?? this.newDisk(id);
      this.disks.set(id, disk);
      const options = this.optionsOf(id, disk.storage);
      const core = new ReplicatedLog(options, recover(disk.recovered(), options), this.at());
      this.cores.set(id, core);
      this.step(id, [{ kind: 'wake' }]);
    }
    return this;
  }

  /** The process is gone, and whatever the disk had not got. */
  kill(id: NodeId, more = 0): void {
    this.cores.delete(id);
    this.disks.get(id)?.crash(more);
    this.wire = this.wire.filter(({ to }) => to !== id);
  }

  /** Gone with its disk. */
  wipe(id: NodeId): void {
    this.cores.delete(id);
    this.disks.delete(id);
    this.wire = this.wire.filter(({ to }) => to !== id);
  }

  core(id: NodeId): ReplicatedLog {
    const core = this.cores.get(id);
    if (core === undefined) throw new Error(`${id} is down`);
    return core;
  }

  /** Asks, without waiting for anything. */
  ask(id: NodeId, request: LogRequest): RequestId {
    const number = requestId(++this.lastRequest);
    this.step(id, [{ kind: 'request', id: number, request }]);
    return number;
  }

  /** Asks, lets everything happen that needs no time, and returns the answer. */
  answer(id: NodeId, request: LogRequest): LogReply | undefined {
    const number = this.ask(id, request);
    this.settle();
    return this.replies.get(number);
  }

  append(text: string, more: Partial<AppendRequest> = {}): RequestId {
    return this.ask(M, appendOf(text, more));
  }

  /** The texts that a reader of the node is shown. */
  shown(id: NodeId, from?: number): string[] {
    const reply = this.answer(id, { kind: 'read', from, limit: 1000 });
    if (reply?.kind !== 'messages') throw new Error(JSON.stringify(reply));
    return reply.messages.map(({ body }) => textOf(body));
  }

  /** Everything that needs no time happens, until nothing is left. */
  settle(): this {
    for (let i = 0; i < 10_000; i++) {
      if (!this.flushSome() && !this.deliverNext()) return this;
    }
    throw new Error('it never ends');
  }

  /** Time passes, and everything with it. */
  pass(ms: number): this {
    const end = this.now + ms;
    this.settle();
    for (let i = 0; i < 100_000; i++) {
      const next = Math.min(...[...this.cores.values()].map(({ wakeAt }) => wakeAt));
      if (next > end) break;
      this.now = Math.max(this.now, next);
      for (const [id, core] of this.cores) {
        if (core.wakeAt <= this.now) this.step(id, [{ kind: 'wake' }]);
      }
      this.settle();
    }
    this.now = end;
    return this;
  }

  /** Delivers the next message, or loses it. */
  deliverNext(): boolean {
    const next = this.wire.shift();
    if (next === undefined) return false;
    this.deliver(next);
    return true;
  }

  deliver({ from, to, message }: Sent): void {
    if (this.cut.has(from) || this.cut.has(to) || !this.cores.has(to)) return;
    this.step(to, [{ kind: 'message', from, message }]);
  }

  /** The disks answer; whether any had something to answer. */
  flushSome(): boolean {
    let isAny = false;
    for (const [id, disk] of this.disks) {
      if (this.slow.has(id) || disk.durable >= disk.last || !this.cores.has(id)) continue;
      disk.durable = disk.last;
      isAny = true;
      this.step(id, [{ kind: 'persisted', through: journalSequence(disk.durable) }]);
    }
    return isAny;
  }

  /** One disk answers, also a slow one: for all that it has, or for its first records only. */
  flush(id: NodeId, through = this.disks.get(id)?.last ?? 0): void {
    const disk = this.disks.get(id) as TestDisk;
    disk.durable = through;
    this.step(id, [{ kind: 'persisted', through: journalSequence(through) }]);
  }

  link(id: NodeId, peer: NodeId, up: boolean): void {
    this.step(id, [{ kind: 'link', peer, up }]);
  }

  step(id: NodeId, events: LogEvent[]): void {
    const disk = this.disks.get(id) as TestDisk;
    const more: LogEvent[] = [];
    for (const effect of this.core(id).step(this.at(), events)) {
      more.push(...disk.perform(effect));
      if (effect.kind === 'send') {
        const sent = { from: id, to: effect.to, message: effect.message };
        this.wire.push(sent);
        this.sent.push(sent);
      }
      if (effect.kind === 'trace') this.trace.push(effect.line);
      if (effect.kind !== 'reply') continue;
      if (this.replies.has(effect.id)) throw new Error(`${effect.id} is answered twice`);
      this.replies.set(effect.id, effect.reply);
    }
    if (more.length > 0) this.step(id, more);
  }

  /** What was sent of a kind since the beginning, or since `from`. */
  sentOf<Kind extends MessageKind>(kind: Kind, to: NodeId, from = 0): MessageOf<Kind>[] {
    return this.sent
      .slice(from)
      .filter((sent) => sent.to === to && sent.message.kind === kind)
      .map(({ message }) => message as MessageOf<Kind>);
  }

  /** The first one of the master is of one that has begun its log, unless the group is new. */
  private newDisk(id: NodeId): TestDisk {
    const disk = new TestDisk(++this.lastStorage);
    if (id !== M || this.hasMaster || this.options.isNew) return disk;
    this.hasMaster = true;
    const storage = storageId(disk.storage);
    const name = { disk: storage, generation: 1, origin: storage };
    disk.records.push(encodeRecord({ kind: 'named', name }));
    disk.durable = disk.last;
    return disk;
  }

  private at() {
    return millis(this.now);
  }

  private optionsOf(id: NodeId, storage: number): LogOptions {
    const { common, master, secondary } = this.options;
    return {
      ...DEFAULT_LOG_OPTIONS,
      ...{ self: id, storage: storageId(storage), seed: ++this.starts, trace: true },
      ...common,
      role:
        id === M
          ? { ...DEFAULT_MASTER_OPTIONS, kind: 'master', secondaries: this.secondaries, ...master }
          : { ...DEFAULT_SECONDARY_OPTIONS, kind: 'secondary', master: M, ...secondary },
    };
  }
}

export const bytesOf = (text: string): Uint8Array =>
  Uint8Array.from(text, (character) => character.charCodeAt(0));
export const textOf = (bytes: Uint8Array): string => String.fromCharCode(...bytes);

export const appendOf = (text: string, more: Partial<AppendRequest> = {}): AppendRequest => ({
  ...{ kind: 'append', body: bytesOf(text), id: undefined, w: undefined, deadline: NEVER },
  ...more,
});

export const replicateOf = (order: number, id: string, text: string): LogRequest => ({
  kind: 'replicate',
  message: { order, id, body: bytesOf(text) },
});
