/**
 * Snapshots for protocols whose records say how something *is*: all records that would say what the
 * node holds now, one after another, written in slices while the node goes on.
 *
 * The state changes under the walk, and need not be held still: whatever changed since the snapshot
 * was begun is in the journal behind that point, and is played again over it at recovery.
 */

import { ByteReader, ByteWriter } from './bytes';
import { type JournalSequence, journalSequence, type SnapshotName, snapshotName } from './ids';
import type { JournalRecord, StorageEffect } from './protocol';
import type { RecordJournal } from './record_journal';
import { writeRecord } from './record_slices';

export interface SnapshotHost<Kept> {
  readonly journal: RecordJournal<Kept>;
  readonly options: { readonly snapshotJournalBytes: number; readonly snapshotSliceBytes: number };
  /** The first part of the names of snapshots. */
  readonly prefix: string;
  /** Everything, each thing as it is when its turn comes. */
  records(): Iterator<Kept>;
  encode(record: Kept): JournalRecord;
  effect(effect: StorageEffect): void;
  narrate(text: string): void;
}

interface Taking<Kept> {
  readonly name: SnapshotName;
  /** The last record that was written before it was begun. */
  readonly from: JournalSequence;
  readonly rest: Iterator<Kept>;
  offset: number;
}

export class RecordSnapshots<Kept> {
  private taking: Taking<Kept> | undefined;

  constructor(private readonly host: SnapshotHost<Kept>) {}

  get isTaking(): boolean {
    return this.taking !== undefined;
  }

  /** Begins one when enough was written since the last; once for each step. */
  maybeBegin(): void {
    const { journal, options, prefix } = this.host;
    if (this.isTaking || journal.bytesSinceSnapshot < options.snapshotJournalBytes) return;
    const from = journal.sequence;
    journal.bytesSinceSnapshot = 0;
    const name = snapshotName(`${prefix}-${String(from).padStart(15, '0')}`);
    this.host.narrate(`takes a snapshot at record ${from}`);
    this.taking = { name, from, rest: this.host.records(), offset: 0 };
    this.host.effect({ kind: 'snapshot_open', snapshot: name, meta: encodeMeta(from) });
    this.writeSlice(this.taking);
  }

  written(name: SnapshotName, through: number): void {
    const { taking } = this;
    if (taking?.name === name && taking.offset === through) this.writeSlice(taking);
  }

  /** The records before it are not needed any more. */
  saved(name: SnapshotName): void {
    const { taking } = this;
    if (taking?.name !== name) return;
    this.taking = undefined;
    this.host.narrate(`snapshot at record ${taking.from} is durable`);
    this.host.effect({ kind: 'release', before: journalSequence(taking.from + 1) });
  }

  private writeSlice(taking: Taking<Kept>): void {
    const { journal, options } = this.host;
    const writer = new ByteWriter(1024);
    while (writer.length < options.snapshotSliceBytes) {
      const next = taking.rest.next();
      if (next.done) break;
      writeRecord(writer, this.host.encode(next.value));
    }
    const bytes = writer.finish();
    const { name: snapshot, offset } = taking;
    if (bytes.length === 0) {
      // A snapshot must not be ahead of the journal: numbers that it includes would be given again.
      journal.whenDurable(() => {
        this.host.effect({ kind: 'snapshot_commit', snapshot });
      });
      return;
    }
    this.host.effect({ kind: 'snapshot_append', snapshot, offset, bytes });
    taking.offset += bytes.length;
  }
}

const META_VERSION = 1;

export const encodeMeta = (from: JournalSequence): Uint8Array =>
  new ByteWriter().u8(META_VERSION).u48(from).finish();

/** The number of the last record that the snapshot includes for certain. */
export function decodeMeta(bytes: Uint8Array): JournalSequence {
  const reader = new ByteReader(bytes);
  reader.version(META_VERSION, 'a snapshot');
  const from = journalSequence(reader.u48());
  reader.end();
  return from;
}
