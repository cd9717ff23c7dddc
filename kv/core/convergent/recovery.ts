/** What a data folder holds, made into the state a replica starts from. */

import { DecodeError } from '../bytes';
import { type JournalSequence, journalSequence } from '../ids';
import type { Recovered } from '../protocol';
import { bytesInJournal } from '../record_journal';
import { recordsIn } from '../record_slices';
import { decodeMeta } from '../record_snapshots';
import { type ConvergentRecord, decodeRecord } from './journal';
import type { Cell } from './parts_codec';
import { joined } from './pieces';
import { Store } from './store';
import { NOTHING_SEEN, union, type Vector } from './vectors';

/** What `recover` makes of a data folder. */
export interface InitialState {
  readonly store: Store;
  readonly seen: Vector;
  readonly collected: Vector;
  /** The number of the last record. */
  readonly sequence: JournalSequence;
  /** What the records behind the snapshot take in the journal. */
  readonly bytesSinceSnapshot: number;
}

/** What is on the disk contradicts itself; the message says what to do. */
export class RecoveryError extends Error {
  override readonly name = 'RecoveryError';
}

const ADVICE =
  'move the data folder away and start with an empty one: the replica is filled again from its peers';

export function recover(recovered: Recovered): InitialState {
  const replay = new Replay();
  const { snapshot } = recovered;
  let from = 0;
  try {
    if (snapshot !== undefined) {
      from = decodeMeta(snapshot.meta);
      for (const record of recordsIn(snapshot.chunks)) replay.take(decodeRecord(record));
    }
    if (recovered.firstSequence > from + 1) {
      const missing = `records ${from + 1} to ${recovered.firstSequence - 1} are missing`;
      throw new RecoveryError(`${missing}; ${ADVICE}`);
    }
    let sequence: number = recovered.firstSequence;
    let bytesSinceSnapshot = 0;
    for (const record of recovered.records) {
      if (sequence > from) {
        replay.take(decodeRecord(record));
        bytesSinceSnapshot += bytesInJournal(record);
      }
      sequence++;
    }
    if (sequence <= from) {
      throw new RecoveryError(`records ${sequence} to ${from} are missing; ${ADVICE}`);
    }
    const { store, seen, collected } = replay;
    const last = journalSequence(sequence - 1);
    return { store, seen, collected, sequence: last, bytesSinceSnapshot };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new RecoveryError(`a record cannot be read (${error.message}); ${ADVICE}`);
  }
}

/** The records, one after the other: each replaces what was said before about the same thing. */
class Replay {
  readonly store = new Store();
  seen: Vector = NOTHING_SEEN;
  collected: Vector = NOTHING_SEEN;
  /** They count once their `update` has followed. */
  private pieces: (readonly Cell[])[] = [];

  take(record: ConvergentRecord): void {
    if (record.kind === 'piece') {
      this.pieces.push(record.cells);
      return;
    }
    const { length } = this.pieces;
    if (record.pieces > length) throw new DecodeError('pieces of a record are missing');
    const slices = [...this.pieces.slice(length - record.pieces).flat(), ...record.cells];
    this.seen = union(this.seen, record.seen);
    this.collected = union(this.collected, record.collected);
    for (const { key, parts } of joined(slices)) this.store.set(key, parts);
    this.pieces = [];
  }
}
