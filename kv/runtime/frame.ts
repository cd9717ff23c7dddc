/**
 * Frames: how a stream of bytes between two nodes falls into messages.
 *
 *     u32 length of the body | u32 CRC32 of the body | body        (little-endian)
 *
 * The checksum starts from a seed that both ends derive from their handshake, so a frame verifies
 * only on the connection that it was made for: bytes of another cluster, of another connection or
 * of no cluster at all are noticed at once, at no cost in length. An empty body is a probe (see
 * `peer_sender.ts`); eight zero bytes are not a valid one, because seeds are never 0.
 *
 * The parser does not copy: a body that lies within one chunk is a view of that chunk, and a body
 * that spans chunks gets one allocation of its own. A message that keeps a view alive keeps its
 * whole chunk alive, which is at most the 64 KiB that the runtime reads at once.
 */

import { crc32 } from 'node:zlib';

/** The stream is not what a peer of this version would send: the connection must end. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
}

export const HEADER_BYTES = 8;

/** The seed of the checksums of one connection, from what its two ends agreed on. */
export function frameSeed(agreed: string): number {
  return crc32(agreed) || 1;
}

/** Writes the header of a frame into `target` at `at`. */
export function putHeader(target: Uint8Array, at: number, length: number, checksum: number): void {
  putU32(target, at, length);
  putU32(target, at + 4, checksum);
}

export class FrameParser {
  private readonly header = new Uint8Array(HEADER_BYTES);
  private headerFilled = 0;
  private body: Uint8Array | undefined;
  private bodyFilled = 0;
  private checksum = 0;
  private stopped = false;

  constructor(
    private readonly seed: number,
    private readonly maxBodyBytes: number,
    private readonly onFrame: (body: Uint8Array) => void,
  ) {}

  /** Whether the bytes so far end within a frame. */
  get insideFrame(): boolean {
    return this.headerFilled > 0 || this.body !== undefined;
  }

  /** No frame is given out any more, not even one of the chunk that is being parsed. */
  stop(): void {
    this.stopped = true;
  }

  /** Takes the next bytes, which must not be changed afterwards; throws {@link FrameError}. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length && !this.stopped) {
      if (this.body !== undefined) at = this.continueBody(this.body, chunk, at);
      else if (this.headerFilled > 0 || chunk.length - at < HEADER_BYTES) {
        at = this.continueHeader(chunk, at);
      } else at = this.beginBody(chunk, at + HEADER_BYTES, chunk, at);
    }
  }

  private continueHeader(chunk: Uint8Array, start: number): number {
    let at = start;
    while (this.headerFilled < HEADER_BYTES && at < chunk.length) {
      this.header[this.headerFilled++] = chunk[at++] as number;
    }
    if (this.headerFilled < HEADER_BYTES) return at;
    this.headerFilled = 0;
    return this.beginBody(chunk, at, this.header, 0);
  }

  /** The header lies in `header` at `headerAt`; the body begins in `chunk` at `at`. */
  private beginBody(chunk: Uint8Array, at: number, header: Uint8Array, headerAt: number): number {
    const length = u32(header, headerAt);
    this.checksum = u32(header, headerAt + 4);
    if (length > this.maxBodyBytes) {
      throw new FrameError(`a frame of ${length} bytes; at most ${this.maxBodyBytes} are allowed`);
    }
    const end = at + length;
    if (end <= chunk.length) {
      this.deliver(chunk.subarray(at, end));
      return end;
    }
    this.body = new Uint8Array(length);
    this.body.set(chunk.subarray(at));
    this.bodyFilled = chunk.length - at;
    return chunk.length;
  }

  private continueBody(body: Uint8Array, chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + body.length - this.bodyFilled);
    body.set(chunk.subarray(at, end), this.bodyFilled);
    this.bodyFilled += end - at;
    if (this.bodyFilled === body.length) {
      this.body = undefined;
      this.deliver(body);
    }
    return end;
  }

  private deliver(body: Uint8Array): void {
    if (crc32(body, this.seed) !== this.checksum) {
      throw new FrameError('the checksum of a frame is wrong');
    }
    this.onFrame(body);
  }
}

function putU32(target: Uint8Array, at: number, value: number): void {
  target[at] = value;
  target[at + 1] = value >>> 8;
  target[at + 2] = value >>> 16;
  target[at + 3] = value >>> 24;
}

function u32(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
  const high = (bytes[at + 2] as number) | ((bytes[at + 3] as number) << 8);
  return low + high * 0x10000;
}
