/**
 * One connection of HTTP/2 that many clients share, each with one call under way, as etcd's own
 * client does it. What the clients ask in one turn goes out in one write.
 */

import type { Operation } from '../workload';
import {
  type Call,
  CallHeaders,
  CONNECTION_WINDOW,
  callOf,
  FIRST_WINDOW,
  FLAG,
  FRAME,
  FRAME_HEAD_BYTES,
  frame,
  opening,
  SETTING,
  windowUpdate,
  writeFrameHead,
} from './grpc_frames';
import { type FrameListener, GrpcInput } from './grpc_input';
import { HOST, LoadSocket } from './load_socket';
import type { Run } from './run';
import { writeKeyDigits } from './talk_bytes';

const NO_BYTES = Buffer.alloc(0);
/** Every server takes frames of this size. */
const MAX_FRAME = 16_384;

/** A message that the windows did not let out whole. */
interface Waiting {
  readonly stream: number;
  readonly message: Buffer;
  sent: number;
  window: number;
}

export class GrpcConnection implements FrameListener {
  private readonly input = new GrpcInput(this);
  private readonly headers: CallHeaders;
  private readonly callers = new Map<number, GrpcClient>();
  private readonly calls: Partial<Record<Operation, Call>> = {};
  private readonly waiting: Waiting[] = [];
  /** What goes out at the end of this turn. */
  private output = Buffer.allocUnsafe(1 << 16);
  private outputSize = 0;
  private isFlushing = false;
  private readonly socket: LoadSocket;
  private lastStream = -1;
  private streamWindow = FIRST_WINDOW;
  private window = FIRST_WINDOW;
  private taken = 0;
  private opened: () => void = () => undefined;

  constructor(
    run: Run,
    private readonly port: number,
    private readonly valueBytes: number,
  ) {
    this.socket = new LoadSocket(run, (bytes, size) => this.input.take(bytes, size));
    this.headers = new CallHeaders(`${HOST}:${port}`);
  }

  /** Resolves when the server has sent its settings. */
  connect(): Promise<void> {
    return this.socket.open(this.port, (ready) => {
      this.opened = ready;
      this.socket.write(opening());
    });
  }

  close(): Promise<void> {
    return this.socket.close();
  }

  call(client: GrpcClient, operation: Operation, key: number): void {
    this.calls[operation] ??= callOf(operation, this.valueBytes);
    const { path, message, keyAt } = this.calls[operation];
    this.lastStream += 2;
    const stream = this.lastStream;
    this.callers.set(stream, client);
    const block = this.headers.blockOf(path);
    writeKeyDigits(message, keyAt, key);
    this.put(FRAME.headers, FLAG.endHeaders, stream, block, 0, block.length);
    const { length } = message;
    if (
      this.waiting.length === 0 &&
      length <= MAX_FRAME &&
      length <= this.room(this.streamWindow)
    ) {
      this.window -= length;
      this.put(FRAME.data, FLAG.endStream, stream, message, 0, length);
    } else {
      const copy = Buffer.from(message);
      this.waiting.push({ stream, message: copy, sent: 0, window: this.streamWindow });
      this.sendWaiting();
    }
  }

  onData(stream: number, bytes: number): void {
    this.callers.get(stream)?.receive(bytes);
    this.taken += bytes;
    if (this.taken < CONNECTION_WINDOW / 2) return;
    this.append(windowUpdate(this.taken));
    this.taken = 0;
  }

  onEnd(stream: number, text: string): void {
    const client = this.callers.get(stream);
    this.callers.delete(stream);
    client?.finish(text);
  }

  onSettings(settings: ReadonlyMap<number, number>): void {
    const streamWindow = settings.get(SETTING.streamWindow) ?? this.streamWindow;
    // A new size holds for the streams that are open too.
    for (const one of this.waiting) one.window += streamWindow - this.streamWindow;
    this.streamWindow = streamWindow;
    this.append(frame(FRAME.settings, FLAG.acknowledge, 0, NO_BYTES));
    this.opened();
    this.sendWaiting();
  }

  onPing(payload: Buffer): void {
    this.append(frame(FRAME.ping, FLAG.acknowledge, 0, payload));
  }

  onWindow(stream: number, bytes: number): void {
    if (stream === 0) this.window += bytes;
    const waiting = this.waiting.find((one) => one.stream === stream);
    if (waiting !== undefined) waiting.window += bytes;
    this.sendWaiting();
  }

  onBroken(why: string): void {
    this.socket.destroy(new Error(why));
  }

  /** How much may be sent on a stream with this window. */
  private room(streamWindow: number): number {
    return Math.min(streamWindow, this.window);
  }

  /** Streams have windows of their own, so one that cannot go on does not stop those behind it. */
  private sendWaiting(): void {
    for (let i = 0; i < this.waiting.length && this.window > 0; ) {
      const one = this.waiting[i] as Waiting;
      this.sendPieces(one);
      if (one.sent === one.message.length) this.waiting.splice(i, 1);
      else i += 1;
    }
  }

  private sendPieces(one: Waiting): void {
    const { stream, message } = one;
    while (one.sent < message.length) {
      const size = Math.min(message.length - one.sent, MAX_FRAME, this.room(one.window));
      if (size <= 0) return;
      const end = one.sent + size;
      const flags = end === message.length ? FLAG.endStream : 0;
      this.put(FRAME.data, flags, stream, message, one.sent, end);
      one.sent = end;
      one.window -= size;
      this.window -= size;
    }
  }

  private put(
    type: number,
    flags: number,
    stream: number,
    bytes: Buffer,
    from: number,
    to: number,
  ): void {
    const size = to - from;
    this.makeRoom(FRAME_HEAD_BYTES + size);
    writeFrameHead(this.output, this.outputSize, size, type, flags, stream);
    bytes.copy(this.output, this.outputSize + FRAME_HEAD_BYTES, from, to);
    this.outputSize += FRAME_HEAD_BYTES + size;
  }

  private append(bytes: Buffer): void {
    this.makeRoom(bytes.length);
    bytes.copy(this.output, this.outputSize);
    this.outputSize += bytes.length;
  }

  private makeRoom(bytes: number): void {
    if (!this.isFlushing) {
      this.isFlushing = true;
      process.nextTick(() => this.flush());
    }
    const wanted = this.outputSize + bytes;
    if (wanted <= this.output.length) return;
    const larger = Buffer.allocUnsafe(2 * wanted);
    this.output.copy(larger, 0, 0, this.outputSize);
    this.output = larger;
  }

  private flush(): void {
    this.isFlushing = false;
    const bytes = Buffer.from(this.output.subarray(0, this.outputSize));
    this.outputSize = 0;
    this.socket.write(bytes);
  }
}

/** One client of a shared connection. */
export class GrpcClient {
  private sentAt = 0;
  private received = 0;
  private least = 0;

  constructor(
    private readonly run: Run,
    private readonly connection: GrpcConnection,
    private readonly valueBytes: number,
  ) {}

  start(now: number): void {
    const n = this.run.next(now);
    if (n < 0) return;
    const operation = this.run.operationOf(n);
    this.sentAt = now;
    this.received = 0;
    this.least = operation === 'put' ? 1 : this.valueBytes;
    this.connection.call(this, operation, this.run.keyOf(n));
  }

  receive(bytes: number): void {
    this.received += bytes;
  }

  /** A call that has failed has no message, and one that found nothing has a short one. */
  finish(text: string): void {
    const now = performance.now();
    const isFine = this.received >= this.least;
    this.run.done(now - this.sentAt, isFine ? undefined : `no value, but: ${text}`);
    this.start(now);
  }
}
