/**
 * One run: a cluster of real cores in a simulated world, from its seed to its verdict.
 *
 * 1. Faults come while clients work; every step of every node is checked.
 * 2. The faults stop for a majority; the others stay down or cut off. Each node of the majority must
 *    serve within a stated time (liveness).
 * 3. Everything is repaired. All must come to rest within that time, and agree; then the whole
 *    history of the clients is checked.
 */

import { type Millis, millis, type NodeId, nodeId } from '../core/ids';
import { Prng } from '../core/prng';
import { Client } from './clients';
import type { RunConfiguration } from './configuration';
import { Counters } from './counters';
import type { DiskFactory } from './disk';
import { WitnessedDisk } from './disk_witness';
import type { Fault } from './faults';
import { Nemesis } from './nemesis';
import { Network } from './network';
import { type Done, SimulatedNode } from './node';
import type { Subject } from './subject';
import { Timeline } from './timeline';
import { Violation } from './violation';

export interface WorldSetup<Message, Request, Reply> {
  readonly seed: number;
  readonly configuration: RunConfiguration;
  readonly faults: readonly Fault[];
  readonly makeSubject: (
    nodes: readonly NodeId[],
    timeline: Timeline,
  ) => Subject<Message, Request, Reply>;
  readonly makeDisk: DiskFactory;
  /** Hears every line of the trace, with the moment before it. */
  readonly onTrace?: ((line: string) => void) | undefined;
}

/** More things than this at a standstill of the clock, and the system runs in a circle. */
const MAX_HAPPENINGS = 5_000_000;
/** A process that stopped by itself is started again after up to this long. */
const MAX_DOWN_MS = 2000;
const PROBE_TIMEOUT_MS = 4000;
const TIME_WIDTH = 11;

export class World<Message, Request, Reply> {
  readonly timeline = new Timeline();
  readonly counters = new Counters();
  readonly subject: Subject<Message, Request, Reply>;
  private readonly nodes: SimulatedNode<Message, Request, Reply>[];
  private readonly network: Network<Message>;
  private readonly nemesis: Nemesis<Message, Request, Reply>;
  private readonly clients: Client<Message, Request, Reply>[] = [];
  /** What is blocked while a majority is left in peace. */
  private readonly cut: [NodeId, NodeId][] = [];
  private readonly prng: Prng;
  private readonly trace: ((line: string) => void) | undefined;

  constructor(private readonly setup: WorldSetup<Message, Request, Reply>) {
    const { seed, configuration, onTrace } = setup;
    const { timeline, counters } = this;
    this.prng = new Prng(seed, 'world');
    this.trace =
      onTrace && ((line) => onTrace(`${timeline.now.toFixed(3).padStart(TIME_WIDTH)} ${line}`));
    const ids = Array.from({ length: configuration.nodes }, (_, i) => nodeId(`n${i + 1}`));
    this.subject = setup.makeSubject(ids, timeline);
    const { subject, trace } = this;
    const stream = (name: string) => this.prng.stream(name);
    this.network = new Network(
      configuration.network,
      timeline,
      stream('network'),
      subject.codec,
      counters,
      {
        deliver: (from, to, message) => this.node(to).receive(from, message),
        link: (id, peer, up) => this.node(id).linkChanged(peer, up),
      },
    );
    const host = {
      timeline,
      counters,
      trace,
      send: this.network.send.bind(this.network),
      hungUp: (id: NodeId) =>
        this.network.hangUp(
          id,
          ids.filter((other) => other !== id),
        ),
      stopped: (id: NodeId, reason: string) => this.stopped(id, reason),
    };
    this.nodes = [];
    const { nodes, network } = this;
    const nemesisHost = { timeline, counters, configuration, subject, network, nodes, trace };
    this.nemesis = new Nemesis(nemesisHost, stream('nemesis'));
    for (const id of ids) {
      const made = setup.makeDisk(this.nemesis.newStorage(), stream(`disk ${id}`));
      const disk = new WitnessedDisk(id, made);
      disk.setLatency(...configuration.flushMs);
      const own = stream(`node ${id}`);
      nodes.push(new SimulatedNode(id, disk, subject, host, own, configuration.turnMs));
    }
  }

  /** Throws a `Violation` if anything is not as it must be. */
  run(): void {
    const { durationMs } = this.setup.configuration;
    this.nemesis.begin(this.setup.faults);
    this.startNodes();
    this.startClients();
    this.pass(durationMs);
    this.checkLiveness();
    this.checkRest();
    this.subject.checkHistory();
  }

  private startNodes(): void {
    const { lateStartMs, durationMs } = this.setup.configuration;
    for (const node of this.nodes) {
      if (lateStartMs === 0) this.nemesis.restart(node);
      else {
        const latest = Math.min(lateStartMs, durationMs / 2);
        this.nemesis.restartLater(node, this.prng.between(0, latest));
      }
    }
  }

  private startClients(): void {
    const { configuration } = this.setup;
    const { timeline, counters, trace } = this;
    const host = {
      timeline,
      counters,
      trace,
      nodes: this.nodes.map((node) => node.id),
      clockOf: (id: NodeId) => {
        const node = this.node(id);
        return node.isUp ? node.now : undefined;
      },
      submit: (id: NodeId, request: Request, deadline: Millis, done: Done<Reply>) =>
        this.node(id).submit(request, deadline, done),
    };
    for (let i = 1; i <= configuration.clients.count; i++) {
      const name = `c${i}`;
      const own = this.prng.stream(`client ${name}`);
      this.clients.push(new Client(name, configuration.clients, this.subject, host, own));
    }
  }

