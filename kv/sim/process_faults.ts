/** The faults of a plan that end processes: alone, everywhere at once, or each leader as it comes. */

import type { NodeId } from '../core/ids';
import type { Prng } from '../core/prng';
import type { Ending } from './disk';
import type { Fault } from './faults';
import type { SimulatedNode } from './node';
import type { Subject } from './subject';
import type { Timeline } from './timeline';

export interface ProcessFaultHost<Message, Request, Reply> {
  readonly timeline: Timeline;
  readonly subject: Subject<Message, Request, Reply>;
  readonly nodes: readonly SimulatedNode<Message, Request, Reply>[];
  readonly prng: Prng;
  isOver(): boolean;
  restartLater(node: SimulatedNode<Message, Request, Reply>, afterMs: number): void;
  say(text: string): void;
}

/** A process that is to die between two effects does so within so many of them. */
const MAX_EFFECTS = 12;
/** A hunter looks for leaders this often, and lets them stay down so long. */
const HUNT_MS = 20;
const HUNTED_DOWN_MS = 400;

export class ProcessFaults<Message, Request, Reply> {
  constructor(private readonly host: ProcessFaultHost<Message, Request, Reply>) {}

  /**
   * At once, or between two of the next effects, unless it is told to stop: it hears of that in a
   * turn of its own. False if it is down already.
   */
  crash(fault: Fault, node: SimulatedNode<Message, Request, Reply>, ending: Ending): boolean {
    if (!node.isUp) return false;
    if (ending !== 'stop' && fault.amount % 2 === 0) {
      node.crashWithin(Math.floor(fault.amount / 2) % MAX_EFFECTS, ending);
    } else {
      this.host.say(`${node.id} crashes (${ending})`);
      node.crash(ending);
    }
    this.host.restartLater(node, fault.forMs);
    return true;
  }

  /** The power goes everywhere: what nobody had flushed is gone from all disks at once. */
  blackOut(fault: Fault): boolean {
    this.host.say('the power goes everywhere');
    for (const node of this.host.nodes) {
      node.crash('power_cut');
      this.host.restartLater(node, this.host.prng.between(1, fault.forMs));
    }
    return true;
  }

  huntLeaders(fault: Fault): boolean {
    this.host.say(`leaders are hunted for ${fault.forMs} ms`);
    this.hunt(this.host.timeline.now + fault.forMs, undefined);
    return true;
  }

  /** Every new leader dies soon: within a few effects, or as soon as somebody looks. */
  private hunt(end: number, last: NodeId | undefined): void {
    const { timeline, subject } = this.host;
    if (this.host.isOver() || timeline.now >= end) return;
    const leader = subject.leader();
    if (leader !== undefined && leader !== last) {
      const node = this.host.nodes.find((each) => each.id === leader);
      if (node === undefined) return;
      node.crashWithin(
        this.host.prng.between(0, MAX_EFFECTS),
        this.host.prng.pick(['kill', 'power_cut']),
      );
      this.host.restartLater(node, this.host.prng.between(1, HUNTED_DOWN_MS));
    }
    timeline.after(this.host.prng.between(1, HUNT_MS), () => this.hunt(end, leader));
  }
}
