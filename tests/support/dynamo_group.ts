/**
 * A group of Dynamo cores driven by hand: time, delivery and disks belong to the test. It uses only
 * what `quorum-kv/dynamo` exports, as any outside harness would.
 */

import {
  DEFAULT_DYNAMO_OPTIONS,
  Dynamo,
  type DynamoMessage,
  type DynamoOptions,
  type DynamoReply,
  type DynamoRequest,
  dynamoCodec,
  type JournalRecord,
  journalSequence,
  millis,
  type NodeId,
  nodeId,
  recover,
  requestId,
  storageId,
} from '../../kv/core/dynamo/library';

type CoreEvent = Parameters<Dynamo['step']>[1][number];

interface Machine {
  readonly id: NodeId;
  core: Dynamo | undefined;
  /** What a crash leaves. */
  records: JournalRecord[];
  storage: number;
  /** What its disk takes for each flush. */
  flushMs: number;
  /** When its disk will have done all that it was given. */
  flushedAt: number;
}

interface Flight {
  readonly at: number;
  readonly to: NodeId;
  readonly event: CoreEvent;
  readonly life: Dynamo;
}

type Undated<Request> = Request extends unknown ? Omit<Request, 'deadline'> : never;
export type ClientRequest = Undated<Extract<DynamoRequest, { kind: 'get' | 'put' }>>;

const TRAVEL_MS = 1;
const FLUSH_MS = 1;

export class DynamoGroup {
  now = 0;
  readonly sent: { readonly from: NodeId; readonly to: NodeId; readonly message: DynamoMessage }[] =
    [];
  readonly lines: string[] = [];
  /** Whether every message arrives twice. */
  repeats = false;
  private readonly machines = new Map<NodeId, Machine>();
  private readonly cut = new Set<string>();
  private readonly delays = new Map<string, number>();
  private readonly paused = new Set<NodeId>();
  private readonly replies = new Map<number, DynamoReply>();
  private flights: Flight[] = [];
  private lastRequest = 0;
  private lastStorage = 0;
  private readonly codec = dynamoCodec();

  constructor(
    count: number,
    private readonly options: Partial<DynamoOptions> = {},
  ) {
    const founders = Array.from({ length: count }, (_, i) => this.founder(i + 1));
    for (const { id } of founders) {
      this.machines.set(id, this.machine(id));
    }
    for (const { id } of founders) this.start(id, { founders });
    this.run(10);
  }

  id(number: number): NodeId {
    return nodeId(`127.0.0.1:${9700 + number}`);
  }

  get ids(): NodeId[] {
    return [...this.machines.keys()];
  }

  core(id: NodeId): Dynamo {
    const core = this.machines.get(id)?.core;
    if (core === undefined) throw new Error(`${id} is down`);
    return core;
  }

  /** A node that asks `seed` to come in. */
  add(number: number, seed: NodeId, options: Partial<DynamoOptions> = {}): NodeId {
    const id = this.id(number);
    this.machines.set(id, this.machine(id));
    this.start(id, { founders: [], seedNode: seed, ...options });
    return id;
  }

  crash(id: NodeId): void {
    const machine = this.machines.get(id);
    if (machine !== undefined) machine.core = undefined;
  }

  /** What has reached the disk of a node, record by record. */
  recordsOf(id: NodeId): readonly JournalRecord[] {
    return this.machines.get(id)?.records ?? [];
  }

  /** Its data folder is put back to an older copy while it is down. */
  setBack(id: NodeId, records: readonly JournalRecord[]): void {
    const machine = this.machines.get(id);
    if (machine !== undefined) machine.records = [...records];
  }

  restart(id: NodeId, options: Partial<DynamoOptions> = {}): void {
    this.start(id, { founders: [], ...options });
  }

  /** Its disk takes so long for each flush from now on, one after another. */
  slowDisk(id: NodeId, flushMs: number): void {
    const machine = this.machines.get(id);
    if (machine !== undefined) machine.flushMs = flushMs;
  }

