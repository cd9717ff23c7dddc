/**
 * The sending end of one connection: it frames messages, hands them to the socket in large writes
 * and notices when they no longer get anywhere.
 *
 * One write is in flight at a time, of a bounded size; what is sent meanwhile waits in the queue
 * and leaves with the next. So a write that completes is progress, also on a slow link.
 *
 * A kernel takes a good deal of bytes for a network that is dead, so completed writes do not show
 * that a peer is there. Therefore, while there is traffic, an empty frame (a probe) goes out every
 * now and then, and the peer answers each with one byte. An idle connection is silent; the
 * keep-alive of TCP looks after it.
 */

import type { Socket } from 'node:net';
import { invariant } from '../core/assert';
import { FrameQueue, PIECE_BYTES } from './frame_queue';

/** The answer to a probe, and the only byte that ever travels backwards. */
export const PROBE_ANSWER = 0x06;
/** How often `tick` is called within the time after which a connection counts as stalled. */
export const TICKS_PER_STALL = 5;

/** How long the end of the process may wait for a peer to take the last bytes. */
const END_TIMEOUT_MS = 500;

export interface SenderLimits {
  readonly maxFrameBytes: number;
  readonly maxQueueBytes: number;
}

/** The length of the body that was queued, or why it was not. */
export type SendResult = number | 'queue_full' | 'frame_too_large';

export class PeerSender {
  private readonly queue: FrameQueue;
  private writing = false;
  private closed = false;
  private sentSinceProbe = false;
  private probeOut = false;
  /** For how long the write in flight, and the answer to the probe, have been waited for. */
  private writeTicks = 0;
  private probeTicks = 0;

  /** `onClosed` is called once, unless {@link destroy} or {@link end} was called before. */
  constructor(
    private readonly socket: Socket,
    seed: number,
    private readonly limits: SenderLimits,
    private readonly onClosed: (reason: string) => void,
  ) {
    this.queue = new FrameQueue(seed);
    socket.on('data', (bytes) => this.receiveAnswer(bytes));
    socket.on('end', () => this.close('the peer closed it'));
    socket.on('error', (error) => this.close(error.message));
    socket.on('close', () => this.close('it was closed'));
  }

  /** The bytes that the socket has not taken yet. */
  get queuedBytes(): number {
    return this.queue.bytes + this.socket.writableLength;
  }

  /** Queues one message, given as the parts of its body. */
  send(parts: readonly Uint8Array[]): SendResult {
    let bytes = 0;
    for (const part of parts) bytes += part.length;
    invariant(bytes > 0, 'the encoding of a message must not be empty', {});
    if (bytes > this.limits.maxFrameBytes) return 'frame_too_large';
    if (this.queuedBytes + bytes > this.limits.maxQueueBytes) return 'queue_full';
    this.queue.push(parts, bytes);
    this.sentSinceProbe = true;
    return bytes;
  }

  /** Writes what is queued, unless a write is still under way: then it follows that one. */
  flush(): void {
    if (this.writing || this.closed || this.queue.bytes === 0) return;
    const pieces = this.queue.take(PIECE_BYTES);
    const last = pieces.length - 1;
    this.writing = true;
    this.socket.cork();
    for (let i = 0; i < last; i++) this.socket.write(pieces[i] as Uint8Array);
    this.socket.write(pieces[last] as Uint8Array, () => this.written());
    this.socket.uncork();
  }

  /**
   * Called at regular times. Ticks are counted rather than milliseconds, so that a process that
   * was stopped for a while does not take its own absence for the peer's.
   */
  tick(): void {
    if (this.closed) return;
    if (this.writing) this.writeTicks++;
    if (this.probeOut) this.probeTicks++;
    if (Math.max(this.writeTicks, this.probeTicks) > TICKS_PER_STALL) {
      this.close('it made no progress for too long');
      return;
    }
    // A probe never waits in the queue: there it would measure the queue and not the peer. While
    // the queue is busy, completed writes show as much, because what a kernel takes has an end.
    const idle = !this.writing && this.queue.bytes === 0;
    if (!idle || !this.sentSinceProbe || this.probeOut) return;
    this.sentSinceProbe = false;
    this.probeOut = true;
    this.queue.push([], 0);
    this.flush();
  }

  /** Ends the connection at once and without a word to `onClosed`. */
  destroy(): void {
    this.closed = true;
    this.socket.destroy();
  }

  /**
   * Lets the queued bytes leave and the peer close the connection, but does not wait long for it.
   * Says nothing to `onClosed`.
   */
  async end(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    for (const piece of this.queue.take(Number.POSITIVE_INFINITY)) this.socket.write(piece);
    this.socket.end();
    const timer = setTimeout(() => this.socket.destroy(), END_TIMEOUT_MS);
    await new Promise<void>((resolve) => this.socket.once('close', () => resolve()));
    clearTimeout(timer);
  }

  private written(): void {
    this.writing = false;
    this.writeTicks = 0;
    this.flush();
  }

  private receiveAnswer(bytes: Uint8Array): void {
    const expected = this.probeOut && bytes.length === 1 && bytes[0] === PROBE_ANSWER;
    if (!expected) this.close('the peer sent bytes that answer no probe');
    this.probeOut = false;
    this.probeTicks = 0;
  }

  private close(reason: string): void {
    this.socket.destroy();
    if (this.closed) return;
    this.closed = true;
    this.onClosed(reason);
  }
}
