/**
 * One simulated machine: a clock, a disk, and a process that runs a protocol's core as the real
 * driver does (`kv/runtime/driver.ts`): what happens gathers in one list, a turn of the event loop
 * later the core is handed all of it, and its effects are carried out in their order. Here the
 * process can also die between any two of them.
 */

import { InvariantViolation, unreachable } from '../core/assert';
import { type Millis, type NodeId, type RequestId, requestId } from '../core/ids';
import type { Prng } from '../core/prng';
import type { Effect, Event, Lane, Protocol } from '../core/protocol';
import type { Counters } from './counters';
import { type Disk, DiskDamaged, type Ending } from './disk';
import { LocalClock } from './local_clock';
import type { Subject } from './subject';
import type { Planned, Timeline } from './timeline';
import { Violation } from './violation';

export interface NodeHost<Message> {
  readonly timeline: Timeline;
  readonly counters: Counters;
  send(from: NodeId, to: NodeId, lane: Lane, message: Message): void;
  /** The process is gone, but its machine is not: the kernel closes what it had open. */
  hungUp(node: NodeId): void;
  /** The process has ended by itself, because its disk failed. */
  stopped(node: NodeId, reason: string): void;
  /** Undefined while nobody listens. */
  readonly trace: ((line: string) => void) | undefined;
}

/** The answer to a request; undefined when the process ended before it came. */
export type Done<Reply> = (reply: Reply | undefined) => void;

interface Process<Message, Request, Reply> {
  readonly protocol: Protocol<Message, Request, Reply>;
  events: Event<Message, Request>[];
  readonly waiting: Map<RequestId, { readonly deadline: Millis; readonly done: Done<Reply> }>;
  step: Planned | undefined;
  wake: Planned | undefined;
}

/** Turns of the event loop are drawn in parts of a millisecond. */
const PARTS = 16;
/** A core may look at deadlines that lie close together at once, this much too late at most. */
const DEADLINE_GRACE_MS = 33;

export class SimulatedNode<Message, Request, Reply> {
  readonly clock: LocalClock;
  /** How long a turn of the event loop takes at most. */
  turnMs: number;
  private running: Process<Message, Request, Reply> | undefined;
  private pausedUntil = 0;
  private lastRequest = 0;
  /** After so many further effects the process dies. */
  private effectsLeft = Number.POSITIVE_INFINITY;
  private ending: Ending = 'kill';

  constructor(
    readonly id: NodeId,
    readonly disk: Disk,
    private readonly subject: Subject<Message, Request, Reply>,
    private readonly host: NodeHost<Message>,
    private readonly prng: Prng,
    private readonly usualTurnMs: number,
  ) {
    this.clock = new LocalClock(0);
    this.turnMs = usualTurnMs;
  }

  get isUp(): boolean {
    return this.running !== undefined;
  }
  get isPaused(): boolean {
    return this.pausedUntil > this.host.timeline.now;
  }
  /** The core of a running process. */
  get protocol(): Protocol<Message, Request, Reply> | undefined {
    return this.running?.protocol;
  }
  /** By its own clock. */
  get now(): Millis {
    return this.clock.read(this.host.timeline.now);
  }
  get pending(): number {
    return this.running?.waiting.size ?? 0;
  }

  /** Starts the process; false if the disk is damaged, which a node refuses to start with. */
  start(): boolean {
    if (this.running !== undefined) return true;
    const { timeline } = this.host;
    const seed = this.prng.next();
    this.clock.restart(timeline.now);
    try {
      const recovered = this.disk.open({
        later: (delayMs, action) => void timeline.after(delayMs, action),
        event: (event) => {
          if (event.kind === 'persisted') this.subject.persisted(this.id, event.through);
          this.enqueue(event);
        },
        failed: (reason) => this.fail(reason),
      });
      const { id: self, disk, now: at } = this;
      const trace = this.host.trace !== undefined;
      const setup = { self, storage: disk.storage, seed, at, trace };
      const protocol = this.subject.start(setup, recovered);
      this.running = { protocol, events: [], waiting: new Map(), step: undefined, wake: undefined };
    } catch (error) {
      this.disk.close('kill');
      if (error instanceof DiskDamaged) return false;
      if (error instanceof Violation) throw error;
      throw new Violation('recovery', `${this.id}: ${textOf(error)}`, error);
    }
    this.resetProcess();
    this.enqueue({ kind: 'wake' });
    return true;
  }

  /** The process ends now. */
  crash(ending: Ending): void {
    const { running } = this;
    // Its disk may still be at work for a process that was told to stop.
    if (running === undefined) return ending === 'power_cut' ? this.disk.close(ending) : undefined;
    this.running = undefined;
    if (running.step) running.step.isCancelled = true;
    if (running.wake) running.wake.isCancelled = true;
    this.disk.close(ending);
    this.subject.ended(this.id);
    if (ending !== 'power_cut') this.host.hungUp(this.id);
    for (const { done } of running.waiting.values()) done(undefined);
  }