  /** A majority is left in peace, and must serve. */
  private checkLiveness(): void {
    this.nemesis.end();
    // A system that is asked for more than it can do answers late, which is no lack of liveness.
    for (const client of this.clients) client.stop();
    const prng = this.prng.stream('liveness');
    const sound = this.nodes.filter((node) => this.nemesis.isSound(node.id) && !this.isNew(node));
    const needed = Math.floor(this.nodes.length / 2) + 1;
    const majority = shuffled(sound, prng).slice(0, needed);
    // With a disk that was just replaced a majority may need all others; then it has them.
    const chosen = majority.length === needed ? majority : this.nodes;
    const others = this.nodes.filter((node) => !chosen.includes(node));
    this.trace?.(`! the faults stop for ${chosen.map((node) => node.id).join(' ')}`);
    for (const node of others) this.leaveOut(node, chosen, prng.pick(['down', 'cut', 'deaf']));
    for (const node of chosen) this.nemesis.restart(node);
    const end = this.timeline.now + this.subject.recoveryMs;
    const among = chosen.map((node) => node.id);
    for (const node of chosen) {
      this.probe(node, 'write', among, end);
      this.probe(node, 'read', among, end);
    }
    const { quietMs = 0 } = this.subject;
    if (quietMs > 0) this.pass(this.timeline.now + quietMs);
    this.nemesis.leftOut.clear();
    for (const [from, to] of this.cut) this.network.unblock(from, to);
  }

  private isNew(node: SimulatedNode<Message, Request, Reply>): boolean {
    return !this.subject.isSettled(node.id, node.disk.storage);
  }

  private leaveOut(
    node: SimulatedNode<Message, Request, Reply>,
    chosen: readonly SimulatedNode<Message, Request, Reply>[],
    how: 'down' | 'cut' | 'deaf',
  ): void {
    if (how === 'down') {
      this.nemesis.leftOut.add(node.id);
      return node.crash('power_cut');
    }
    // A deaf node is heard and hears nobody: its questions must not disturb the others.
    for (const other of chosen) {
      this.block(other.id, node.id);
      if (how === 'cut') this.block(node.id, other.id);
    }
  }

  private block(from: NodeId, to: NodeId): void {
    this.network.block(from, to);
    this.cut.push([from, to]);
  }

  /** Asks a node again and again until it serves. */
  private probe(
    node: SimulatedNode<Message, Request, Reply>,
    kind: 'write' | 'read',
    among: readonly NodeId[],
    end: number,
  ): void {
    let isServed = false;
    let last = 'nothing was heard';
    const ask = (): void => {
      if (isServed || this.timeline.now >= end) return;
      const operation = this.subject.probe(node.id, kind, among);
      if (operation === undefined) {
        isServed = true;
        return;
      }
      this.trace?.(`probe → ${node.id} ${operation.text}`);
      const deadline = millis(node.now + PROBE_TIMEOUT_MS);
      node.submit(operation.request(deadline), deadline, (reply) => {
        const judgement = reply === undefined ? undefined : operation.judge(reply);
        last = judgement?.text ?? 'the node stopped';
        operation.ended();
        if (judgement?.kind === 'done') isServed = true;
        else this.timeline.after(50, ask);
      });
    };
    ask();
    if (!isServed) this.pass(end, () => isServed);
    if (!isServed) {
      const waited = `${this.subject.recoveryMs} ms: ${last}`;
      throw new Violation('liveness', `${node.id} does not serve a ${kind} within ${waited}`);
    }
  }

  private checkRest(): void {
    this.trace?.('! everything is repaired');
    for (const node of this.nodes) this.nemesis.restart(node);
    const patienceMs = Math.max(0, ...this.clients.map((client) => client.patienceMs));
    const recoveryMs = this.subject.recoveryMs + patienceMs;
    const end = this.timeline.now + recoveryMs;
    let unrest: string | undefined = 'nothing was looked at';
    while (this.timeline.now < end && unrest !== undefined) {
      this.pass(Math.min(end, this.timeline.now + 100));
      unrest = this.unrest();
    }
    if (unrest === undefined) return;
    throw new Violation('rest', `not at rest after ${recoveryMs} ms: ${unrest}`);
  }

  private unrest(): string | undefined {
    for (const node of this.nodes) {
      if (!node.isUp) return `${node.id} is down`;
      if (node.pending > 0) return `${node.id} owes ${node.pending} answers`;
    }
    const busy = this.clients.find((client) => !client.isIdle);
    if (busy !== undefined) return `${busy.name} still waits`;
    return this.subject.unrest();
  }

  private pass(until: number, isOver?: () => boolean): void {
    this.timeline.runUntil(until, () => {
      if (this.timeline.happened > MAX_HAPPENINGS) {
        throw new Violation('storm', `more than ${MAX_HAPPENINGS} things have happened`);
      }
      return isOver?.() ?? false;
    });
  }

  private stopped(id: NodeId, reason: string): void {
    this.trace?.(`! ${id} stops: ${reason}`);
    this.counters.count('events', 'nodes stopped');
    this.nemesis.restartLater(this.node(id), this.prng.between(1, MAX_DOWN_MS));
  }

  private node(id: NodeId): SimulatedNode<Message, Request, Reply> {
    const node = this.nodes.find((each) => each.id === id);
    if (node === undefined) throw new Error(`there is no node ${id}`);
    return node;
  }
}

function shuffled<T>(list: readonly T[], prng: Prng): T[] {
  const rest = [...list];
  const drawn: T[] = [];
  while (rest.length > 0) {
    drawn.push(...rest.splice(prng.between(0, rest.length - 1), 1));
  }
  return drawn;
}
