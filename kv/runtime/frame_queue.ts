/**
 * Frames that wait to be written, as few large pieces rather than many small ones.
 *
 * Headers and small parts are copied into pages, because a system call per part (or a vector of
 * thousands of tiny parts) costs more than the copy; large parts, entries on their way from the
 * journal, are queued as they are. No piece is longer than `PIECE_BYTES`, so that whoever writes
 * them sees progress on a slow link and can tell it from a dead one.
 */

import { crc32 } from 'node:zlib';
import { HEADER_BYTES, putHeader } from './frame';

const PAGE_BYTES = 64 * 1024;
/** Parts below this are copied. */
const COPY_BELOW_BYTES = 4 * 1024;
export const PIECE_BYTES = 256 * 1024;

export class FrameQueue {
  /** Whole pieces, oldest first. */
  private pieces: Uint8Array[] = [];
  /** The page that is being filled; from `start` to `end` it holds bytes not yet in `pieces`. */
  private page = new Uint8Array(0);
  private start = 0;
  private end = 0;
  private waiting = 0;

  constructor(private readonly seed: number) {}

  /** How many bytes wait. */
  get bytes(): number {
    return this.waiting;
  }

  /** Adds one frame. The parts must not be changed afterwards. */
  push(parts: readonly Uint8Array[], bodyBytes: number): void {
    let checksum = this.seed;
    for (const part of parts) checksum = crc32(part, checksum);
    this.makeRoom(HEADER_BYTES);
    putHeader(this.page, this.end, bodyBytes, checksum);
    this.end += HEADER_BYTES;
    for (const part of parts) {
      if (part.length < COPY_BELOW_BYTES) this.copy(part);
      else this.refer(part);
    }
    this.waiting += HEADER_BYTES + bodyBytes;
  }

  /** Takes out the oldest pieces: `limit` bytes or, by less than one piece, more. */
  take(limit: number): Uint8Array[] {
    this.sealPage();
    let count = 0;
    let bytes = 0;
    while (count < this.pieces.length && bytes < limit) {
      bytes += (this.pieces[count++] as Uint8Array).length;
    }
    this.waiting -= bytes;
    return this.pieces.splice(0, count);
  }

  private copy(part: Uint8Array): void {
    this.makeRoom(part.length);
    this.page.set(part, this.end);
    this.end += part.length;
  }

  private refer(part: Uint8Array): void {
    this.sealPage();
    for (let at = 0; at < part.length; at += PIECE_BYTES) {
      this.pieces.push(part.subarray(at, Math.min(part.length, at + PIECE_BYTES)));
    }
  }

  private makeRoom(bytes: number): void {
    if (this.page.length - this.end >= bytes) return;
    this.sealPage();
    // A page is never used again once it is full, because the socket may still be reading it.
    this.page = Buffer.allocUnsafeSlow(PAGE_BYTES);
    this.start = 0;
    this.end = 0;
  }

  private sealPage(): void {
    if (this.end === this.start) return;
    this.pieces.push(this.page.subarray(this.start, this.end));
    this.start = this.end;
  }
}
