/**
 * What goes wrong with the writes and flushes of a process while it runs: errors, a disk without
 * room, a write that lands elsewhere. Nothing here outlives the process.
 */

import type { Prng } from '../core/prng';
import type { DiskFault } from '../sim/disk';
import type { SimulatedFile } from './simulated_file';

/** An error as the system reports it. */
export class SystemError extends Error {
  constructor(readonly code: string) {
    super(`${code}: simulated`);
  }
}

/** Durable bytes of a file whose harm will be noticed (see `noticed_bytes.ts`). */
export interface NoticedBytes {
  readonly file: SimulatedFile;
  readonly from: number;
  readonly to: number;
}

/** Where a write to this file may land instead. */
export type Landings = (file: SimulatedFile) => readonly NoticedBytes[];

/** A disk that runs full has room for so many more bytes at most. */
const MAX_ROOM_BYTES = 200;

export class DiskFaults {
  private next = new Set<DiskFault>();
  private room = Number.POSITIVE_INFINITY;

  constructor(
    private readonly random: Prng,
    private readonly landings: Landings,
  ) {}

  arm(fault: DiskFault): void {
    if (fault === 'full') this.room = this.random.between(0, MAX_ROOM_BYTES);
    else this.next.add(fault);
  }

  /** Forgets what has not come to pass. */
  disarm(): void {
    this.next.clear();
    this.room = Number.POSITIVE_INFINITY;
  }

  /** Writes, or what the disk makes of it; says how many bytes it claims to have taken. */
  write(file: SimulatedFile, bytes: Uint8Array, position: number): number {
    if (this.next.delete('failed_write')) {
      file.write(this.beginningOf(bytes), position);
      throw new SystemError('EIO');
    }
    if (this.next.has('misdirected_write') && this.misdirect(file, bytes)) return bytes.length;
    const taken = Math.min(bytes.length, this.room);
    if (taken === 0 && bytes.length > 0 && this.random.chance(1, 2))
      throw new SystemError('ENOSPC');
    file.write(bytes.subarray(0, taken), position);
    this.room -= taken;
    return taken;
  }

  /** Writes to a file of which every write is flushed before it is reported. */
  writeDurably(file: SimulatedFile, bytes: Uint8Array, position: number): number {
    const before = file.lastWrite;
    const taken = this.write(file, bytes, position);
    // A write that landed elsewhere, or that took nothing, has left nothing here to be flushed.
    if (file.lastWrite === before) return taken;
    if (this.next.delete('failed_flush')) {
      file.failFlush(file.lastWrite, this.random);
      throw new SystemError('EIO');
    }
    file.flushLastWrite();
    return taken;
  }

  flush(file: SimulatedFile, through: number): void {
    if (this.next.delete('failed_flush')) {
      file.failFlush(through, this.random);
      throw new SystemError('EIO');
    }
    file.flush(through);
  }

  /** What a write may have come to when the process died in the middle of it. */
  beginningOf(bytes: Uint8Array): Uint8Array {
    return bytes.subarray(0, this.random.between(0, bytes.length));
  }

  /** Puts the bytes, as many as there is space for, over others; false where that changes none. */
  private misdirect(file: SimulatedFile, bytes: Uint8Array): boolean {
    const places = this.landings(file);
    if (places.length === 0) return false;
    const { file: victim, from, to } = this.random.pick(places);
    const length = Math.min(bytes.length, to - from);
    const at = this.random.between(from, to - length);
    const landed = bytes.subarray(0, length);
    if (victim.durable.subarray(at, at + length).equals(landed)) return false;
    victim.damage(landed, at);
    this.next.delete('misdirected_write');
    return true;
  }
}
