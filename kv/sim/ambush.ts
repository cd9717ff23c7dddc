/**
 * Faults that lie in wait: they come just when a node is in the middle of something, which by chance
 * they would do once in a thousand runs. What is delicate the system under test says.
 */

import { unreachable } from '../core/assert';
import type { NodeId } from '../core/ids';
import type { Prng } from '../core/prng';
import type { Fault } from './faults';
import type { Network } from './network';
import type { SimulatedNode } from './node';
import type { Subject } from './subject';
import type { Timeline } from './timeline';

export interface AmbushHost<Message, Request, Reply> {
  readonly timeline: Timeline;
  readonly subject: Subject<Message, Request, Reply>;
  readonly network: Network<Message>;
  readonly nodes: readonly SimulatedNode<Message, Request, Reply>[];
  readonly prng: Prng;
  isOver(): boolean;
  restartLater(node: SimulatedNode<Message, Request, Reply>, afterMs: number): void;
  /** Undoes a fault when its time is over, or when all faults end. */
  undoLater(afterMs: number, undo: () => void): void;
  handOver(): void;
  slowDisk(node: SimulatedNode<Message, Request, Reply>, ms: number, forMs: number): void;
  say(text: string): void;
}

/** How often it looks, and how long it leaves everybody in peace after it has struck. */
const LOOK_MS = 2;
const PEACE_MS = 200;
const MAX_EFFECTS = 6;
const CUT_MS = [100, 2000] as const;
const DOWN_MS = [1, 300] as const;
/** A disk, or a process, that stands still while the others go on. */
const STALL_MS = [200, 2500] as const;
const FREEZE_MS = [100, 1200] as const;
/** Processes that are restarted one after the other are back so soon, and each so long after the last. */
const QUICK_MS = [1, 15] as const;
const ROLLING_MS = [5, 100] as const;
const ROUNDS = 8;
/** Whoever was asked to hand over is cut off so much later. */
const HANDED_OVER_MS = [1, 60] as const;

/** What comes out of the ambush: upon the node itself, or upon whoever leads it. */
const BLOWS = ['die', 'stall', 'cut_off', 'cut_from_some', 'freeze', 'roll', 'hand_over'] as const;
type Blow = (typeof BLOWS)[number];

export class Ambush<Message, Request, Reply> {
  /** How often it has struck in a moment of each kind. */
  private readonly seen = new Map<string, number>();

  constructor(private readonly host: AmbushHost<Message, Request, Reply>) {}

  begin(fault: Fault): boolean {
    if (this.host.nodes.length < 2) return false;
    this.host.say(`somebody lies in wait for ${fault.forMs} ms`);
    this.wait(this.host.timeline.now + fault.forMs, 0);
    return true;
  }

  private wait(end: number, peaceUntil: number): void {
    const { timeline, prng, subject } = this.host;
    if (this.host.isOver() || timeline.now >= end) return;
    let peace = peaceUntil;
    const moments = timeline.now >= peace ? subject.delicate() : [];
    if (moments.length > 0) {
      // Mostly what was seen the least: common moments would leave no turn to the rare ones.
      const least = Math.min(...moments.map(({ why }) => this.seen.get(why) ?? 0));
      const rarest = moments.filter(({ why }) => (this.seen.get(why) ?? 0) === least);
      const { node, why } = prng.pick(prng.chance(2, 3) ? rarest : moments);
      this.seen.set(why, 1 + (this.seen.get(why) ?? 0));
      this.strike(node, why);
      peace = timeline.now + prng.between(0, PEACE_MS);
    }
    timeline.after(prng.between(1, LOOK_MS), () => this.wait(end, peace));
  }

  private strike(id: NodeId, why: string): void {
    const { nodes, prng, subject } = this.host;
    const node = nodes.find((each) => each.id === id);
    if (node === undefined) return;
    const leader = nodes.find((each) => each.id === subject.leader()) ?? node;
    // Some things go wrong only if the node and its leader both have trouble.
    const victims = prng.pick([[node], [leader], [node, leader], [node, leader]]);
    for (const victim of victims) {
      const blow = prng.pick(BLOWS);
      if (!victim.isUp) continue;
      this.host.say(`${id} ${why}: ${blow.replaceAll('_', ' ')} (${victim.id})`);
      this.deal(blow, victim, leader);
    }
  }

  private deal(
    blow: Blow,
    victim: SimulatedNode<Message, Request, Reply>,
    leader: SimulatedNode<Message, Request, Reply>,
  ): void {
    const { prng, timeline } = this.host;
    switch (blow) {
      case 'die':
        victim.crashWithin(prng.between(0, MAX_EFFECTS), prng.pick(['kill', 'power_cut']));
        return this.host.restartLater(victim, prng.between(...DOWN_MS));
      case 'stall':
        return this.host.slowDisk(victim, prng.between(...STALL_MS), prng.between(...STALL_MS));
      case 'cut_off':
        return this.cut(victim, this.others(victim));
      case 'cut_from_some':
        return this.cutFromSome(leader);
      case 'freeze':
        this.cutFromSome(leader);
        return leader.pause(prng.between(...FREEZE_MS));
      case 'roll':
        return this.roll(leader);
      case 'hand_over':
        this.host.handOver();
        timeline.after(prng.between(...HANDED_OVER_MS), () => {
          if (!this.host.isOver()) this.cut(leader, this.others(leader));
        });
        return;
      default:
        return unreachable(blow);
    }
  }

  /** Nothing gets through between a node and some others, and nobody is told. */
  private cut(node: SimulatedNode<Message, Request, Reply>, others: readonly NodeId[]): void {
    const { network } = this.host;
    const change = (what: 'block' | 'unblock') => {
      for (const other of others) {
        network[what](node.id, other);
        network[what](other, node.id);
      }
    };
    change('block');
    this.host.undoLater(this.host.prng.between(...CUT_MS), () => change('unblock'));
  }

  private cutFromSome(node: SimulatedNode<Message, Request, Reply>): void {
    const { prng } = this.host;
    const [first, ...rest] = this.others(node);
    if (first === undefined) return;
    const some = rest.filter(() => prng.chance(1, 3));
    this.cut(node, prng.chance(1, 2) ? [first, ...some] : [prng.pick([first, ...rest])]);
  }

  /** The others are restarted one after the other, so quickly that the node hardly misses them. */
  private roll(node: SimulatedNode<Message, Request, Reply>): void {
    const { prng, timeline, nodes } = this.host;
    const others = this.others(node);
    const alone = prng.pick(others);
    if (prng.chance(1, 2)) this.cut(node, [alone]);
    let at = 0;
    for (let round = 0; round < ROUNDS; round++) {
      for (const id of others) {
        if (id === alone) continue;
        at += prng.between(...ROLLING_MS);
        const quick = prng.between(...QUICK_MS);
        timeline.after(at, () => {
          const other = nodes.find((each) => each.id === id);
          if (this.host.isOver() || other === undefined || !other.isUp) return;
          other.crash('kill');
          this.host.restartLater(other, quick);
        });
      }
    }
  }

  private others({ id }: SimulatedNode<Message, Request, Reply>): NodeId[] {
    return this.host.nodes.map((each) => each.id).filter((other) => other !== id);
  }
}
