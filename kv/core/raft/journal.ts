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
import { decodeEntry, type Entry } from './entry';

/** What a record of a Raft node's journal can be. */
export type RaftRecord =
  | { readonly kind: 'hard_state'; readonly term: Term; readonly votedFor: NodeId | undefined }
  /** An entry replaces whatever the log held at its index and above. */
  | { readonly kind: 'entry'; readonly entry: Entry }
  /** Entries up to here are in a durable snapshot. */
  | { readonly kind: 'compacted'; readonly index: LogIndex; readonly term: Term }
  /** The log begins anew behind a snapshot that was installed. */
  | { readonly kind: 'reset'; readonly index: LogIndex; readonly term: Term };

const RECORD_TYPES = { hard_state: 1, entry: 2, compacted: 3, reset: 4 } as const;

export function encodeRecord(record: RaftRecord): JournalRecord {
  return { type: RECORD_TYPES[record.kind], payload: encodePayload(record) };
}

function encodePayload(record: RaftRecord): Uint8Array {
  switch (record.kind) {
    case 'entry':
      return record.entry.encoded;
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
  if (record.type === RECORD_TYPES.entry) {
    return { kind: 'entry', entry: decodeEntry(record.payload) };
  }
  const reader = new ByteReader(record.payload);
  const decoded = decodeSmall(record.type, reader);
  reader.end();
  return decoded;
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
  readonly through: JournalSequence;
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
}

export class Journal {
  private batch: JournalRecord[] = [];
  private pendingEntries: PendingEntries[] = [];
  /** When each batch that is not durable yet was handed over, oldest first. */
  private pendingBatches: { readonly through: JournalSequence; readonly at: Millis }[] = [];

  constructor(
    /** The number of the last record written. */
    private lastSequence: JournalSequence,
  ) {
    this.durable = lastSequence;
  }

  /** All records up to this one are durable. */
  durable: JournalSequence;

  get sequence(): JournalSequence {
    return this.lastSequence;
  }

  write(record: RaftRecord): JournalSequence {
    this.batch.push(encodeRecord(record));
    this.lastSequence = journalSequence(this.lastSequence + 1);
    return this.lastSequence;
  }

  writeEntry(entry: Entry): JournalSequence {
    const through = this.write({ kind: 'entry', entry });
    const newest = this.pendingEntries.at(-1);
    const pending = { through, lastIndex: entry.index, lastTerm: entry.term };
    // Entries that follow each other in one batch become durable together: one note is enough.
    const sameBatch = newest !== undefined && newest.through > this.flushedThrough;
    if (sameBatch && newest.lastIndex === entry.index - 1) this.pendingEntries.pop();
    this.pendingEntries.push(pending);
    return through;
  }

  /** The records of this step, to be handed to the disk; undefined if there are none. */
  flush(now: Millis): { records: JournalRecord[]; through: JournalSequence } | undefined {
    if (this.batch.length === 0) return undefined;
    const records = this.batch;
    this.batch = [];
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

  private get flushedThrough(): number {
    return this.lastSequence - this.batch.length;
  }
}
