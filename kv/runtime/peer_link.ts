/**
 * Everything about one peer: two lanes that we dialled and send on, two that it dialled and we
 * receive on. The link is up while all four are there; whenever one is lost, it goes down at once.
 *
 * Pitfall avoided here: an older connection never delivers after a newer one was accepted. Within
 * one life of the peer's process the epoch decides; a new life ends all connections of the old one.
 */

import type { NodeId } from '../core/ids';
import type { Lane } from '../core/protocol';
import type { Hello, Refusal } from './handshake';
import type { Log } from './log';
import type { Complaints } from './peer_complaints';
import { type LaneContext, PeerLane } from './peer_lane';
import type { PeerAddress } from './peer_options';
import type { PeerReceiver } from './peer_receiver';

export const LANES: readonly Lane[] = ['control', 'bulk'];

export interface LaneStats {
  /** Messages and bytes of their bodies. */
  readonly messagesSent: number;
  readonly bytesSent: number;
  readonly messagesReceived: number;
  readonly bytesReceived: number;
  /** Messages that could not be queued. */
  readonly messagesDropped: number;
  /** How often a connection of ours passed the handshake. */
  readonly connections: number;
  readonly queuedBytes: number;
}

export interface PeerStats {
  readonly connected: boolean;
  readonly lanes: Readonly<Record<Lane, LaneStats>>;
}

export interface LinkSurroundings {
  readonly context: LaneContext;
  readonly log: Log;
  readonly complaints: Complaints;
  changed(peer: NodeId, up: boolean): void;
}

class Side<Message> {
  receiver: PeerReceiver<Message> | undefined;
  messagesSent = 0;
  bytesSent = 0;
  messagesReceived = 0;
  bytesReceived = 0;
  messagesDropped = 0;

  constructor(readonly out: PeerLane) {}

  stats(): LaneStats {
    const { messagesSent, bytesSent, messagesReceived, bytesReceived, messagesDropped } = this;
    const { connections, queuedBytes } = this.out;
    const received = { messagesReceived, bytesReceived };
    return { messagesSent, bytesSent, ...received, messagesDropped, connections, queuedBytes };
  }
}

export class PeerLink<Message> {
  private readonly sides: Readonly<Record<Lane, Side<Message>>>;
  /** The life of the peer's process that all connections belong to. */
  private instance = '';
  /** The newest connection accepted of that life, for each lane. */
  private readonly newest: Record<Lane, number> = { control: 0, bulk: 0 };
  private isUp = false;
  private stopped = false;

  constructor(
    readonly peer: PeerAddress,
    private readonly around: LinkSurroundings,
  ) {
    this.sides = { control: this.side('control'), bulk: this.side('bulk') };
  }

  get up(): boolean {
    return this.isUp;
  }

  start(): void {
    for (const lane of LANES) this.sides[lane].out.start();
  }

  /** `encode` is called only when there is a connection. */
  send(lane: Lane, encode: () => readonly Uint8Array[]): void {
    const side = this.sides[lane];
    const result = side.out.send(encode);
    if (typeof result === 'number') {
      side.messagesSent++;
      side.bytesSent += result;
      return;
    }
    side.messagesDropped++;
    if (result === 'not_connected') return;
    this.complain(`drop ${lane}`, result, 'a message to a peer was dropped', lane);
  }

  flush(): void {
    for (const lane of LANES) this.sides[lane].out.flush();
  }

  tick(): void {
    for (const lane of LANES) this.sides[lane].out.tick();
  }

  /** Why a proven peer's connection is not accepted, if so. */
  refusal(hello: Hello): Refusal | undefined {
    if (hello.instance === this.instance) {
      if (hello.epoch > this.newest[hello.lane]) return undefined;
      return { status: 409, reason: 'a newer connection of this lane was accepted before' };
    }
    for (const lane of LANES) {
      const other = this.sides[lane].receiver?.hello.storage;
      if (other === undefined || other === hello.storage) continue;
      const reason = `another process with the id ${hello.from} is connected (storage ${other})`;
      return { status: 409, reason };
    }
    return undefined;
  }

