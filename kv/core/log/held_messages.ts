/**
 * Messages beyond a gap: held back until the gap is filled, and never shown before. Those of the master
 * are in memory only, because they were not acknowledged and come again; those from outside are in
 * the journal, because they were. The caller keeps them within the bounds (`hasRoomFor`).
 */

import type { JournalSequence } from '../ids';
import { type Entry, sizeOf } from './entry';

export interface HeldMessage {
  readonly entry: Entry;
  /** The journal's record of a message from outside; undefined for one of the master. */
  readonly sequence: JournalSequence | undefined;
}

export class HeldMessages {
  private readonly byOrder = new Map<number, HeldMessage>();
  private readonly orders = new Map<string, number>();
  private heldBytes = 0;

  constructor(
    private readonly maxMessages: number,
    private readonly maxBytes: number,
  ) {}

  get size(): number {
    return this.byOrder.size;
  }
  get bytes(): number {
    return this.heldBytes;
  }
  get all(): Iterable<HeldMessage> {
    return this.byOrder.values();
  }

  hasRoomFor(entry: Entry): boolean {
    return this.size < this.maxMessages && this.heldBytes + sizeOf(entry) <= this.maxBytes;
  }

  at(order: number): HeldMessage | undefined {
    return this.byOrder.get(order);
  }

  orderOf(id: string): number | undefined {
    return this.orders.get(id);
  }

  /** In the place of what was held of this order, if anything was. */
  put(held: HeldMessage): void {
    this.remove(held.entry.order);
    this.byOrder.set(held.entry.order, held);
    this.orders.set(held.entry.id, held.entry.order);
    this.heldBytes += sizeOf(held.entry);
  }

  remove(order: number): void {
    const held = this.byOrder.get(order);
    if (held === undefined) return;
    this.byOrder.delete(order);
    this.orders.delete(held.entry.id);
    this.heldBytes -= sizeOf(held.entry);
  }

  clear(): void {
    this.byOrder.clear();
    this.orders.clear();
    this.heldBytes = 0;
  }
}
