/**
 * The clients of a simulated cluster. Each does one operation after another through any node, asks
 * again where that is safe or harmless, gives up, and is now and then restarted in the middle.
 */

import type { Millis, NodeId } from '../core/ids';
import { millis } from '../core/ids';
import type { Prng } from '../core/prng';
import type { ClientSettings } from './configuration';
import type { Counters } from './counters';
import type { Done } from './node';
import type { Operation, Subject } from './subject';
import type { Planned, Timeline } from './timeline';

export interface ClientHost<Request, Reply> {
  readonly timeline: Timeline;
  readonly counters: Counters;
  readonly nodes: readonly NodeId[];
  /** The clock of a node; undefined while it is down. */
  clockOf(node: NodeId): Millis | undefined;
  submit(node: NodeId, request: Request, deadline: Millis, done: Done<Reply>): void;
  readonly trace: ((line: string) => void) | undefined;
}

/** A client asks at most so often for one operation. */
const MAX_TRIES = 6;
/** From a client to a node and back, in parts of a millisecond. */
const MAX_TRAVEL_PARTS = 32;
const PARTS = 16;
const NODES_STICKY = 3;
const MAX_PAUSE_MS = 100;

/** An operation under way. A restarted client has none, and ignores what comes for the old one. */
interface UnderWay<Request, Reply> {
  readonly operation: Operation<Request, Reply>;
  tries: number;
  timer: Planned | undefined;
}

export class Client<Message, Request, Reply> {
  private current: UnderWay<Request, Reply> | undefined;
  private node: NodeId;
  private isStopped = false;

  constructor(
    readonly name: string,
    private readonly settings: ClientSettings,
    private readonly subject: Subject<Message, Request, Reply>,
    private readonly host: ClientHost<Request, Reply>,
    private readonly prng: Prng,
  ) {
    this.node = prng.pick(host.nodes);
    this.think();
    if (settings.restartMs > 0) this.planRestart();
  }

  get isIdle(): boolean {
    return this.current === undefined;
  }

  /** An operation is over after this long, whatever happens. */
  get patienceMs(): number {
    return MAX_TRIES * (this.settings.timeoutMs[1] + MAX_PAUSE_MS);
  }

  /** Begins nothing new; what is under way goes on to its end. */
  stop(): void {
    this.isStopped = true;
  }

  private think(): void {
    this.host.timeline.after(this.prng.between(...this.settings.thinkMs), () => this.begin());
  }

  private begin(): void {
    if (this.isStopped || this.current !== undefined) return;
    const operation = this.subject.operation(this.name, this.prng);
    this.current = { operation, tries: 0, timer: undefined };
    this.ask(this.current);
  }

  private ask(mine: UnderWay<Request, Reply>): void {
    const { host, prng } = this;
    mine.tries++;
    // Clients stay with a node for a while: that is where reads of one's own writes are cheap.
    const moves = mine.tries > 1 || prng.chance(1, NODES_STICKY);
    if (moves && !this.settings.pinned) this.node = prng.pick(host.nodes);
    const node = mine.operation.node ?? this.node;
    const timeoutMs = prng.between(...this.settings.timeoutMs);
    host.trace?.(`${this.name} → ${node} ${mine.operation.text}`);
    const { tries } = mine;
    const isCurrent = () => this.current === mine && mine.tries === tries;
    mine.timer = host.timeline.after(timeoutMs, () => {
      if (isCurrent()) this.unanswered(mine, 'no answer in time');
    });
    this.travel(() => {
      const clock = host.clockOf(node);
      if (clock === undefined) {
        this.travel(() => isCurrent() && this.again(mine, 'connection refused'));
        return;
      }
      const deadline = millis(clock + timeoutMs);
      host.submit(node, mine.operation.request(deadline), deadline, (reply) => {
        this.travel(() => isCurrent() && this.answered(mine, reply));
      });
    });
  }

  private answered(mine: UnderWay<Request, Reply>, reply: Reply | undefined): void {
    if (reply === undefined) return this.unanswered(mine, 'connection lost');
    const judgement = mine.operation.judge(reply);
    switch (judgement.kind) {
      case 'done':
        this.host.counters.count('operations', 'answered');
        return this.end(mine, judgement.text);
      case 'again':
        return this.again(mine, judgement.text);
      case 'give_up':
        this.host.counters.count('operations', 'given up');
        return this.end(mine, judgement.text);
    }
  }

  /** Nobody knows what became of it. */
  private unanswered(mine: UnderWay<Request, Reply>, text: string): void {
    if (mine.operation.repeatable) return this.again(mine, text);
    this.host.counters.count('operations', 'unanswered');
    this.end(mine, text);
  }

  private again(mine: UnderWay<Request, Reply>, text: string): void {
    if (mine.timer) mine.timer.isCancelled = true;
    if (mine.tries >= MAX_TRIES) {
      this.host.counters.count('operations', 'given up');
      return this.end(mine, text);
    }
    this.host.trace?.(`${this.name} ← ${text}: asks again`);
    const { tries } = mine;
    this.host.timeline.after(this.prng.between(1, MAX_PAUSE_MS), () => {
      if (this.current === mine && mine.tries === tries) this.ask(mine);
    });
  }

  private end(mine: UnderWay<Request, Reply>, text: string): void {
    if (mine.timer) mine.timer.isCancelled = true;
    this.host.trace?.(`${this.name} ← ${text}`);
    this.current = undefined;
    mine.operation.ended();
    this.think();
  }

  /** One way between client and node; what is lost is noticed by the clock alone. */
  private travel(arrive: () => void): void {
    if (this.prng.between(1, 1000) <= this.settings.lost) return;
    this.host.timeline.after(this.prng.between(0, MAX_TRAVEL_PARTS) / PARTS, arrive);
  }

  private planRestart(): void {
    const { restartMs } = this.settings;
    this.host.timeline.after(this.prng.between(restartMs / 2, restartMs * 2), () => {
      if (this.isStopped) return;
      this.host.trace?.(`${this.name} restarts`);
      const before = this.current;
      this.current = undefined;
      this.subject.clientRestarted(this.name);
      if (before !== undefined) {
        if (before.timer) before.timer.isCancelled = true;
        this.host.counters.count('operations', 'forgotten');
        before.operation.ended();
        this.think();
      }
      this.planRestart();
    });
  }
}