  /** Takes an accepted connection in; the one it replaces delivers nothing any more. */
  accept(receiver: PeerReceiver<Message>): void {
    const { hello, lane } = receiver;
    this.meet(hello.instance);
    this.newest[lane] = hello.epoch;
    this.sides[lane].receiver?.destroy();
    this.sides[lane].receiver = undefined;
    this.update(`a newer ${lane} connection replaces it`);
    if (this.stopped) {
      // Whoever heard of the loss has had enough of this peer.
      receiver.destroy();
      return;
    }
    this.sides[lane].receiver = receiver;
    this.update('');
    for (const each of LANES) this.sides[each].out.hurry();
  }

  received(lane: Lane, bytes: number): void {
    this.sides[lane].messagesReceived++;
    this.sides[lane].bytesReceived += bytes;
  }

  /** An accepted connection was lost. */
  dropped(receiver: PeerReceiver<Message>, reason: string, malformed: boolean): void {
    const { lane } = receiver;
    if (this.sides[lane].receiver === receiver) this.sides[lane].receiver = undefined;
    if (malformed) this.complain(`bad ${lane}`, reason, 'a connection of a peer was closed', lane);
    const wasUp = this.isUp;
    this.update(reason);
    // Messages of this connection may have come after the news that another one was lost. Whoever
    // took them for a sign of life must hear again that it is over.
    if (!wasUp && !this.stopped) this.around.changed(this.peer.id, false);
  }

  stats(): PeerStats {
    const { control, bulk } = this.sides;
    return { connected: this.isUp, lanes: { control: control.stats(), bulk: bulk.stats() } };
  }

  /** Lets queued bytes leave, then ends all connections; no event follows. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.isUp = false;
    for (const lane of LANES) this.sides[lane].receiver?.destroy();
    await Promise.all(LANES.map((lane) => this.sides[lane].out.stop()));
  }

  private side(lane: Lane): Side<Message> {
    const out = new PeerLane(lane, this.peer, this.around.context, {
      opened: (welcome) => {
        this.meet(welcome.instance);
        this.update('');
      },
      lost: (reason) => this.update(reason),
      failed: (reason) => this.complain('dial', reason, 'a peer cannot be reached', lane),
    });
    return new Side(out);
  }

  /** Ends what belongs to another life of the peer's process than the one just met. */
  private meet(instance: string): void {
    if (this.instance === instance) return;
    this.instance = instance;
    for (const lane of LANES) {
      const side = this.sides[lane];
      this.newest[lane] = 0;
      if (side.receiver !== undefined && side.receiver.hello.instance !== instance) {
        side.receiver.destroy();
        side.receiver = undefined;
      }
      const theirs = side.out.welcome?.instance;
      if (theirs !== undefined && theirs !== instance) side.out.restart();
    }
    this.update('the peer was restarted');
  }

  private update(reason: string): void {
    const { control, bulk } = this.sides;
    const sending = control.out.welcome !== undefined && bulk.out.welcome !== undefined;
    const up = sending && control.receiver !== undefined && bulk.receiver !== undefined;
    if (up === this.isUp || this.stopped) return;
    this.isUp = up;
    const { id } = this.peer;
    if (up) {
      this.around.complaints.settled(`dial ${id}`);
      this.around.log.info('the link to a peer is up', { peer: id, ...this.storage() });
    } else this.around.log.info('the link to a peer is down', { peer: id, reason });
    this.around.changed(id, up);
  }

  private storage(): { readonly storage?: number } {
    const storage = this.sides.control.receiver?.hello.storage;
    return storage === undefined ? {} : { storage };
  }

  private complain(subject: string, reason: string, message: string, lane: Lane): void {
    const { id, host, port } = this.peer;
    const fields = { peer: id, address: `${host}:${port}`, lane };
    this.around.complaints.warn(`${subject} ${id}`, reason, message, fields);
  }
}
