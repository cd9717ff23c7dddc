/**
 * A group of convergent replicas driven by hand: time, delivery, disks and wall clocks belong to the
 * test. It uses only what `quorum-kv/convergent` exports, as any outside harness would.
 */

import {
  type Change,
  Convergent,
  type ConvergentMessage,
  type ConvergentOptions,
  type ConvergentReply,
  type ConvergentRequest,
  convergentCodec,
  DEFAULT_CONVERGENT_OPTIONS,
  type JournalRecord,
  journalSequence,
  millis,
  type NodeId,
  nodeId,
  type RecoveredSnapshot,
  recover,
  requestId,
  type SnapshotName,
  storageId,
  type View,
} from '../../kv/core/convergent/library';
import { Prng } from '../../kv/core/prng';

type CoreEvent = Parameters<Convergent['step']>[1][number];

interface Machine {
  readonly id: NodeId;
  core: Convergent | undefined;
  /** What a crash leaves. */
  records: JournalRecord[];
  firstSequence: number;
  snapshot: { name: SnapshotName; meta: Uint8Array; chunks: Uint8Array[] } | undefined;
  opened: { name: SnapshotName; meta: Uint8Array; chunks: Uint8Array[] } | undefined;
  storage: number;
  /** What its wall clock is off by. */
  skewMs: number;
}

interface Flight {
  readonly at: number;
  readonly order: number;
  run(): void;
}

const TRAVEL_MS = 1;
const FLUSH_MS = 1;
/** The wall clock when a test begins: some day in 2023. */
export const EPOCH_MS = 1_700_000_000_000;

export class ConvergentGroup {
  now = 0;
  readonly sent: { from: NodeId; to: NodeId; message: ConvergentMessage; bytes: number }[] = [];
  readonly lines: string[] = [];
  /** Of a thousand messages so many are lost. */
  lost = 0;
  /** Messages of these kinds are lost, all of them. */
  readonly lostKinds = new Set<ConvergentMessage['kind']>();
  private readonly machines = new Map<NodeId, Machine>();
  private readonly cut = new Set<string>();
  private readonly replies = new Map<number, ConvergentReply>();
  private flights: Flight[] = [];
  private order = 0;
  private lastRequest = 0;
  private lastStorage = 0;
  private readonly prng = new Prng(1, 'group');
  private readonly codec = convergentCodec();

  constructor(
    count: number,
    private readonly options: Partial<ConvergentOptions> = {},
  ) {
    for (let i = 1; i <= count; i++) this.add(i);
  }

  id(number: number): NodeId {
    return nodeId(`localhost:${8000 + number}`);
  }
  get ids(): NodeId[] {
    return [...this.machines.keys()];
  }

  add(number: number): NodeId {
    const id = this.id(number);
    this.machines.set(id, {
      ...{ id, core: undefined, records: [], firstSequence: 1, snapshot: undefined },
      ...{ opened: undefined, storage: ++this.lastStorage, skewMs: 0 },
    });
    this.restart(id);
    return id;
  }

  /** All know all, and have said so. */
  meet(): this {
    const [first, ...others] = this.ids;
    for (const other of others) this.register(first as NodeId, other);
    this.run(3000);
    return this;
  }

  core(id: NodeId): Convergent {
    const { core } = this.machine(id);
    if (core === undefined) throw new Error(`${id} is down`);
    return core;
  }

  /** What its disk has of the journal. */
  recordsOf(id: NodeId): readonly JournalRecord[] {
    return this.machine(id).records;
  }

  crash(id: NodeId): void {
    this.machine(id).core = undefined;
  }

  restart(id: NodeId): void {
    const machine = this.machine(id);
    const { records, storage, snapshot, firstSequence } = machine;
    const size = snapshot?.chunks.reduce((sum, { length }) => sum + length, 0) ?? 0;
    const found: RecoveredSnapshot | undefined = snapshot && { ...snapshot, size };
    machine.opened = undefined;
    const options = {
      ...DEFAULT_CONVERGENT_OPTIONS,
      ...{ self: id, address: `http://${id}`, storage: storageId(storage) },
      ...{ seed: storage * 1000 + Math.floor(this.now), wall: millis(this.wallOf(id)) },
      ...this.options,
    };
    const recovered = { snapshot: found, records, firstSequence: journalSequence(firstSequence) };
    machine.core = new Convergent(options, recover(recovered), millis(this.now));
    this.step(id, [{ kind: 'wake' }]);
  }

