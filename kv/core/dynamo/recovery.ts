/** What a data folder holds, made into the state a node starts from. */

import { DecodeError } from '../bytes';
import type { ByteString } from '../command';
import { journalSequence, type NodeId } from '../ids';
import type { Recovered } from '../protocol';
import { bytesInJournal, RecordJournal } from '../record_journal';
import { recordsIn } from '../record_slices';
import { decodeMeta } from '../record_snapshots';
import { Deliveries } from './deliveries';
import { type DynamoRecord, decodeRecord, encodeRecord, type FormerGroup } from './journal';
import type { Member } from './members';
import type { InitialState } from './state';
import { Store } from './store';
import { mergeVersions, type Versions } from './versions';

/** What is on the disk contradicts itself; the message says what to do. */
export class RecoveryError extends Error {
  override readonly name = 'RecoveryError';
}

const ADVICE =
  'move the data folder away and start with an empty one: the node is filled again from its peers';

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
      throw new RecoveryError(
        `records ${from + 1} to ${recovered.firstSequence - 1} are missing; ${ADVICE}`,
      );
    }
    let sequence: number = recovered.firstSequence;
    let bytes = 0;
    for (const record of recovered.records) {
      if (sequence > from) {
        replay.take(decodeRecord(record));
        bytes += bytesInJournal(record);
      }
      sequence++;
    }
    const { store, deliveries, group, seed, members, former, epochs } = replay;
    if (sequence <= from) {
      throw new RecoveryError(`records ${sequence} to ${from} are missing; ${ADVICE}`);
    }
    const journal = new RecordJournal(journalSequence(sequence - 1), encodeRecord, bytes);
    return { store, deliveries, journal, group, seed, members, former, epochs };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new RecoveryError(`a record cannot be read (${error.message}); ${ADVICE}`);
  }
}

/**
 * The records, one after the other: each replaces what was said before about the same thing, but for
 * versions, which are merged as they were when they were written.
 */
class Replay {
  readonly store = new Store();
  readonly deliveries = new Deliveries();
  group = 0;
  seed: NodeId | undefined;
  members: readonly Member[] = [];
  former: FormerGroup | undefined;
  epochs = 0;

  take(record: DynamoRecord): void {
    switch (record.kind) {
      case 'versions':
        return this.holds(record.key, record.versions);
      case 'hint':
        return void this.deliveries.add(record.home, record.key, 'hint');
      case 'hint_done':
        return void this.deliveries.settle(record.home, record.key);
      case 'members':
        this.group = record.group;
        this.seed = record.seed;
        this.members = record.members;
        this.former = record.former;
        return;
      case 'epochs':
        this.epochs = Math.max(this.epochs, record.through);
        return;
      case 'cleared':
        this.store.clear();
        this.deliveries.clear();
    }
  }

  private holds(key: ByteString, versions: Versions): void {
    const { store } = this;
    store.set(key, versions.length === 0 ? [] : mergeVersions(store.versionsOf(key), versions));
  }
}
