/**
 * What a node's journal holds for certain, followed from outside: the records that it has handed
 * over, and how far its disk has said that they are durable. The oracle of "durable before said".
 */

import type { NodeId, StorageId } from '../../core/ids';
import type { JournalRecord, Recovered } from '../../core/protocol';
import { decodeRecord, type RaftRecord } from '../../core/raft/journal';
import { decodeSnapshotMeta } from '../../core/raft/snapshot_meta';

interface Pending {
  readonly sequence: number;
  readonly record: RaftRecord;
}

export class DiskShadow {
  term = 0;
  votedFor: NodeId | undefined;
  /** The log ends here. */
  last = 0;
  /** Everything up to here is in a snapshot or was compacted. */
  base = 0;
  /** The number of the record in the journal that holds term and vote; 0 if there is none. */
  hardStateAt = 0;
  private readonly entries = new Map<number, { readonly term: number; readonly at: number }>();
  private pending: Pending[] = [];

  /** Where the configurations of the log are that were handed over, durable or not. */
  private configurations: number[] = [];

  constructor(
    readonly node: NodeId,
    readonly storage: StorageId,
  ) {}

  /** The newest configuration of the log as it was handed over; 0 if it brought none. */
  get configurationIndex(): number {
    return this.configurations.at(-1) ?? 0;
  }

  /** A process starts from what the disk holds: all of it is durable now. */
  restart(recovered: Recovered, records: readonly JournalRecord[]): void {
    this.pending = [];
    this.term = 0;
    this.votedFor = undefined;
    this.entries.clear();
    this.last = this.base = this.hardStateAt = 0;
    this.configurations = [];
    records.forEach((record, i) => {
      const decoded = decodeRecord(record);
      this.noteConfiguration(decoded);
      this.apply(decoded, recovered.firstSequence + i);
    });
    if (recovered.snapshot === undefined) return;
    this.adopt(decodeSnapshotMeta(recovered.snapshot.meta).index);
  }

  /** Records are handed over; the last one has the number `through`. */
  hand(records: readonly JournalRecord[], through: number): RaftRecord[] {
    const decoded = records.map(decodeRecord);
    const first = through - records.length + 1;
    decoded.forEach((record, i) => {
      this.pending.push({ sequence: first + i, record });
      this.noteConfiguration(record);
    });
    return decoded;
  }

  persisted(through: number): void {
    const done = this.pending.findIndex(({ sequence }) => sequence > through);
    const durable = this.pending.splice(0, done === -1 ? this.pending.length : done);
    for (const { record, sequence } of durable) this.apply(record, sequence);
  }

  /** A snapshot up to here is durable. */
  adopt(index: number): void {
    this.base = Math.max(this.base, index);
    this.last = Math.max(this.last, index);
  }

  /** Whether the entry of this index and term is safe on this disk. */
  holds(index: number, term: number): boolean {
    return index <= this.base || (index <= this.last && this.entries.get(index)?.term === term);
  }

  /** The number of the record in the journal that holds an entry, if that is durable. */
  recordOf(index: number): number | undefined {
    return index > this.last ? undefined : this.entries.get(index)?.at;
  }

  /** An entry replaces everything from its index on, configurations included. */
  private noteConfiguration(record: RaftRecord): void {
    if (record.kind === 'reset') this.configurations = [];
    if (record.kind !== 'entries') return;
    for (const { index, kind } of record.entries) {
      while (this.configurationIndex >= index) this.configurations.pop();
      if (kind === 'configuration') this.configurations.push(index);
    }
  }

  private apply(record: RaftRecord, at: number): void {
    switch (record.kind) {
      case 'hard_state':
        this.term = record.term;
        this.votedFor = record.votedFor;
        this.hardStateAt = at;
        return;
      case 'entries':
        for (const { index, term } of record.entries) this.entries.set(index, { term, at });
        this.last = record.entries.last;
        return;
      case 'compacted':
        this.adopt(record.index);
        return;
      case 'reset':
        this.entries.clear();
        this.base = this.last = record.index;
        return;
    }
  }
}