  /** Its disk is lost: it comes back with an empty one. */
  wipe(id: NodeId): void {
    const machine = this.machine(id);
    machine.core = machine.snapshot = undefined;
    machine.records = [];
    machine.firstSequence = 1;
    machine.storage = ++this.lastStorage;
    this.restart(id);
  }

  skew(id: NodeId, ms: number): void {
    this.machine(id).skewMs = ms;
  }
  wallOf(id: NodeId): number {
    return EPOCH_MS + this.now + this.machine(id).skewMs;
  }

  /** Nothing passes from one side to the other; both ways unless told otherwise. */
  partition(one: readonly NodeId[], other: readonly NodeId[], bothWays = true): void {
    for (const a of one) {
      for (const b of other) {
        this.cut.add(`${a} ${b}`);
        if (bothWays) this.cut.add(`${b} ${a}`);
      }
    }
  }
  isolate(id: NodeId): void {
    const others = this.ids.filter((other) => other !== id);
    this.partition([id], others);
  }
  heal(): void {
    this.cut.clear();
  }

  // Requests.

  /** Hands over a request and lets time pass until it is answered. */
  ask(id: NodeId, request: Undated, patienceMs = 5000): { reply: ConvergentReply; tookMs: number } {
    const begun = this.now;
    const number = this.begin(id, request, patienceMs);
    while (!this.replies.has(number)) {
      if (this.now > begun + patienceMs + 100) throw new Error('no answer came');
      this.run(0.5);
    }
    return { reply: this.reply(number) as ConvergentReply, tookMs: this.now - begun };
  }

  /** Hands over a request; `reply` has the answer when it has come. */
  begin(id: NodeId, request: Undated, patienceMs = 5000): number {
    const number = ++this.lastRequest;
    const times = { deadline: millis(this.now + patienceMs), wall: millis(this.wallOf(id)) };
    const whole = { ...times, ...request } as ConvergentRequest;
    this.step(id, [{ kind: 'request', id: requestId(number), request: whole }]);
    return number;
  }
  reply(number: number): ConvergentReply | undefined {
    return this.replies.get(number);
  }

  register(id: NodeId, peer: NodeId): void {
    const request = { kind: 'register', peer, address: `http://${peer}`, renews: true } as const;
    this.expectKind(this.ask(id, request), 'done');
  }
  unregister(id: NodeId, peer: NodeId): void {
    this.expectKind(this.ask(id, { kind: 'unregister', peer }), 'done');
  }

  change(id: NodeId, changes: Readonly<Record<string, Change>>): boolean[] {
    const list = Object.entries(changes).map(([key, change]) => ({ key, change }));
    const { reply } = this.ask(id, { kind: 'update', changes: list, returnsState: false });
    if (reply.kind !== 'updated') throw new Error(JSON.stringify(reply));
    return [...reply.existed];
  }
  put(id: NodeId, key: string, value: unknown): void {
    this.change(id, { [key]: putOf(value) });
  }
  delete(id: NodeId, key: string): void {
    this.change(id, { [key]: { kind: 'delete' } });
  }

  get(id: NodeId, key: string): unknown {
    const { reply } = this.ask(id, { kind: 'get', key });
    if (reply.kind !== 'value') throw new Error(JSON.stringify(reply));
    return plain(reply.view);
  }
  state(id: NodeId): Record<string, unknown> {
    const { reply } = this.ask(id, { kind: 'state' });
    if (reply.kind !== 'state') throw new Error(JSON.stringify(reply));
    const sorted = [...reply.state].sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(sorted.map(([key, view]) => [key, plain(view)]));
  }
  digests(): string[] {
    return [...new Set(this.ids.map((id) => this.core(id).status().digest))];
  }

  private expectKind({ reply }: { reply: ConvergentReply }, kind: string): void {
    if (reply.kind !== kind) throw new Error(JSON.stringify(reply));
  }

  // Time.

