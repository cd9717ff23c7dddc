/**
 * Snapshots as streams of bytes that may be cut anywhere.
 *
 * The writing half glues parts together and cuts the stream into slices of the size asked for, so
 * a long value is spread over several slices. The reading half undoes the cuts: it gives back
 * whole records, each with its length in front.
 */

import { invariant } from '../assert';
import { ByteWriter, DecodeError } from '../bytes';
import type { ByteString } from '../command';
import type { SnapshotCursor } from './state_machine';

/** Bytes, in either of the two forms that this project has for them. */
export type Part = Uint8Array | ByteString;

/** The length in front of a record, as a byte string. */
export function recordLength(length: number): ByteString {
  return String.fromCharCode(
    length & 0xff,
    (length >>> 8) & 0xff,
    (length >>> 16) & 0xff,
    length >>> 24,
  );
}

/** Cuts a stream of parts into slices of exactly the size asked for; only the last is shorter. */
export class PartsCursor implements SnapshotCursor {
  private part: Part = '';
  private at = 0;
  private ended = false;

  /** `onEnd` is called once, when the parts have run out or the cursor is released. */
  constructor(
    private readonly parts: Iterator<Part, void>,
    private readonly onEnd: () => void = () => undefined,
  ) {}

  next(bytes: number): Uint8Array | undefined {
    invariant(bytes >= 1, 'a slice must have a size', { bytes });
    if (this.ended) return undefined;
    const slice = new ByteWriter(bytes);
    while (slice.length < bytes && this.hasPart()) {
      const end = Math.min(this.part.length, this.at + bytes - slice.length);
      if (typeof this.part === 'string') slice.latin1(this.part.slice(this.at, end));
      else slice.raw(this.part.subarray(this.at, end));
      this.at = end;
    }
    return slice.length === 0 ? undefined : slice.finish();
  }

  release(): void {
    if (this.ended) return;
    this.ended = true;
    this.part = '';
    this.onEnd();
  }

  private hasPart(): boolean {
    while (this.at === this.part.length) {
      const next = this.parts.next();
      if (next.done === true) {
        this.release();
        return false;
      }
      this.part = next.value;
      this.at = 0;
    }
    return true;
  }
}

/** Gathers slices and gives back the records in them. Its work is linear however they are cut. */
export class RecordQueue {
  private buffer = new Uint8Array(0);
  private start = 0;
  private end = 0;

  /** A record that claims more bytes than this is refused. */
  constructor(private readonly maxBytes: number) {}

  /** How many bytes have come and were not given back. */
  get left(): number {
    return this.end - this.start;
  }

  push(slice: Uint8Array): void {
    if (this.end + slice.length > this.buffer.length) this.makeRoom(slice.length);
    this.buffer.set(slice, this.end);
    this.end += slice.length;
  }

  /** The next record, or undefined until it is whole. It is valid until the next `push`. */
  next(): Uint8Array | undefined {
    if (this.left < 4) return undefined;
    const at = this.start + 4;
    const whole = lengthAt(this.buffer, this.start);
    if (whole > this.maxBytes) throw new DecodeError(`a record of ${whole} bytes is too large`);
    if (this.left < 4 + whole) return undefined;
    this.start = at + whole;
    return this.buffer.subarray(at, this.start);
  }

  /** Everything that is left. It is valid until the next `push`. */
  rest(): Uint8Array {
    const rest = this.buffer.subarray(this.start, this.end);
    this.start = this.end;
    return rest;
  }

  /** Moves what is left to the front of a buffer that has at least as much room again. */
  private makeRoom(more: number): void {
    const { left } = this;
    const needed = 2 * left + more;
    const target = needed <= this.buffer.length ? this.buffer : new Uint8Array(needed);
    target.set(this.buffer.subarray(this.start, this.end));
    this.buffer = target;
    this.start = 0;
    this.end = left;
  }
}

const lengthAt = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)) >>>
  0;
