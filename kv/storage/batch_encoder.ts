/**
 * Turns waiting records into the parts of one write.
 *
 * Small payloads are copied behind their headers into one buffer that is used again for every
 * batch; large ones are handed to the disk where they lie. So a batch of a thousand small records
 * costs one system call and no allocation that grows with them.
 */

import type { JournalRecord } from '../core/protocol';
import { putChecksum, putHeader, RECORD_HEADER_BYTES } from './record_format';

/** Payloads from this size on are not copied. */
const BY_REFERENCE_BYTES = 32 * 1024;
const STAGING_BYTES = 1024 * 1024;
/** The number of parts that every system takes in one call. */
const MAX_PARTS = 512;

const NOTHING = new Uint8Array(0);

/** Where a batch goes. */
export interface BatchTarget {
  /** The seed of the segment. */
  readonly seed: number;
  readonly offset: number;
  /** How many bytes it may take, unless its first record alone takes more and `mayExceed`. */
  readonly room: number;
  readonly mayExceed: boolean;
  /** The number of its first record. */
  readonly sequence: number;
  readonly durable: number;
}

export class BatchEncoder {
  /** What the last call of `encode` made; valid until the next. */
  parts: Uint8Array[] = [];
  bytes = 0;

  private readonly staging = Buffer.allocUnsafeSlow(STAGING_BYTES);
  private used = 0;
  /** Where in the staging buffer the part begins that is not yet in `parts`. */
  private open = 0;

  /** Encodes as many of `records` from `from` on as fit; returns how many. */
  encode(records: readonly JournalRecord[], from: number, target: BatchTarget): number {
    this.parts = [];
    this.bytes = this.used = this.open = 0;
    let count = 0;
    for (; from + count < records.length; count++) {
      const record = records[from + count] as JournalRecord;
      const exempt = target.mayExceed && count === 0;
      if (!exempt && !this.fits(record, target.room)) break;
      this.add(record.type, record.payload, target, target.sequence + count);
    }
    this.closePart();
    return count;
  }

  /** Encodes one record without payload, whether there is room or not. */
  encodeEmpty(type: number, target: BatchTarget): void {
    this.encode([{ type, payload: NOTHING }], 0, { ...target, mayExceed: true });
  }

  private fits({ payload }: JournalRecord, room: number): boolean {
    const size = RECORD_HEADER_BYTES + payload.length;
    const copied = payload.length < BY_REFERENCE_BYTES ? size : RECORD_HEADER_BYTES;
    return (
      this.bytes + size <= room &&
      this.used + copied <= STAGING_BYTES &&
      this.parts.length + 2 < MAX_PARTS
    );
  }

  private add(type: number, payload: Uint8Array, target: BatchTarget, sequence: number): void {
    const at = this.used;
    const offset = target.offset + this.bytes;
    putHeader(this.staging, at, type, payload.length, sequence, target.durable);
    this.used += RECORD_HEADER_BYTES;
    if (payload.length < BY_REFERENCE_BYTES) {
      this.staging.set(payload, this.used);
      this.used += payload.length;
      putChecksum(this.staging, at, target.seed, offset);
    } else {
      putChecksum(this.staging, at, target.seed, offset, payload);
      this.closePart();
      this.parts.push(payload);
    }
    this.bytes += RECORD_HEADER_BYTES + payload.length;
  }

  private closePart(): void {
    if (this.used > this.open) this.parts.push(this.staging.subarray(this.open, this.used));
    this.open = this.used;
  }
}
