/**
 * The core's side of the node's journal: what has been handed over, what is durable, and what is
 * held back until it is.
 *
 * Every record has a sequence number. Records of one step go out as one `persist`. Durability comes
 * back as a sequence number, and three things wait for it: messages, none of which may be sent
 * before the term and vote that they depend on are durable (§5.1: "updated on stable storage
 * before responding to RPCs"); entries, which a node counts and acknowledges only then; and the
 * release of old records, which must not go before what replaces them.
 */

import { invariant } from '../assert';
import { ByteReader, ByteWriter, DecodeError } from '../bytes';
import {
  type JournalSequence,
  journalSequence,
  type LogIndex,
  logIndex,
  type Millis,
  type NodeId,
  nodeId,
  type Term,
  term,
} from '../ids';
import type { JournalRecord } from '../protocol';
import { checkEntryAt, entryIndexAt } from './entry';
import { type EntryRun, readEntryRun } from './entry_run';
import type { Placed } from './entry_segments';

/** What a record of a Raft node's journal can be. */
export type RaftRecord =
  | { readonly kind: 'hard_state'; readonly term: Term; readonly votedFor: NodeId | undefined }
  /** Each entry replaces whatever the log held at its index and above. */
  | { readonly kind: 'entries'; readonly entries: EntryRun }
  /** Entries up to here are in a durable snapshot. */
  | { readonly kind: 'compacted'; readonly index: LogIndex; readonly term: Term }
  /** The log begins anew behind a snapshot that was installed. */
  | { readonly kind: 'reset'; readonly index: LogIndex; readonly term: Term };

const RECORD_TYPES = { hard_state: 1, entries: 2, compacted: 3, reset: 4 } as const;

export function encodeRecord(record: RaftRecord): JournalRecord {
  return { type: RECORD_TYPES[record.kind], payload: encodePayload(record) };
}

function encodePayload(record: RaftRecord): Uint8Array {
  switch (record.kind) {
    case 'entries':
      return record.entries.bytes;
    case 'hard_state':
      return new ByteWriter()
        .u48(record.term)
        .text(record.votedFor ?? '')
        .finish();
    case 'compacted':
    case 'reset':
      return new ByteWriter().u48(record.index).u48(record.term).finish();
  }
}

export function decodeRecord(record: JournalRecord): RaftRecord {
  if (record.type === RECORD_TYPES.entries) {
    return { kind: 'entries', entries: decodeEntries(record.payload) };
  }
  const reader = new ByteReader(record.payload);
  const decoded = decodeSmall(record.type, reader);
  reader.end();
  return decoded;
}

function decodeEntries(payload: Uint8Array): EntryRun {
  checkEntryAt(payload, 0);
  return readEntryRun(payload, entryIndexAt(payload, 0));
}

function decodeSmall(type: number, reader: ByteReader): RaftRecord {
  switch (type) {
    case RECORD_TYPES.hard_state: {
      const inTerm = term(reader.u48());
      const votedFor = reader.text();
      return {
        kind: 'hard_state',
        term: inTerm,
        votedFor: votedFor === '' ? undefined : nodeId(votedFor),
      };
    }
    case RECORD_TYPES.compacted:
    case RECORD_TYPES.reset: {
      const kind = type === RECORD_TYPES.reset ? 'reset' : 'compacted';
      return { kind, index: logIndex(reader.u48()), term: term(reader.u48()) };
    }
    default:
      throw new DecodeError(`a Raft node has no record of type ${type}`);
  }
}

/** Entries handed over up to here, with the term of the last one. */
interface PendingEntries {
  through: JournalSequence;
  lastIndex: LogIndex;
  lastTerm: Term;
}

export class Journal {
  private batch: JournalRecord[] = [];
  /** Entries that go on being added to: the last record of the batch, not in it yet. */
  private run: { readonly bytes: Uint8Array; readonly start: number; end: number } | undefined;
  private pendingEntries: PendingEntries[] = [];
  /** When each batch that is not durable yet was handed over, oldest first. */
  private pendingBatches: { readonly through: JournalSequence; readonly at: Millis }[] = [];
  /** The last record that was handed to the disk. */
  private flushedThrough: JournalSequence;

  constructor(
    /** The number of the last record written. */
    private lastSequence: JournalSequence,
  ) {
    this.durable = this.flushedThrough = lastSequence;
  }

  /** All records up to this one are durable. */
  durable: JournalSequence;

  get sequence(): JournalSequence {
    return this.lastSequence;
  }

  write(record: RaftRecord): JournalSequence {
    this.closeRun();
    this.batch.push(encodeRecord(record));
    this.lastSequence = journalSequence(this.lastSequence + 1);
    return this.lastSequence;
  }

  /**
   * Writes entries from where the log has put them, the last of which is `lastIndex`. Entries of one
   * batch that lie behind each other are one record.
   */
  writeEntries(placed: Placed, lastIndex: LogIndex, lastTerm: Term): JournalSequence {
    const { bytes, start, end, count } = placed;
    if (this.run?.bytes === bytes && this.run.end === start) this.run.end = end;
    else {
      this.closeRun();
      this.run = { bytes, start, end };
      this.lastSequence = journalSequence(this.lastSequence + 1);
    }
    this.notePending(lastIndex, lastTerm, count);
    return this.lastSequence;
  }

  /** Whether there are records that the disk has not been handed. */
  get hasBatch(): boolean {
    return this.run !== undefined || this.batch.length > 0;
  }

  /** The records of this step, to be handed to the disk; undefined if there are none. */
  flush(now: Millis): { records: JournalRecord[]; through: JournalSequence } | undefined {
    this.closeRun();
    if (this.batch.length === 0) return undefined;
    const records = this.batch;
    this.batch = [];
    this.flushedThrough = this.lastSequence;
    this.pendingBatches.push({ through: this.lastSequence, at: now });
    return { records, through: this.lastSequence };
  }

  /** Notes what the disk has said; returns the entries that became durable, oldest first. */
  persisted(through: JournalSequence): PendingEntries[] {
    invariant(through <= this.flushedThrough, 'the disk cannot be ahead of the journal', {
      through,
      flushed: this.flushedThrough,
    });
    if (through <= this.durable) return [];
    this.durable = through;
    while ((this.pendingBatches[0]?.through ?? Number.POSITIVE_INFINITY) <= through) {
      this.pendingBatches.shift();
    }
    const done = this.pendingEntries.findIndex((pending) => pending.through > through);
    return this.pendingEntries.splice(0, done === -1 ? this.pendingEntries.length : done);
  }

  /** When the oldest batch that the disk still owes us was handed over. */
  get waitingSince(): Millis | undefined {
    return this.pendingBatches[0]?.at;
  }

  private closeRun(): void {
    if (this.run === undefined) return;
    const { bytes, start, end } = this.run;
    this.run = undefined;
    this.batch.push({ type: RECORD_TYPES.entries, payload: bytes.subarray(start, end) });
  }

  private notePending(lastIndex: LogIndex, lastTerm: Term, count: number): void {
    const through = this.lastSequence;
    const newest = this.pendingEntries.at(-1);
    // Entries that follow each other in one batch become durable together: one note is enough.
    const sameBatch = newest !== undefined && newest.through > this.flushedThrough;
    if (!sameBatch || newest.lastIndex !== lastIndex - count) {
      this.pendingEntries.push({ through, lastIndex, lastTerm });
      return;
    }
    newest.through = through;
    newest.lastIndex = lastIndex;
    newest.lastTerm = lastTerm;
  }
}
