/**
 * A core's side of its node's journal: what has been handed over, and what waits until it is durable.
 * What the records say belongs to the protocol.
 */

import { invariant } from './assert';
import { type JournalSequence, journalSequence, type Millis } from './ids';
import type { JournalRecord } from './protocol';

interface Waiting {
  readonly sequence: JournalSequence;
  readonly action: () => void;
}

/** What a record takes in the journal beside its payload, about. */
const RECORD_OVERHEAD = 16;

/** What a record takes in the journal, about. */
export const bytesInJournal = ({ payload }: JournalRecord): number =>
  payload.length + RECORD_OVERHEAD;

export class RecordJournal<Kept> {
  private batch: JournalRecord[] = [];
  private waiting: Waiting[] = [];
  /** What the disk has not reported yet, oldest first: handed over up to which record, and when. */
  private handedOver: { readonly through: JournalSequence; readonly at: Millis }[] = [];
  private durableThrough: JournalSequence;

  constructor(
    private lastSequence: JournalSequence,
    private readonly encode: (record: Kept) => JournalRecord,
    /**
     * Bytes of records since the last snapshot was begun. Those of former lives count: else no life
     * that is too short for a snapshot of its own would ever take one, and the journal would grow.
     */
    public bytesSinceSnapshot = 0,
  ) {
    this.durableThrough = lastSequence;
  }

  /** The number of the last record written. */
  get sequence(): JournalSequence {
    return this.lastSequence;
  }

  /** All records up to this one are durable. */
  get durable(): JournalSequence {
    return this.durableThrough;
  }

  /** Whether anything waits for the disk. */
  get isBusy(): boolean {
    return this.durableThrough < this.lastSequence;
  }

  /** How long the oldest record that is not durable has been with the disk; 0 if there is none. */
  lagMs(now: Millis): number {
    const [oldest] = this.handedOver;
    return oldest === undefined ? 0 : now - oldest.at;
  }

  write(record: Kept): void {
    const encoded = this.encode(record);
    this.batch.push(encoded);
    this.bytesSinceSnapshot += bytesInJournal(encoded);
    this.lastSequence = journalSequence(this.lastSequence + 1);
  }

  /** Does this once everything written so far is durable: at once, if it is. */
  whenDurable(action: () => void): void {
    if (this.durableThrough >= this.lastSequence) action();
    else this.waiting.push({ sequence: this.lastSequence, action });
  }

  /** The records of this step, to be handed to the disk; undefined if there are none. */
  flush(now: Millis): { records: JournalRecord[]; through: JournalSequence } | undefined {
    if (this.batch.length === 0) return undefined;
    const records = this.batch;
    this.batch = [];
    this.handedOver.push({ through: this.lastSequence, at: now });
    return { records, through: this.lastSequence };
  }

  /** The disk has got further: what waited for it is done, in order. */
  persisted(through: JournalSequence): void {
    const last = this.lastSequence - this.batch.length;
    invariant(through <= last, 'the disk cannot be ahead of the journal', { through, last });
    if (through <= this.durableThrough) return;
    this.durableThrough = through;
    takeWhile(this.handedOver, (handed) => handed.through <= through);
    const due = takeWhile(this.waiting, ({ sequence }) => sequence <= through);
    for (const { action } of due) action();
  }
}

/** Removes the first ones for which it holds, and returns them. */
function takeWhile<T>(list: T[], holds: (one: T) => boolean): T[] {
  const end = list.findIndex((one) => !holds(one));
  return list.splice(0, end < 0 ? list.length : end);
}
