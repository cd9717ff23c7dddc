/**
 * Carries out the faults of a plan. Whom a fault meets is decided when it comes; one that would
 * break what the system promises to survive (the loss of a second disk) does not come at all.
 */

import { unreachable } from '../core/assert';
import { millis, type NodeId, type StorageId, storageId } from '../core/ids';
import type { Prng } from '../core/prng';
import { Ambush } from './ambush';
import type { RunConfiguration } from './configuration';
import type { Counters } from './counters';
import { DISK_FAULTS, type Fault } from './faults';
import type { Network } from './network';
import { NetworkFaults } from './network_faults';
import type { SimulatedNode } from './node';
import { ProcessFaults } from './process_faults';
import type { Subject } from './subject';
import type { Timeline } from './timeline';

export interface NemesisHost<Message, Request, Reply> {
  readonly timeline: Timeline;
  readonly counters: Counters;
  readonly configuration: RunConfiguration;
  readonly subject: Subject<Message, Request, Reply>;
  readonly network: Network<Message>;
  readonly nodes: readonly SimulatedNode<Message, Request, Reply>[];
  readonly trace: ((line: string) => void) | undefined;
}

/** The rates of clocks, in parts of a thousand. */
const CLOCK_RATES = { good: [999, 1001], drifting: [980, 1020], wild: [850, 1150] } as const;
/** A disk that is replaced in the place of a hand-over is there again within so long. */
const MAX_REPLACING_MS = 1000;
const MAX_JUMP_MS = 3000;
/** Now and then a disk does not slow down but stands still for seconds. */
const STALL_MS = 3000;

export class Nemesis<Message, Request, Reply> {
  /** Nodes with a harmed disk that has not been replaced yet. */
  private readonly harmed = new Set<NodeId>();
  /** Undoes what still lasts; in the order of its coming. */
  private readonly lasting = new Set<() => void>();
  /** Nodes that nobody starts for now. */
  readonly leftOut = new Set<NodeId>();
  private lastStorage = 0;
  private isOver = false;
  private readonly networkFaults: NetworkFaults<Message>;
  private readonly processFaults: ProcessFaults<Message, Request, Reply>;
  private readonly ambush: Ambush<Message, Request, Reply>;

  constructor(
    private readonly host: NemesisHost<Message, Request, Reply>,
    private readonly prng: Prng,
  ) {
    const say = (text: string) => this.say(text);
    const undoLater = (afterMs: number, undo: () => void) => this.undoLater(afterMs, undo);
    this.networkFaults = new NetworkFaults({
      ids: () => host.nodes.map((node) => node.id),
      network: host.network,
      ...{ timeline: host.timeline, prng, undoLater, say },
      leader: () => host.subject.leader(),
      isOver: () => this.isOver,
    });
    const processes = {
      ...{ timeline: host.timeline, subject: host.subject, nodes: host.nodes, prng, say },
      isOver: () => this.isOver,
      restartLater: this.restartLater.bind(this),
    };
    this.processFaults = new ProcessFaults(processes);
    this.ambush = new Ambush({
      ...{ ...processes, undoLater, network: host.network },
      slowDisk: this.slowDisk.bind(this),
      handOver: () => void this.handOver(),
    });
  }

  newStorage(): StorageId {
    return storageId(++this.lastStorage);
  }

  /** Lets every clock run at a rate of its own. */
  begin(faults: readonly Fault[]): void {
    const { timeline, nodes, configuration } = this.host;
    for (const node of nodes) this.setRate(node, CLOCK_RATES[configuration.clocks]);
    for (const fault of faults) {
      timeline.at(fault.at, () => {
        if (this.isOver || !this.strike(fault)) return;
        this.host.counters.count('faults', fault.kind);
      });
    }
  }

  /** Ends all that lasts, but for nodes that are down; nothing new begins. */
  end(): void {
    this.isOver = true;
    for (const undo of this.lasting) undo();
    this.lasting.clear();
    const { network, nodes, configuration } = this.host;
    network.lost = network.echoed = 0;
    for (const node of nodes) {
      node.resume();
      node.useUsualTurn();
      node.crashWithin(Number.POSITIVE_INFINITY, 'kill');
      node.disk.calm();
      node.disk.setLatency(...configuration.flushMs);
    }
  }

  /** A disk that a node refuses to start with is replaced, as an operator would do. */
  restart(node: SimulatedNode<Message, Request, Reply>): void {
    if (node.isUp || this.leftOut.has(node.id)) return;
    if (!node.start()) {
      this.say(`${node.id} refuses its damaged disk and gets an empty one`);
      this.harmed.delete(node.id);
      node.disk.wipe(this.newStorage());
      node.start();
    }
    node.disk.setLatency(...this.host.configuration.flushMs);
    this.say(`${node.id} starts`);
    for (const other of this.host.nodes) {
      if (other === node || !other.isUp) continue;
      if (this.host.network.isOpen(node.id, other.id)) {
        this.host.network.breakConnection(node.id, other.id);
        this.host.network.tell(node.id, other.id, true);
      }
    }
  }

  /** Whether nothing is wrong with the disk of a node, as far as an observer can tell. */
  isSound(node: NodeId): boolean {
    return !this.harmed.has(node);
  }

