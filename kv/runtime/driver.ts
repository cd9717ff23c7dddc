/**
 * The real driver: carries a protocol's effects out on a real clock, disk and network.
 *
 * It knows no protocol. Whatever happens (a message, a request, a flush of the disk, a timer) is
 * put into one list; once per turn of the event loop the core is handed the whole list and its
 * effects are carried out in their order (a write that the node may wait for comes last). So
 * everything that arrives in one turn shares one step, one write to the disk, and one write to each
 * socket.
 *
 * It also ends the node: when the core finds an invariant broken or the disk fails, no further step
 * is made, requests under way are told that their outcome is unknown, and the owner is told why.
 */

import { invariant, unreachable } from '../core/assert';
import { type Millis, type NodeId, type RequestId, requestId } from '../core/ids';
import type { Effect, Event, Protocol, StorageEffect } from '../core/protocol';
import { RequestTable } from '../core/request_table';
import type { Storage, StorageEvent } from '../storage/storage';
import { type Clock, monotonicNow } from './clock';
import type { Transport } from './transport';

export interface DriverOptions<Message, Request, Reply> {
  readonly protocol: Protocol<Message, Request, Reply>;
  readonly storage: Storage;
  readonly transport: Transport<Message>;
  /** What requests are told that are still under way when the node ends. */
  readonly stopped: Reply;
  /** The node cannot go on. Called at most once. */
  readonly onFatal: (error: Error) => void;
  /** Called after each step, to notice what has changed. */
  readonly onStep?: () => void;
  readonly onTrace?: (line: string) => void;
  readonly clock?: Clock;
}

type Done<Reply> = (reply: Reply) => void;

export class Driver<Message, Request, Reply> {
  private readonly clock: Clock;
  private events: Event<Message, Request>[] = [];
  private readonly waiting = new RequestTable<Done<Reply>>();
  private lastRequest = 0;
  /** A step will run in this turn of the event loop or the next. */
  private scheduled = false;
  private state: 'new' | 'running' | 'ended' = 'new';
  private timer: NodeJS.Timeout | undefined;
  /** When the timer fires; it may fire early, never late. */
  private timerAt = Number.POSITIVE_INFINITY;

  constructor(private readonly options: DriverOptions<Message, Request, Reply>) {
    this.clock = options.clock ?? monotonicNow;
  }

  /** Begins to listen to disk, network and clock. Rejects when the peer address cannot be bound. */
  async start(): Promise<void> {
    invariant(this.state === 'new', 'a driver starts once', { state: this.state });
    const { storage, transport } = this.options;
    storage.listen({
      event: (event: StorageEvent) => this.enqueue(event),
      failed: (error) => this.fail(error),
    });
    transport.listen({
      message: (from: NodeId, message: Message) => this.enqueue({ kind: 'message', from, message }),
      link: (peer, up) => this.enqueue({ kind: 'link', peer, up }),
    });
    await transport.start();
    if (this.state !== 'new') return;
    this.state = 'running';
    this.enqueue({ kind: 'wake' });
  }

  /**
   * Hands a request to the core; `done` is called exactly once, never from within this call. The id is
   * the one by which the core knows the request.
   */
  submit(request: Request, done: Done<Reply>): RequestId {
    const id = requestId(++this.lastRequest);
    if (this.state === 'ended') {
      setImmediate(done, this.options.stopped);
      return id;
    }
    this.waiting.set(id, done);
    this.enqueue({ kind: 'request', id, request });
    return id;
  }

  /** Requests that have not been answered. */
  get pending(): number {
    return this.waiting.size;
  }

  /** The moment by the driver's clock, for deadlines of requests. */
  now(): Millis {
    return this.clock();
  }

  /** Makes no further step, closes network and disk, and tells requests under way. */
  async stop(): Promise<void> {
    this.end();
    await this.options.transport.close();
    await this.options.storage.close();
  }

  private enqueue(event: Event<Message, Request>): void {
    if (this.state === 'ended') return;
    this.events.push(event);
    this.schedule();
  }

  private schedule(): void {
    if (this.scheduled || this.state !== 'running') return;
    this.scheduled = true;
    setImmediate(() => this.run());
  }

  private run(): void {
    this.scheduled = false;
    if (this.state !== 'running') return;
    const events = this.events;
    this.events = [];
    try {
      this.carryOut(this.options.protocol.step(this.clock(), events));
      if (this.state !== 'running') return;
      this.armTimer();
      this.options.onStep?.();
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  private carryOut(effects: readonly Effect<Message, Reply>[]): void {
    const { protocol, storage, transport } = this.options;
    const mayWait = protocol.mayWaitForDisk === true && this.waiting.size === 0;
    // Where the node may have to stand still for its disk, what it has to say goes out first.
    const awaited: StorageEffect[] = [];
    for (const effect of effects) {
      switch (effect.kind) {
        case 'send':
          transport.send(effect.to, effect.lane, effect.message);
          break;
        case 'reply':
          this.reply(effect.id, effect.reply);
          break;
        case 'trace':
          this.options.onTrace?.(effect.line);
          break;
        case 'persist':
          if (mayWait) awaited.push(effect);
          else storage.perform(effect);
          break;
        case 'release':
        case 'snapshot_open':
        case 'snapshot_append':
        case 'snapshot_commit':
        case 'snapshot_abort':
        case 'snapshot_read':
          storage.perform(effect);
          break;
        default:
          unreachable(effect);
      }
      // A disk may fail at once; what follows in the list must not be said then.
      if (this.state !== 'running') return;
    }
    transport.flush();
    for (const effect of awaited) storage.perform(effect, true);
  }

  private reply(id: RequestId, reply: Reply): void {
    const done = this.waiting.get(id);
    invariant(done !== undefined, 'each request is answered once', { id });
    this.waiting.delete(id);
    done(reply);
  }

  private armTimer(): void {
    const at = this.options.protocol.wakeAt;
    if (at >= this.timerAt || at === Number.POSITIVE_INFINITY) return;
    clearTimeout(this.timer);
    this.timerAt = at;
    // Node's timers may fire up to a millisecond early: then the core is asked in vain, once.
    const delay = Math.max(0, Math.ceil(at - this.clock()));
    if (delay === 0) {
      this.timerAt = Number.POSITIVE_INFINITY;
      return this.enqueue({ kind: 'wake' });
    }
    this.timer = setTimeout(() => {
      this.timerAt = Number.POSITIVE_INFINITY;
      this.enqueue({ kind: 'wake' });
    }, delay);
  }

  private fail(error: Error): void {
    if (this.state === 'ended') return;
    this.end();
    this.options.onFatal(error);
  }

  private end(): void {
    this.state = 'ended';
    clearTimeout(this.timer);
    this.events = [];
    for (const done of this.waiting.takeAll()) setImmediate(done, this.options.stopped);
  }
}
