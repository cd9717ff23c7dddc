/**
 * Who names new versions: the coordinator of a write gives it a dot that nobody ever gave before.
 *
 * A dot is this disk, an epoch, and a counter for the key. Counters are kept in memory only, and
 * only for so many keys; whenever they are forgotten (a restart, a full table) the next epoch
 * begins. Epochs come from blocks that are durable before the first dot of theirs is used, so a
 * counter that was not durable is never issued again, and a disk that was lost takes its dots with
 * it: another disk has another identity.
 */

import type { ByteString } from '../command';
import type { DynamoOptions } from './options';
import type { Dot } from './past';

/** Epochs that are reserved at a time. */
const BLOCK = 64;

export class Issuer {
  private readonly counters = new Map<ByteString, number>();
  private epoch: number;
  /** Epochs up to this one are reserved, and up to that one durably. */
  private reserved: number;
  private durable = 0;

  constructor(
    private readonly options: Pick<DynamoOptions, 'storage' | 'maxCounters'>,
    usedBefore: number,
  ) {
    this.epoch = usedBefore + 1;
    this.reserved = usedBefore;
  }

  /** Whether a dot can be issued now. */
  get isReady(): boolean {
    return this.epoch <= this.durable;
  }

  get reservedThrough(): number {
    return this.reserved;
  }

  /** Reserves more epochs where few are left: the record to be written, if one is due. */
  reserve(): number | undefined {
    if (this.epoch + BLOCK / 2 <= this.reserved) return undefined;
    this.reserved = this.epoch + BLOCK;
    return this.reserved;
  }

  /** A reservation is durable. */
  reservedDurably(through: number): void {
    this.durable = Math.max(this.durable, through);
  }

  /**
   * Whether dots of this disk up to this counter can have been issued: in a former life, or in this
   * one as far as is remembered.
   */
  canHaveIssued(key: ByteString, epoch: number, counter: number): boolean {
    return epoch < this.epoch || (epoch === this.epoch && counter <= (this.counters.get(key) ?? 0));
  }

  /** Only when ready. */
  issue(key: ByteString): Dot {
    const isFull = this.counters.size >= this.options.maxCounters && !this.counters.has(key);
    if (isFull && this.epoch < this.durable) {
      this.counters.clear();
      this.epoch++;
    }
    const counter = (this.counters.get(key) ?? 0) + 1;
    this.counters.set(key, counter);
    return { storage: this.options.storage, epoch: this.epoch, counter };
  }
}
