/**
 * The log of one node in memory: a run of messages without a gap, from the oldest that is kept, and
 * the order of every id. What is here need not be durable yet; `durableEnd` says how far that goes.
 */

import { invariant } from '../assert';
import type { JournalSequence } from '../ids';
import { type Entry, sizeOf } from './entry';
import type { Base, LogName } from './log_name';

/** An entry in its place. */
export interface Kept extends Entry {
  /** The journal's record of it. */
  readonly sequence: JournalSequence;
  /** The size of all that came before it, in this life of the node. */
  readonly position: number;
}

/** So many dropped entries are moved out of the list at once. */
const LEAST_TO_COMPACT = 1024;

export class MessageLog {
  private entries: Kept[] = [];
  /** Entries at the beginning of the list that were dropped already. */
  private dropped = 0;
  private firstOrder: number;
  /** The order of each id, of kept messages and of the last dropped ones; oldest first. */
  private readonly ids = new Map<string, number>();
  private nextPosition = 0;
  /** Below this order everything is durable here: this is what anybody is shown. */
  durableEnd: number;

  /** The journal's record that says its name. */
  private namedBy: JournalSequence;

  /** `begun`: the journal's record by which this log began, empty. */
  constructor(
    private ownName: LogName | undefined,
    first: number,
    readonly begun: JournalSequence,
    /** The log that this one continues. */
    readonly base: Base | undefined = undefined,
  ) {
    this.firstOrder = first;
    this.durableEnd = first;
    this.namedBy = begun;
  }

  get name(): LogName | undefined {
    return this.ownName;
  }

  /** What is held gets the name of the log of which it is a beginning. */
  setName(name: LogName, namedBy: JournalSequence): void {
    this.ownName = name;
    this.namedBy = namedBy;
  }

  /** Whether the disk knows which log this is: before that nobody is told anything of it. */
  isNameDurable(durable: JournalSequence): boolean {
    return durable >= this.namedBy;
  }

  /** Whether all that it has taken over is here for certain. */
  get isWhole(): boolean {
    return this.base === undefined || this.durableEnd >= this.base.end;
  }

  /** The oldest order that is kept. */
  get first(): number {
    return this.firstOrder;
  }
  /** The order that comes next. */
  get end(): number {
    return this.firstOrder + this.size;
  }
  get size(): number {
    return this.entries.length - this.dropped;
  }
  get bytes(): number {
    return this.bytesBetween(this.first, this.end);
  }
  /** The size of all that has ever been durable, in this life of the node. */
  get durablePosition(): number {
    return this.positionOf(this.durableEnd);
  }
  get droppedIds(): number {
    return this.ids.size - this.size;
  }

  at(order: number): Kept {
    const entry = this.entries[this.dropped + order - this.firstOrder];
    invariant(entry !== undefined, 'L1: every order of the log has a message', {
      ...{ order, first: this.first, end: this.end },
    });
    return entry;
  }

  /** The order of an id, also of a dropped message that is remembered. */
  orderOf(id: string): number | undefined {
    return this.ids.get(id);
  }

  /** What the messages from one order up to another take. */
  bytesBetween(from: number, to: number): number {
    return this.positionOf(to) - this.positionOf(from);
  }

  push(entry: Entry, sequence: JournalSequence): void {
    const { order, id, encoded, bodyAt } = entry;
    invariant(order === this.end, 'L1: orders follow one another', { order, end: this.end });
    const known = this.ids.get(id);
    invariant(known === undefined || known < this.first, 'L2: an id names one message', {
      ...{ id, order, known },
    });
    // Of an id that comes again after its message was dropped, the later place counts.
    if (known !== undefined) this.ids.delete(id);
    this.ids.set(id, order);
    this.entries.push({ order, id, encoded, bodyAt, sequence, position: this.nextPosition });
    this.nextPosition += sizeOf(entry);
  }

  /** Advances `durableEnd` as far as the disk has got. */
  noteDurable(durable: JournalSequence): void {
    while (this.durableEnd < this.end && this.at(this.durableEnd).sequence <= durable) {
      this.durableEnd++;
    }
  }

  /** Drops messages; their ids stay, but for all beyond the newest `keepIds` of them. */
  dropBefore(order: number, keepIds: number): void {
    invariant(order >= this.first && order <= this.durableEnd, 'L3: what is dropped is durable', {
      ...{ order, first: this.first, durableEnd: this.durableEnd },
    });
    this.dropped += order - this.firstOrder;
    this.firstOrder = order;
    if (this.dropped >= LEAST_TO_COMPACT && this.dropped * 2 >= this.entries.length) {
      this.entries.splice(0, this.dropped);
      this.dropped = 0;
    }
    this.forgetIds(keepIds);
  }

  /** Ids of messages that are no longer here, oldest first. */
  *idsDropped(): Iterable<readonly [id: string, order: number]> {
    let left = this.droppedIds;
    for (const pair of this.ids) {
      if (left-- <= 0) return;
      yield pair;
    }
  }

  /** Puts a remembered id of a dropped message back, at recovery. */
  rememberDropped(id: string, order: number): void {
    invariant(order < this.first && this.size === 0, 'a remembered id is of before the log', {
      ...{ id, order, first: this.first },
    });
    this.ids.set(id, order);
  }

  private forgetIds(keepIds: number): void {
    for (const id of this.ids.keys()) {
      if (this.droppedIds <= keepIds) return;
      this.ids.delete(id);
    }
  }

  private positionOf(order: number): number {
    return order === this.end ? this.nextPosition : this.at(order).position;
  }
}