  /** As SIGSTOP does: what is sent to it waits. */
  pause(id: NodeId): void {
    this.paused.add(id);
  }
  resume(id: NodeId): void {
    this.paused.delete(id);
  }

  /** No message passes between the two sides, unless `heal` is called. */
  partition(one: readonly NodeId[], other: readonly NodeId[]): void {
    for (const a of one) {
      for (const b of other) {
        this.cut.add(`${a} ${b}`);
        this.cut.add(`${b} ${a}`);
      }
    }
  }
  isolate(id: NodeId): void {
    this.partition(
      [id],
      this.ids.filter((other) => other !== id),
    );
  }
  heal(): void {
    this.cut.clear();
  }

  /** Messages in this direction take so long from now on. */
  slowLink(from: NodeId, to: NodeId, ms: number): void {
    this.delays.set(`${from} ${to}`, ms);
  }

  /** Hands over a request and lets time pass until it is answered; the answer and how long it took. */
  ask(
    id: NodeId,
    request: ClientRequest,
    patienceMs = 5000,
  ): { readonly reply: DynamoReply; readonly tookMs: number } {
    const begun = this.now;
    const reply = this.answer(this.submit(id, request, patienceMs));
    return { reply, tookMs: this.now - begun };
  }

  /** Hands over a request and lets no time pass; `answer` waits for what comes of it. */
  submit(id: NodeId, request: ClientRequest, patienceMs = 5000): number {
    const number = ++this.lastRequest;
    const whole: DynamoRequest = { ...request, deadline: millis(this.now + patienceMs) };
    this.step(id, [{ kind: 'request', id: requestId(number), request: whole }]);
    return number;
  }

  answer(number: number): DynamoReply {
    const begun = this.now;
    while (!this.replies.has(number)) {
      if (this.now > begun + 10_000) throw new Error('no answer came');
      this.run(0.5);
    }
    return this.replies.get(number) as DynamoReply;
  }

  get(id: NodeId, key: string, quorum: number): { values: string[]; metadata: string[] } {
    const { reply } = this.ask(id, { kind: 'get', key, quorum });
    if (reply.kind !== 'values') throw new Error(JSON.stringify(reply));
    const values = reply.values.map((value) => JSON.parse(Buffer.from(value).toString()) as string);
    return { values, metadata: [...reply.metadata] };
  }

  put(id: NodeId, key: string, text: string, quorum: number, metadata = ''): string {
    const value = Buffer.from(JSON.stringify(text));
    const { reply } = this.ask(id, { kind: 'put', key, value, quorum, metadata });
    if (reply.kind !== 'written') throw new Error(JSON.stringify(reply));
    return reply.metadata;
  }

  admin(id: NodeId, request: Extract<DynamoRequest, { kind: 'join' | 'leave' }>): DynamoReply {
    const number = ++this.lastRequest;
    this.step(id, [{ kind: 'request', id: requestId(number), request }]);
    this.run(5);
    return this.replies.get(number) as DynamoReply;
  }

  /** The homes of a key and everybody else, in the order of its preference list. */
  homes(key: string): NodeId[] {
    const [first] = [...this.machines.values()].flatMap(({ core }) => core ?? []);
    return (first as Dynamo).lookUp(key).map(([, id]) => id);
  }
  others(key: string): NodeId[] {
    return this.ids.filter((id) => !this.homes(key).includes(id));
  }

