/**
 * The core's side of the node's journal: what a record can be, what has been handed over, and what
 * waits until it is durable.
 *
 * Every record says how something *is*, not how it changes: the last record about a key is all that
 * counts. So a snapshot may be taken of a state that goes on changing while it is walked, as long as
 * all records since its beginning are played again over it (`snapshots.ts`).
 */

import { invariant } from '../assert';
import { type ByteReader, ByteWriter, DecodeError, ByteReader as Reader } from '../bytes';
import type { ByteString } from '../command';
import { type JournalSequence, journalSequence, type NodeId, nodeId } from '../ids';
import type { JournalRecord } from '../protocol';
import { type Member, readMembers, writeMembers } from './members';
import type { Versions } from './versions';
import { readVersions, writeVersions } from './versions_codec';

export type DynamoRecord =
  /** All that is held of a key; none: it is not held any more. */
  | { readonly kind: 'versions'; readonly key: ByteString; readonly versions: Versions }
  /** This node keeps the key until it has given it to `home`, which could not be reached. */
  | { readonly kind: 'hint'; readonly key: ByteString; readonly home: NodeId }
  /** `home` has the key now. */
  | { readonly kind: 'hint_done'; readonly key: ByteString; readonly home: NodeId }
  /** The group, where to ask for it while it is 0, and the table of its members. */
  | {
      readonly kind: 'members';
      readonly group: number;
      readonly seed: NodeId | undefined;
      readonly members: readonly Member[];
    }
  /** Epochs up to this one may have been used for dots. */
  | { readonly kind: 'epochs'; readonly through: number }
  /** Nothing is held any more. */
  | { readonly kind: 'cleared' };

const TYPES = { versions: 1, hint: 2, hint_done: 3, members: 4, epochs: 5, cleared: 6 } as const;

export function encodeRecord(record: DynamoRecord): JournalRecord {
  return { type: TYPES[record.kind], payload: payloadOf(record) };
}

function payloadOf(record: DynamoRecord): Uint8Array {
  const writer = new ByteWriter();
  switch (record.kind) {
    case 'versions':
      writer.u32(record.key.length).latin1(record.key);
      return writeVersions(writer, record.versions).finish();
    case 'hint':
    case 'hint_done':
      return writer.u32(record.key.length).latin1(record.key).text(record.home).finish();
    case 'members':
      writer.u48(record.group).text(record.seed ?? '');
      return writeMembers(writer, record.members).finish();
    case 'epochs':
      return writer.u32(record.through).finish();
    case 'cleared':
      return writer.finish();
  }
}

/** Throws `DecodeError` for anything but the above. */
export function decodeRecord({ type, payload }: JournalRecord): DynamoRecord {
  const reader = new Reader(payload);
  const record = readRecord(type, reader);
  reader.end();
  return record;
}

function readRecord(type: number, reader: ByteReader): DynamoRecord {
  switch (type) {
    case TYPES.versions: {
      const key = reader.latin1(reader.u32());
      return { kind: 'versions', key, versions: readVersions(reader) };
    }
    case TYPES.hint:
    case TYPES.hint_done: {
      const kind = type === TYPES.hint ? 'hint' : 'hint_done';
      return { kind, key: reader.latin1(reader.u32()), home: nodeId(reader.text()) };
    }
    case TYPES.members: {
      const group = reader.u48();
      const seed = reader.text();
      const members = readMembers(reader);
      return { kind: 'members', group, seed: seed === '' ? undefined : nodeId(seed), members };
    }
    case TYPES.epochs:
      return { kind: 'epochs', through: reader.u32() };
    case TYPES.cleared:
      return { kind: 'cleared' };
    default:
      throw new DecodeError(`a Dynamo node has no record of type ${type}`);
  }
}

interface Waiting {
  readonly sequence: JournalSequence;
  readonly action: () => void;
}

export class Journal {
  private batch: JournalRecord[] = [];
  private waiting: Waiting[] = [];
  private durableThrough: JournalSequence;
  /** Bytes of records since the last snapshot was begun. */
  bytesSinceSnapshot = 0;

  constructor(private lastSequence: JournalSequence) {
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

  write(record: DynamoRecord): void {
    const encoded = encodeRecord(record);
    this.batch.push(encoded);
    this.bytesSinceSnapshot += encoded.payload.length + 16;
    this.lastSequence = journalSequence(this.lastSequence + 1);
  }

  /** Does this once everything written so far is durable: at once, if it is. */
  whenDurable(action: () => void): void {
    if (this.durableThrough >= this.lastSequence) action();
    else this.waiting.push({ sequence: this.lastSequence, action });
  }

  /** The records of this step, to be handed to the disk; undefined if there are none. */
  flush(): { records: JournalRecord[]; through: JournalSequence } | undefined {
    if (this.batch.length === 0) return undefined;
    const records = this.batch;
    this.batch = [];
    return { records, through: this.lastSequence };
  }

  /** The disk has got further: what waited for it is done, in order. */
  persisted(through: JournalSequence): void {
    const handedOver = this.lastSequence - this.batch.length;
    invariant(through <= handedOver, 'the disk cannot be ahead of the journal', {
      through,
      handedOver,
    });
    if (through <= this.durableThrough) return;
    this.durableThrough = through;
    const later = this.waiting.findIndex(({ sequence }) => sequence > through);
    const due = this.waiting.splice(0, later < 0 ? this.waiting.length : later);
    for (const { action } of due) action();
  }
}