  private strike(fault: Fault): boolean {
    const node = this.targetOf(fault);
    switch (fault.kind) {
      case 'kill':
      case 'power_cut':
      case 'stop':
        return this.processFaults.crash(fault, node, fault.kind);
      case 'blackout':
        return this.processFaults.blackOut(fault);
      case 'leader_hunt':
        return this.processFaults.huntLeaders(fault);
      case 'ambush':
        return this.ambush.begin(fault);
      case 'pause':
        if (!node.isUp) return false;
        this.say(`${node.id} is stopped for ${fault.forMs} ms`);
        node.pause(fault.forMs);
        return true;
      case 'clock_jump':
        return this.jump(fault, node);
      case 'clock_rate':
        this.setRate(node, CLOCK_RATES[this.host.configuration.clocks]);
        node.clockChanged();
        return true;
      case 'partition':
      case 'one_way':
      case 'slow_link':
      case 'broken_connection':
      case 'loss_burst':
      case 'repeat_burst':
      case 'flapping_link':
        return this.networkFaults.strike(fault, fault.kind, node.id);
      case 'slow_disk':
      case 'slow_loop':
        return this.slowDown(fault, node);
      case 'hand_over':
        return this.handOver();
      case 'bit_flip':
      case 'misdirected_write':
      case 'wiped_disk':
        return this.ruinDisk(fault, node);
      case 'failed_write':
      case 'failed_flush':
      case 'full_disk':
        return this.failDisk(fault, node);
      default:
        return unreachable(fault.kind);
    }
  }

  /** A process that stopped by itself is started again after a while. */
  restartLater(node: SimulatedNode<Message, Request, Reply>, afterMs: number): void {
    this.host.timeline.after(afterMs, () => this.restart(node));
  }

  private jump(fault: Fault, node: SimulatedNode<Message, Request, Reply>): boolean {
    const ms = 1 + (fault.amount % MAX_JUMP_MS);
    this.say(`the clock of ${node.id} jumps ahead by ${ms} ms`);
    node.clock.jump(this.host.timeline.now, ms);
    node.clockChanged();
    return true;
  }

  private setRate(
    node: SimulatedNode<Message, Request, Reply>,
    [low, high]: readonly [number, number],
  ): void {
    node.clock.setRate(this.host.timeline.now, this.prng.between(low, high) / 1000);
  }

  private slowDown(fault: Fault, node: SimulatedNode<Message, Request, Reply>): boolean {
    const isStall = fault.kind === 'slow_disk' && fault.amount % 7 === 0;
    const ms = 10 + (fault.amount % (isStall ? STALL_MS : 400));
    if (fault.kind === 'slow_disk') this.slowDisk(node, ms, fault.forMs);
    else {
      this.say(`the event loop of ${node.id} takes up to ${ms} ms for ${fault.forMs} ms`);
      node.turnMs = ms;
      this.undoLater(fault.forMs, () => node.useUsualTurn());
    }
    return true;
  }

  private slowDisk(node: SimulatedNode<Message, Request, Reply>, ms: number, forMs: number): void {
    this.say(`the disk of ${node.id} takes up to ${ms} ms for ${forMs} ms`);
    node.disk.setLatency(Math.floor(ms / 2), ms);
    this.undoLater(forMs, () => {
      node.disk.setLatency(...this.host.configuration.flushMs);
    });
  }

  private handOver(): boolean {
    const leader = this.host.subject.leader();
    const node = this.host.nodes.find((each) => each.id === leader);
    if (node === undefined) return false;
    const deadline = millis(node.now + 1000);
    const request = this.host.subject.handOver(deadline);
    if (request === undefined) {
      return this.host.subject.replacesDisks === true && this.loseDisk(node);
    }
    this.say(`${node.id} is asked to hand over`);
    node.submit(request, deadline, () => undefined);
    return true;
  }

  /** Harm that a disk does not get over. At most one disk at a time, and only where that is promised. */
  private ruinDisk(fault: Fault, node: SimulatedNode<Message, Request, Reply>): boolean {
    if (!this.mayRuin(node)) return false;
    if (fault.kind === 'wiped_disk') return this.wipe(node, fault.forMs);
    const harm = DISK_FAULTS[fault.kind];
    if (harm === undefined || !node.disk.harm(harm)) return false;
    this.say(`the disk of ${node.id} is harmed: ${fault.kind}`);
    this.harmed.add(node.id);
    return true;
  }

  private mayRuin(node: SimulatedNode<Message, Request, Reply>): boolean {
    const diskOf = (id: NodeId) => this.node(id).disk.storage;
    return this.harmed.size === 0 && this.host.subject.mayLoseDisk(node.id, diskOf);
  }

  private wipe(node: SimulatedNode<Message, Request, Reply>, downMs: number): boolean {
    this.say(`${node.id} loses its disk`);
    node.crash('power_cut');
    node.disk.wipe(this.newStorage());
    this.restartLater(node, downMs);
    return true;
  }

  private loseDisk(node: SimulatedNode<Message, Request, Reply>): boolean {
    return this.mayRuin(node) && this.wipe(node, this.prng.between(1, MAX_REPLACING_MS));
  }

  private failDisk(fault: Fault, node: SimulatedNode<Message, Request, Reply>): boolean {
    const harm = DISK_FAULTS[fault.kind];
    if (harm === undefined || !node.isUp || !node.disk.harm(harm)) return false;
    this.say(`the disk of ${node.id} fails: ${fault.kind}`);
    return true;
  }

  private targetOf({ target }: Fault): SimulatedNode<Message, Request, Reply> {
    const { nodes, subject } = this.host;
    const leader = target.leader ? subject.leader() : undefined;
    const found = nodes.find((each) => each.id === leader);
    return found ?? (nodes[target.pick % nodes.length] as (typeof nodes)[number]);
  }

  private node(id: NodeId): SimulatedNode<Message, Request, Reply> {
    return this.host.nodes.find((each) => each.id === id) as SimulatedNode<Message, Request, Reply>;
  }

  private undoLater(afterMs: number, undo: () => void): void {
    this.lasting.add(undo);
    this.host.timeline.after(afterMs, () => {
      if (this.lasting.delete(undo)) undo();
    });
  }

  private say(text: string): void {
    this.host.trace?.(`! ${text}`);
  }
}