  /** The process ends after so many further effects. */
  crashWithin(effects: number, ending: Ending): void {
    this.effectsLeft = effects;
    this.ending = ending;
  }

  /** The process is stopped, as by SIGSTOP: its clock and its disk go on. */
  pause(ms: number): void {
    this.pausedUntil = Math.max(this.pausedUntil, this.host.timeline.now + ms);
  }
  resume(): void {
    this.pausedUntil = 0;
  }

  useUsualTurn(): void {
    this.turnMs = this.usualTurnMs;
  }

  receive(from: NodeId, message: Message): void {
    this.enqueue({ kind: 'message', from, message });
  }

  linkChanged(peer: NodeId, up: boolean): void {
    this.enqueue({ kind: 'link', peer, up });
  }

  /** `done` is called exactly once, by the deadline on this node's clock if the process lives. */
  submit(request: Request, deadline: Millis, done: Done<Reply>): void {
    if (this.running === undefined) return done(undefined);
    const id = requestId(++this.lastRequest);
    this.running.waiting.set(id, { deadline, done });
    this.enqueue({ kind: 'request', id, request });
  }

  private resetProcess(): void {
    this.pausedUntil = 0;
    this.effectsLeft = Number.POSITIVE_INFINITY;
    this.turnMs = this.usualTurnMs;
  }

  private enqueue(event: Event<Message, Request>): void {
    const { running } = this;
    if (running === undefined) return;
    running.events.push(event);
    if (running.step !== undefined) return;
    const turn = this.prng.between(0, this.turnMs * PARTS) / PARTS;
    running.step = this.host.timeline.after(turn, () => this.turn(running));
  }

  /** A turn of the event loop; while the process is stopped it waits. */
  private turn(running: Process<Message, Request, Reply>): void {
    const { timeline } = this.host;
    if (this.pausedUntil > timeline.now) {
      running.step = timeline.at(this.pausedUntil, () => this.turn(running));
      return;
    }
    running.step = undefined;
    this.step(running);
  }

  private step(running: Process<Message, Request, Reply>): void {
    const { protocol, events } = running;
    running.events = [];
    this.host.counters.steps++;
    const at = this.now;
    let effects: Effect<Message, Reply>[];
    try {
      effects = protocol.step(at, events);
    } catch (error) {
      const checker = error instanceof InvariantViolation ? 'assertion' : 'crash of the core';
      throw new Violation(checker, `${this.id}: ${textOf(error)}`, error);
    }
    this.subject.observe(this.id, protocol, effects);
    for (const effect of effects) {
      // A trace is not there in every run, and must change nothing.
      if (effect.kind !== 'trace' && this.effectsLeft-- <= 0) return this.dieAsPlanned();
      this.carryOut(running, effect);
      // Its disk may have failed at once.
      if (this.running !== running) return;
    }
    for (const [id, { deadline }] of running.waiting) {
      if (deadline + DEADLINE_GRACE_MS > at) continue;
      throw new Violation('answers', `${this.id} lets request ${id} wait beyond its deadline`);
    }
    this.armWake(running);
  }

  private carryOut(
    running: Process<Message, Request, Reply>,
    effect: Effect<Message, Reply>,
  ): void {
    switch (effect.kind) {
      case 'send':
        return this.host.send(this.id, effect.to, effect.lane, effect.message);
      case 'reply': {
        const request = running.waiting.get(effect.id);
        if (request === undefined)
          throw new Violation('replies', `${this.id} answers ${effect.id} twice`);
        running.waiting.delete(effect.id);
        return request.done(effect.reply);
      }
      case 'trace':
        return this.host.trace?.(effect.line);
      case 'persist':
      case 'release':
      case 'snapshot_open':
      case 'snapshot_append':
      case 'snapshot_commit':
      case 'snapshot_abort':
      case 'snapshot_read':
        return this.disk.perform(effect);
      default:
        return unreachable(effect);
    }
  }

  private armWake(running: Process<Message, Request, Reply>): void {
    const { timeline } = this.host;
    if (running.wake) running.wake.isCancelled = true;
    running.wake = undefined;
    const at = running.protocol.wakeAt;
    if (at === Number.POSITIVE_INFINITY) return;
    running.wake = timeline.at(this.clock.momentOf(at, timeline.now), () => {
      running.wake = undefined;
      this.enqueue({ kind: 'wake' });
    });
  }

  /** The clock was changed under the process: what it waits for comes at another moment. */
  clockChanged(): void {
    if (this.running !== undefined) this.armWake(this.running);
  }

  private dieAsPlanned(): void {
    const { ending } = this;
    this.effectsLeft = Number.POSITIVE_INFINITY;
    this.crash(ending);
    this.host.stopped(this.id, `died between two effects (${ending})`);
  }

  private fail(reason: string): void {
    if (this.running === undefined) return;
    this.crash('kill');
    this.host.stopped(this.id, reason);
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