  /** Lets so much time pass. */
  run(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const flight = this.nextFlight();
      const wake = this.nextWake();
      const next = Math.min(flight?.at ?? Number.POSITIVE_INFINITY, wake.at);
      if (next > end) break;
      this.now = Math.max(this.now, next);
      if (flight !== undefined && flight.at === next) {
        this.flights.splice(this.flights.indexOf(flight), 1);
        flight.run();
      } else if (wake.id !== undefined) this.step(wake.id, [{ kind: 'wake' }]);
    }
    this.now = end;
  }

  private nextFlight(): Flight | undefined {
    return this.flights.reduce<Flight | undefined>((best, one) => {
      const isFirst = !best || one.at < best.at || (one.at === best.at && one.order < best.order);
      return isFirst ? one : best;
    }, undefined);
  }

  private nextWake(): { id: NodeId | undefined; at: number } {
    let first: { id: NodeId | undefined; at: number } = { id: undefined, at: Infinity };
    for (const { id, core } of this.machines.values()) {
      if (core !== undefined && core.wakeAt < first.at) first = { id, at: core.wakeAt };
    }
    return first;
  }

  private machine(id: NodeId): Machine {
    const machine = this.machines.get(id);
    if (machine === undefined) throw new Error(`there is no ${id}`);
    return machine;
  }

  private step(id: NodeId, events: CoreEvent[]): void {
    const machine = this.machine(id);
    const life = machine.core;
    if (life === undefined) return;
    const tell = (event: CoreEvent, before: () => void = () => undefined): void => {
      this.later(FLUSH_MS, () => {
        // A flush that a crash overtakes has not happened.
        if (machine.core !== life) return;
        before();
        this.step(id, [event]);
      });
    };
    for (const effect of life.step(millis(this.now), events)) {
      switch (effect.kind) {
        case 'persist': {
          const { records, through } = effect;
          tell({ kind: 'persisted', through }, () => machine.records.push(...records));
          break;
        }
        case 'release':
          machine.records = machine.records.slice(effect.before - machine.firstSequence);
          machine.firstSequence = effect.before;
          break;
        case 'send':
          this.deliver(id, effect.to, effect.message);
          break;
        case 'reply':
          this.replies.set(effect.id, effect.reply);
          break;
        case 'trace':
          this.lines.push(`${this.now.toFixed(1)} ${effect.line}`);
          break;
        case 'snapshot_open':
          machine.opened = { name: effect.snapshot, meta: effect.meta, chunks: [] };
          break;
        case 'snapshot_append': {
          machine.opened?.chunks.push(effect.bytes);
          const through = effect.offset + effect.bytes.length;
          tell({ kind: 'snapshot_written', snapshot: effect.snapshot, through });
          break;
        }
        case 'snapshot_commit':
          tell({ kind: 'snapshot_saved', snapshot: effect.snapshot, size: 0 }, () => {
            machine.snapshot = machine.opened;
          });
          break;
        default:
          throw new Error(`nobody asked for ${effect.kind}`);
      }
    }
  }

  private deliver(from: NodeId, to: NodeId, message: ConvergentMessage): void {
    const bytes = Buffer.concat(this.codec.encode(message));
    this.sent.push({ from, to, message, bytes: bytes.length });
    const life = this.machines.get(to)?.core;
    if (life === undefined || this.cut.has(`${from} ${to}`)) return;
    if (this.lostKinds.has(message.kind)) return;
    if (this.lost > 0 && this.prng.chance(this.lost, 1000)) return;
    this.later(TRAVEL_MS, () => {
      if (this.machines.get(to)?.core !== life) return;
      this.step(to, [{ kind: 'message', from, message: this.codec.decode(bytes) }]);
    });
  }

  /** A message that was sent before comes once more, whatever has happened since. */
  repeat({ from, to, message }: ConvergentGroup['sent'][number]): void {
    this.step(to, [{ kind: 'message', from, message }]);
  }

  private later(ms: number, run: () => void): void {
    this.flights.push({ at: this.now + ms, order: ++this.order, run });
  }
}

type Undated = ConvergentRequest extends infer One
  ? One extends unknown
    ? Omit<One, 'deadline' | 'wall'>
    : never
  : never;

export const jsonOf = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
export const putOf = (value: unknown): Change => ({ kind: 'put', value: jsonOf(value) });

/** A view as plain values; undefined for an absent key. */
export function plain(view: View | undefined): unknown {
  const parse = (text: string): unknown => JSON.parse(Buffer.from(text, 'latin1').toString());
  switch (view?.type) {
    case 'value':
      return parse(view.value);
    case 'counter':
      return view.count;
    case 'set':
      return view.elements.map(parse);
    case 'register':
      return view.values.map(parse);
    case undefined:
      return undefined;
  }
}
