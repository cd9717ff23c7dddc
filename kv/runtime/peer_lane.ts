/**
 * One lane towards one peer: it keeps a connection, dials again when it is lost, and drops what is
 * sent while there is none.
 */

import type { NodeId } from '../core/ids';
import type { Lane } from '../core/protocol';
import type { Hello, Welcome } from './handshake';
import { drawToken, PROTOCOL_VERSION } from './handshake';
import { dial } from './handshake_dial';
import type { PeerAddress, PeerLimits } from './peer_options';
import { PeerSender, type SendResult } from './peer_sender';

/** What all lanes of a transport share. */
export interface LaneContext {
  readonly self: NodeId;
  readonly cluster: string;
  readonly secret: string | undefined;
  readonly storage: number;
  readonly instance: string;
  readonly limits: PeerLimits;
  readonly random: () => number;
  /**
   * The number of the next attempt. All lanes of a process share the count: a peer that is forgotten
   * and made known again is dialled with higher numbers than before, as those who listen expect.
   */
  readonly nextEpoch: () => number;
}

export interface LaneEvents {
  /** A connection passed the handshake. */
  opened(welcome: Welcome): void;
  /** That connection was lost. */
  lost(reason: string): void;
  /** An attempt failed. */
  failed(reason: string): void;
}

type LaneState =
  | { readonly kind: 'waiting'; readonly timer: NodeJS.Timeout }
  | { readonly kind: 'dialling'; readonly cancel: () => void }
  | { readonly kind: 'open'; readonly sender: PeerSender; readonly welcome: Welcome }
  | { readonly kind: 'stopped' };

export class PeerLane {
  private state: LaneState = { kind: 'stopped' };
  /** Failures in a row, including connections that were lost before the first tick. */
  private failures = 0;
  /** How many connections passed the handshake. */
  connections = 0;

  constructor(
    readonly lane: Lane,
    private readonly peer: PeerAddress,
    private readonly context: LaneContext,
    private readonly events: LaneEvents,
  ) {}

  /** The welcome of the open connection, or undefined when there is none. */
  get welcome(): Welcome | undefined {
    return this.state.kind === 'open' ? this.state.welcome : undefined;
  }

  get queuedBytes(): number {
    return this.state.kind === 'open' ? this.state.sender.queuedBytes : 0;
  }

  start(): void {
    if (this.state.kind === 'stopped') this.dial();
  }

  /** The peer is known to be there: an attempt that waits is made now. */
  hurry(): void {
    if (this.state.kind !== 'waiting') return;
    clearTimeout(this.state.timer);
    this.dial();
  }

  /** Gives up the open connection and makes a new one, without a word to `lost`. */
  restart(): void {
    if (this.state.kind !== 'open') return;
    this.state.sender.destroy();
    this.dial();
  }

  send(encode: () => readonly Uint8Array[]): SendResult | 'not_connected' {
    return this.state.kind === 'open' ? this.state.sender.send(encode()) : 'not_connected';
  }

  flush(): void {
    if (this.state.kind === 'open') this.state.sender.flush();
  }

  tick(): void {
    if (this.state.kind !== 'open') return;
    this.failures = 0;
    this.state.sender.tick();
  }

  /** Lets queued bytes leave, then ends everything. No event follows. */
  async stop(): Promise<void> {
    const state = this.state;
    this.state = { kind: 'stopped' };
    if (state.kind === 'waiting') clearTimeout(state.timer);
    else if (state.kind === 'dialling') state.cancel();
    else if (state.kind === 'open') await state.sender.end();
  }

  private dial(): void {
    const { secret, limits } = this.context;
    const { connectTimeoutMs, handshakeTimeoutMs } = limits;
    const order = { address: this.peer, hello: this.hello(), secret };
    const cancel = dial({ ...order, connectTimeoutMs, handshakeTimeoutMs }, (outcome) => {
      if (!outcome.ok) {
        const { maxRedialMs, maxRefusedRedialMs } = limits;
        this.wait(outcome.refused ? maxRefusedRedialMs : maxRedialMs);
        this.events.failed(outcome.reason);
        return;
      }
      const { maxFrameBytes, maxControlQueueBytes, maxBulkQueueBytes } = limits;
      const maxQueueBytes = this.lane === 'control' ? maxControlQueueBytes : maxBulkQueueBytes;
      const bounds = { maxFrameBytes, maxQueueBytes };
      const sender = new PeerSender(outcome.socket, outcome.seed, bounds, (reason) => {
        this.wait(limits.maxRedialMs);
        this.events.lost(reason);
      });
      this.connections++;
      this.state = { kind: 'open', sender, welcome: outcome.welcome };
      this.events.opened(outcome.welcome);
    });
    this.state = { kind: 'dialling', cancel };
  }

  private hello(): Hello {
    const { self, cluster, storage, instance } = this.context;
    const names = { version: PROTOCOL_VERSION, cluster, from: self, to: this.peer.id };
    const epoch = this.context.nextEpoch();
    return { ...names, lane: this.lane, instance, epoch, storage, nonce: drawToken() };
  }

  /** Dials again later: exponential back-off, of which half is jitter. */
  private wait(atMostMs: number): void {
    const { minRedialMs } = this.context.limits;
    const longest = Math.min(atMostMs, minRedialMs * 2 ** Math.min(this.failures, 20));
    this.failures++;
    const delay = longest / 2 + (longest / 2) * this.context.random();
    this.state = { kind: 'waiting', timer: setTimeout(() => this.dial(), delay) };
  }
}