  /** Lets so much time pass. */
  run(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const flight = this.flights
        .filter(({ to }) => !this.paused.has(to))
        .reduce<Flight | undefined>(
          (best, one) => (best && best.at <= one.at ? best : one),
          undefined,
        );
      const wakes = this.ids.flatMap((id) => {
        const core = this.machines.get(id)?.core;
        return core === undefined || this.paused.has(id) ? [] : [{ id, at: core.wakeAt as number }];
      });
      const wake = wakes.reduce<{ id: NodeId; at: number } | undefined>(
        (best, one) => (best && best.at <= one.at ? best : one),
        undefined,
      );
      const next = Math.min(
        flight?.at ?? Number.POSITIVE_INFINITY,
        wake?.at ?? Number.POSITIVE_INFINITY,
      );
      if (next > end) break;
      this.now = Math.max(this.now, next);
      if (flight !== undefined && flight.at === next) {
        this.flights.splice(this.flights.indexOf(flight), 1);
        if (this.machines.get(flight.to)?.core === flight.life)
          this.step(flight.to, [flight.event]);
      } else if (wake !== undefined) this.step(wake.id, [{ kind: 'wake' }]);
    }
    this.now = end;
  }

  private machine(id: NodeId): Machine {
    const storage = ++this.lastStorage;
    return { id, core: undefined, records: [], storage, flushMs: FLUSH_MS, flushedAt: 0 };
  }

  private founder(number: number): { id: NodeId; name: string } {
    return { id: this.id(number), name: `node0${number}` };
  }

  private start(id: NodeId, how: Pick<DynamoOptions, 'founders'> & Partial<DynamoOptions>): void {
    const machine = this.machines.get(id) as Machine;
    const number = Number(id.slice(-2));
    const { records } = machine;
    const recovered = { snapshot: undefined, records, firstSequence: journalSequence(1) };
    machine.core = new Dynamo(
      {
        ...DEFAULT_DYNAMO_OPTIONS,
        ...{ self: id, name: `node${String(number).padStart(2, '0')}` },
        ...{ storage: storageId(machine.storage), seed: number * 1000 + Math.floor(this.now) },
        ...{ group: 1, metadataSecret: new Uint8Array(16) },
        ...this.options,
        ...how,
      },
      recover(recovered),
      millis(this.now),
    );
    this.step(id, [{ kind: 'wake' }]);
  }

  private step(id: NodeId, events: CoreEvent[]): void {
    const machine = this.machines.get(id) as Machine;
    const life = machine.core;
    if (life === undefined) return;
    for (const effect of life.step(millis(this.now), events)) {
      switch (effect.kind) {
        case 'persist': {
          const { records, through } = effect;
          machine.flushedAt = Math.max(machine.flushedAt, this.now) + machine.flushMs;
          this.later(machine.flushedAt - this.now, id, life, { kind: 'persisted', through }, () =>
            machine.records.push(...records),
          );
          break;
        }
        case 'send':
          this.deliver(id, effect.to, effect.message);
          break;
        case 'reply':
          this.replies.set(effect.id, effect.reply);
          break;
        case 'trace':
          this.lines.push(`${this.now.toFixed(1)} ${effect.line}`);
          break;
        default:
          throw new Error(`this harness takes no snapshots (${effect.kind})`);
      }
    }
  }

  private deliver(from: NodeId, to: NodeId, message: DynamoMessage): void {
    this.sent.push({ from, to, message });
    const life = this.machines.get(to)?.core;
    if (life === undefined || this.cut.has(`${from} ${to}`)) return;
    const travelMs = this.delays.get(`${from} ${to}`) ?? TRAVEL_MS;
    const bytes = Buffer.concat(this.codec.encode(message));
    for (let copy = 0; copy < (this.repeats ? 2 : 1); copy++) {
      this.later(travelMs, to, life, { kind: 'message', from, message: this.codec.decode(bytes) });
    }
  }

  private later(ms: number, to: NodeId, life: Dynamo, event: CoreEvent, before?: () => void): void {
    const at = this.now + ms;
    if (before === undefined) {
      this.flights.push({ at, to, life, event });
      return;
    }
    // A flush that a crash overtakes has not happened.
    this.flights.push({
      ...{ at, to, life },
      get event() {
        before();
        return event;
      },
    });
  }
}
