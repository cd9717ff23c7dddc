/** What a data folder holds, made into the state a node starts from. */

import { DecodeError } from '../bytes';
import { type JournalSequence, journalSequence } from '../ids';
import type { Recovered } from '../protocol';
import { RecordJournal } from '../record_journal';
import { recordsIn } from '../record_slices';
import { UNLIMITED } from './defaults';
import type { Entry } from './entry';
import type { HeldMessage } from './held_messages';
import { decodeRecord, encodeRecord, type LogRecord } from './journal';
import { MessageLog } from './message_log';
import type { LogOptions } from './options';
import { decodeMeta } from './snapshots';
import type { InitialState } from './state';

/** What is on the disk contradicts itself; the message says what to do. */
export class RecoveryError extends Error {
  override readonly name = 'RecoveryError';
}

const ADVICE =
  'move the data folder away; a secondary starts with an empty one and is filled again, the folder of a master must be repaired or restored';

export function recover(
  recovered: Recovered,
  { role, storage }: Pick<LogOptions, 'role' | 'storage'>,
): InitialState {
  const initial = readAll(recovered);
  const { name, size } = initial.log;
  const isOwn = name?.disk === storage;
  if (role.kind === 'master' && !isOwn && (name !== undefined || size > 0)) {
    throw new RecoveryError(
      'this data folder is of a secondary, and a master goes on only with its own log: start it as a secondary, or give the master another folder',
    );
  }
  if (role.kind === 'secondary' && isOwn) {
    throw new RecoveryError(
      'this data folder is of a master: start it as the master, or give the secondary another folder',
    );
  }
  return initial;
}

function readAll(recovered: Recovered): InitialState {
  try {
    const replay = new Replay();
    let from = 0;
    if (recovered.snapshot !== undefined) from = replay.restore(recovered.snapshot);
    let sequence: number = recovered.firstSequence;
    if (sequence > from + 1) {
      throw new RecoveryError(`records ${from + 1} to ${sequence - 1} are missing; ${ADVICE}`);
    }
    for (const record of recovered.records) {
      replay.take(decodeRecord(record), journalSequence(sequence));
      sequence++;
    }
    if (sequence <= from) {
      throw new RecoveryError(`records ${sequence} to ${from} are missing; ${ADVICE}`);
    }
    return replay.finish(journalSequence(sequence - 1));
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new RecoveryError(`a record cannot be read (${error.message}); ${ADVICE}`);
  }
}

class Replay {
  private log = new MessageLog(undefined, 0, journalSequence(0));
  private confirmedEnd = 0;
  private droppedBytes = 0;
  private readonly held = new Map<number, HeldMessage>();

  /** The snapshot's word of the log, and the ids of dropped messages. Returns its last record. */
  restore({ meta, chunks }: NonNullable<Recovered['snapshot']>): JournalSequence {
    const { from, begun, first, name, base } = decodeMeta(meta);
    this.begin(new MessageLog(name, first, begun, base));
    for (const encoded of recordsIn(chunks)) {
      const record = decodeRecord(encoded);
      if (record.kind !== 'dropped' || record.order >= first) {
        throw new RecoveryError(`the snapshot has what belongs into the journal; ${ADVICE}`);
      }
      this.log.rememberDropped(record.id, record.order);
    }
    return from;
  }

  take(record: LogRecord, sequence: JournalSequence): void {
    // Of an earlier log, or of this one's beginning, which the snapshot has told.
    if (sequence <= this.log.begun) return;
    switch (record.kind) {
      case 'begun':
        return this.begin(new MessageLog(record.name, record.first, sequence));
      case 'continued':
        return this.begin(new MessageLog(record.name, record.first, sequence, record.base));
      case 'named':
        return this.log.setName(record.name, sequence);
      case 'entry':
        return this.takeEntry(record.entry, sequence);
      case 'external':
        this.held.set(record.entry.order, { entry: record.entry, sequence });
        return this.promote();
      case 'dropped':
        throw new RecoveryError(`the journal has what belongs into a snapshot; ${ADVICE}`);
    }
  }

  finish(last: JournalSequence): InitialState {
    const { log, confirmedEnd, droppedBytes } = this;
    log.noteDurable(last);
    for (const order of this.held.keys()) if (order < log.first) this.held.delete(order);
    const held = [...this.held.values()];
    const journal = new RecordJournal(last, encodeRecord);
    return { log, journal, confirmedEnd, held, droppedBytes };
  }

  private begin(log: MessageLog): void {
    this.droppedBytes += this.log.bytes;
    this.log = log;
    this.held.clear();
    this.confirmedEnd = log.first;
  }

  /** A message of the master follows upon all before it, so those were confirmed by then. */
  private takeEntry(entry: Entry, sequence: JournalSequence): void {
    const { log } = this;
    if (entry.order < log.first) return;
    if (entry.order !== log.end) {
      throw new RecoveryError(`message ${log.end} is missing before ${entry.order}; ${ADVICE}`);
    }
    this.place(entry, sequence);
    this.confirmedEnd = log.end;
    this.promote();
  }

  private promote(): void {
    const { log, held } = this;
    for (let next = held.get(log.end); next !== undefined; next = held.get(log.end)) {
      held.delete(log.end);
      // Those held have a record: they came from outside.
      if (next.sequence !== undefined) this.place(next.entry, next.sequence);
    }
  }

  private place(entry: Entry, sequence: JournalSequence): void {
    const { log } = this;
    const known = log.orderOf(entry.id);
    if (known !== undefined && known >= log.first) {
      // An id came again, so its former message had been dropped by then.
      log.noteDurable(journalSequence(Number.MAX_SAFE_INTEGER));
      this.droppedBytes += log.bytesBetween(log.first, known + 1);
      log.dropBefore(known + 1, UNLIMITED);
    }
    log.push(entry, sequence);
  }
}
