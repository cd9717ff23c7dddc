/** Takes apart what comes over a connection of HTTP/2, whatever pieces it comes in. */

import { FLAG, FRAME, FRAME_HEAD_BYTES } from './grpc_frames';

export interface FrameListener {
  /** A piece of a message; `bytes` of the window are used up. */
  onData(stream: number, bytes: number): void;
  /** The call is over; a call that failed had no message. */
  onEnd(stream: number, text: string): void;
  onSettings(settings: ReadonlyMap<number, number>): void;
  /** The payload must go back. It is valid only now. */
  onPing(payload: Buffer): void;
  onWindow(stream: number, bytes: number): void;
  /** The connection is of no more use. */
  onBroken(why: string): void;
}

const LONGEST_TEXT = 300;

export class GrpcInput {
  private carry: Buffer | undefined;

  constructor(private readonly listener: FrameListener) {}

  /** Takes the first `size` bytes of a buffer that is used again afterwards. */
  take(input: Buffer, size: number): void {
    const { carry } = this;
    const bytes = carry === undefined ? input : Buffer.concat([carry, input.subarray(0, size)]);
    const end = carry === undefined ? size : bytes.length;
    let at = 0;
    while (end - at >= FRAME_HEAD_BYTES) {
      const length = bytes.readUIntBE(at, 3);
      const next = at + FRAME_HEAD_BYTES + length;
      if (next > end) break;
      this.takeFrame(bytes, at, length);
      at = next;
    }
    this.carry = at === end ? undefined : Buffer.from(bytes.subarray(at, end));
  }

  private takeFrame(bytes: Buffer, head: number, length: number): void {
    const type = bytes[head + 3];
    const flags = bytes[head + 4] ?? 0;
    const stream = bytes.readUInt32BE(head + 5) & 0x7fff_ffff;
    const at = head + FRAME_HEAD_BYTES;
    const { listener } = this;
    switch (type) {
      case FRAME.data:
        listener.onData(stream, length);
        break;
      case FRAME.headers:
        // Headers of this size are never continued in another frame.
        if ((flags & FLAG.endHeaders) === 0) listener.onBroken('headers came in pieces');
        if ((flags & FLAG.endStream) !== 0) listener.onEnd(stream, textOf(bytes, at, length));
        break;
      case FRAME.reset:
        listener.onEnd(stream, `reset with code ${bytes.readUInt32BE(at)}`);
        break;
      case FRAME.settings:
        if ((flags & FLAG.acknowledge) === 0) listener.onSettings(settingsAt(bytes, at, length));
        break;
      case FRAME.ping:
        if ((flags & FLAG.acknowledge) === 0) listener.onPing(bytes.subarray(at, at + length));
        break;
      case FRAME.goAway:
        listener.onBroken(`the server ends the connection: ${textOf(bytes, at + 8, length - 8)}`);
        break;
      case FRAME.windowUpdate:
        listener.onWindow(stream, bytes.readUInt32BE(at) & 0x7fff_ffff);
        break;
    }
  }
}

/** What can be read of it; texts may be in Huffman's code. */
const textOf = (bytes: Buffer, at: number, length: number): string =>
  bytes.toString('latin1', at, at + Math.min(length, LONGEST_TEXT));

function settingsAt(bytes: Buffer, at: number, length: number): Map<number, number> {
  const settings = new Map<number, number>();
  for (let i = at; i < at + length; i += 6) {
    settings.set(bytes.readUInt16BE(i), bytes.readUInt32BE(i + 2));
  }
  return settings;
}
