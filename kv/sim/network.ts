/**
 * The network between the nodes: it delays, loses, repeats and reorders messages, and can be cut
 * between any two nodes in either direction.
 *
 * Where connections are `ordered`, as TCP is, messages of one lane arrive in the order of sending
 * and a connection that breaks takes with it what was under way; else every message travels alone.
 * The contract of `../core/protocol.ts` promises no more than the latter.
 */

import type { NodeId } from '../core/ids';
import type { Prng } from '../core/prng';
import type { Lane, MessageCodec } from '../core/protocol';
import { joined } from './bytes';
import type { Counters } from './counters';
import type { Timeline } from './timeline';

export interface NetworkSettings {
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  /** Of ten thousand messages so many are lost, and so many arrive twice. */
  readonly lost: number;
  readonly repeated: number;
  /** Of ten thousand messages so many come seconds late, where order is not kept. */
  readonly late: number;
  readonly ordered: boolean;
  /** Every message goes through the codec, as between real nodes. */
  readonly encoded: boolean;
}

export interface NetworkHost<Message> {
  deliver(from: NodeId, to: NodeId, message: Message): void;
  link(node: NodeId, peer: NodeId, up: boolean): void;
}

/** More messages than this under way from one node to another are dropped, as by a full queue. */
const MAX_UNDER_WAY = 2000;
/** Delays are drawn in parts of a millisecond; a power of two, so that sums are exact. */
const PARTS = 16;
/** Long enough to arrive in the middle of an election, or in another term. */
const LATE_MS: readonly (readonly [number, number])[] = [
  [50, 500],
  [200, 5000],
];

/** One direction between two nodes. */
interface Path {
  /** How many faults block it just now. */
  blocked: number;
  slowMs: number;
  underWay: number;
  /** Counts broken connections. */
  epoch: number;
  /** When the last message of each lane arrives. */
  readonly lastArrival: Record<Lane, number>;
}

export class Network<Message> {
  /** Of ten thousand messages so many are lost, for now. */
  lost: number;
  /** Of ten thousand messages so many come a second time, seconds late, for now. */
  echoed = 0;
  private readonly paths = new Map<string, Path>();

  constructor(
    readonly settings: NetworkSettings,
    private readonly timeline: Timeline,
    private readonly prng: Prng,
    private readonly codec: MessageCodec<Message>,
    private readonly counters: Counters,
    private readonly host: NetworkHost<Message>,
  ) {
    this.lost = settings.lost;
  }

  send(from: NodeId, to: NodeId, lane: Lane, message: Message): void {
    this.counters.sent++;
    const path = this.path(from, to);
    const full = path.underWay >= MAX_UNDER_WAY;
    if (path.blocked > 0 || full || this.prng.between(1, 10_000) <= this.lost) {
      this.counters.lost++;
      return;
    }
    this.travel(path, from, to, lane, this.copy(message), 0);
    if (this.prng.between(1, 10_000) <= this.settings.repeated) {
      this.counters.repeated++;
      this.travel(path, from, to, lane, this.copy(message), 0);
    }
    if (this.echoed > 0 && this.prng.between(1, 10_000) <= this.echoed) {
      this.counters.repeated++;
      this.travel(path, from, to, lane, this.copy(message), this.lateness());
    }
  }

  /** Blocks one direction, until it is unblocked as often. What is under way is lost too. */
  block(from: NodeId, to: NodeId): void {
    this.path(from, to).blocked++;
  }
  unblock(from: NodeId, to: NodeId): void {
    this.path(from, to).blocked--;
  }

  /** Makes one direction slower, or with a negative number faster again. */
  slowDown(from: NodeId, to: NodeId, ms: number): void {
    this.path(from, to).slowMs += ms;
  }

  /** The connection of two nodes breaks: what is under way is lost, and both are told. */
  breakConnection(one: NodeId, other: NodeId): void {
    this.path(one, other).epoch++;
    this.path(other, one).epoch++;
    this.tell(one, other, false);
  }

  /**
   * The process of a node has died, and its kernel closes its connections: each peer is told as soon
   * as a message takes, behind those that were sent before. Not where the way is cut, and not if the
   * node has come back meanwhile.
   */
  hangUp(node: NodeId, peers: readonly NodeId[]): void {
    for (const peer of peers) {
      const path = this.path(node, peer);
      const { control, bulk } = path.lastArrival;
      const behind = this.settings.ordered ? Math.max(control, bulk) : 0;
      const { epoch } = path;
      this.timeline.at(Math.max(this.drawArrival(path), behind), () => {
        if (path.blocked > 0 || path.epoch !== epoch) return;
        this.counters.count('events', 'links closed by a death');
        this.host.link(peer, node, false);
      });
    }
  }

  /** Tells both nodes whether they are connected, which is but a hint. */
  tell(one: NodeId, other: NodeId, up: boolean): void {
    this.host.link(one, other, up);
    this.host.link(other, one, up);
  }

  isOpen(one: NodeId, other: NodeId): boolean {
    return this.path(one, other).blocked === 0 && this.path(other, one).blocked === 0;
  }

  private travel(
    path: Path,
    from: NodeId,
    to: NodeId,
    lane: Lane,
    message: Message,
    laterMs: number,
  ): void {
    const { ordered, late } = this.settings;
    let arrival = this.drawArrival(path) + laterMs;
    if (ordered) arrival = Math.max(arrival, path.lastArrival[lane]);
    else if (this.prng.between(1, 10_000) <= late) arrival += this.lateness();
    path.lastArrival[lane] = arrival;
    path.underWay++;
    const { epoch } = path;
    this.timeline.at(arrival, () => {
      path.underWay--;
      const isBroken = ordered && path.epoch !== epoch;
      if (path.blocked > 0 || isBroken) this.counters.lost++;
      else this.host.deliver(from, to, message);
    });
  }

  private drawArrival({ slowMs }: Path): number {
    const { minDelayMs, maxDelayMs } = this.settings;
    const drawn = this.prng.between(minDelayMs * PARTS, maxDelayMs * PARTS) / PARTS;
    return this.timeline.now + drawn + slowMs;
  }

  private lateness(): number {
    const [least, most] = this.prng.pick(LATE_MS);
    return this.prng.between(least, most);
  }

  private copy(message: Message): Message {
    if (!this.settings.encoded) return message;
    return this.codec.decode(joined(this.codec.encode(message)));
  }

  private path(from: NodeId, to: NodeId): Path {
    const name = `${from} ${to}`;
    let path = this.paths.get(name);
    if (path === undefined) {
      path = { blocked: 0, slowMs: 0, underWay: 0, epoch: 0, lastArrival: { control: 0, bulk: 0 } };
      this.paths.set(name, path);
    }
    return path;
  }
}
