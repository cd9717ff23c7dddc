/**
 * The content of one simulated file, twice: what a read gives now, and what is safe on the disk.
 * The stretches in which the two may differ because nobody has flushed them yet are kept, so that
 * a flush costs what was written and a power cut can lose any part of it.
 */

import type { Prng } from '../core/prng';

/** Bytes that were written and not flushed. */
interface Stretch {
  readonly write: number;
  readonly from: number;
  readonly to: number;
}

/** How much of an unflushed stretch survives or not as one; in large ones more, to save time. */
const PIECE_BYTES = 16;
const LARGE_PIECE_BYTES = 1024;
const LARGE_BYTES = 4096;

export class SimulatedFile {
  live: Buffer = Buffer.alloc(0);
  durable: Buffer = Buffer.alloc(0);

  private unflushed: Stretch[] = [];
  private wasFlushed = false;
  /** The number of the last write. */
  private writes = 0;

  constructor(public path: string) {}

  truncate(): void {
    this.live = Buffer.alloc(0);
    this.unflushed = [];
  }

  read(into: Uint8Array, position: number): number {
    const bytes = this.live.subarray(position, position + into.length);
    into.set(bytes);
    return bytes.length;
  }

  write(bytes: Uint8Array, position: number): void {
    const to = position + bytes.length;
    if (to > this.live.length) this.live = resized(this.live, to);
    this.live.set(bytes, position);
    if (bytes.length > 0) this.unflushed.push({ write: ++this.writes, from: position, to });
  }

  /** What a flush that begins now is about: a name for everything written so far. */
  get lastWrite(): number {
    return this.writes;
  }

  /** A flush that began after this write has ended. */
  flush(through: number): void {
    this.makeDurable(this.takeUnflushed(through));
  }

  /** The last write has been flushed by itself; what was written before it may still be lost. */
  flushLastWrite(): void {
    const last = this.unflushed.pop();
    if (last !== undefined) this.makeDurable([last]);
  }

  /**
   * A flush failed. Systems differ in what they do with the bytes then: they stay to be flushed
   * again; they are thrown away; or they can be read as before although nothing will ever write
   * them, so that the next flush reports success and the next power cut takes them.
   */
  failFlush(through: number, random: Prng): void {
    const fate = random.pick(['kept', 'thrown_away', 'never_written'] as const);
    if (fate === 'kept') return;
    for (const { from, to } of this.takeUnflushed(through)) {
      if (fate === 'never_written') continue;
      this.live.fill(0, from, to);
      this.live.set(this.durable.subarray(from, to), from);
    }
  }

  /**
   * The power went and came back. A file that was never flushed may be empty. Otherwise it has its
   * new length or its old one or one in between; each piece of what was not flushed has arrived or
   * has not, and where it has not, the older bytes are there, or zeros.
   */
  losePower(random: Prng): void {
    this.durable = this.survivor(random);
    this.live = Buffer.from(this.durable);
    this.unflushed = [];
    this.wasFlushed = true;
  }

  /** Other bytes than were written are on the disk from here on: nobody was told. */
  damage(bytes: Uint8Array, position: number): void {
    this.live.set(bytes, position);
    this.durable.set(bytes, position);
  }

  private makeDurable(stretches: readonly Stretch[]): void {
    if (this.durable.length !== this.live.length) {
      this.durable = resized(this.durable, this.live.length);
    }
    for (const { from, to } of stretches) this.live.copy(this.durable, from, from, to);
    this.wasFlushed = true;
  }

  private takeUnflushed(through: number): Stretch[] {
    const { unflushed } = this;
    const count = unflushed.findIndex(({ write }) => write > through);
    return unflushed.splice(0, count < 0 ? unflushed.length : count);
  }

  private survivor(random: Prng): Buffer {
    if (!this.wasFlushed && random.chance(1, 2)) return Buffer.alloc(0);
    const { live, durable, unflushed } = this;
    if (unflushed.length === 0 && live.length === durable.length) return durable;
    const low = Math.min(live.length, durable.length);
    const between = random.between(low, Math.max(live.length, durable.length));
    const bytes = Buffer.alloc(random.pick([live.length, live.length, durable.length, between]));
    durable.copy(bytes);
    // Often all is lost or all has arrived: the extremes matter most.
    const kept = random.pick([0, 1, 2, 3, 4, 4]);
    for (const { from, to } of unflushed) {
      const piece = to - from > LARGE_BYTES ? LARGE_PIECE_BYTES : PIECE_BYTES;
      for (let at = from; at < to; at += piece) {
        if (random.chance(kept, 4)) live.copy(bytes, at, at, Math.min(to, at + piece));
      }
    }
    return bytes;
  }
}

function resized(bytes: Buffer, length: number): Buffer {
  const other = Buffer.alloc(length);
  bytes.copy(other);
  return other;
}
