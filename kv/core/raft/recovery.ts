/**
 * What a data folder holds, made into the state a node starts from.
 *
 * The journal is read from its oldest record on; each record is applied to the log as it was when
 * it was written. A snapshot that was made durable just before a crash may be ahead of the journal:
 * then the rule of its installation is applied now (keep the entries behind it if the log holds its
 * last one, else begin anew).
 */

import { DecodeError } from '../bytes';
import {
  type JournalSequence,
  journalSequence,
  logIndex,
  millis,
  type NodeId,
  type Term,
  term,
} from '../ids';
import type { Recovered, RecoveredSnapshot } from '../protocol';
import type { Entry } from './entry';
import { EntryRun } from './entry_run';
import { decodeRecord, Journal, type RaftRecord } from './journal';
import { RaftLog } from './log';
import { bootstrapConfiguration } from './membership';
import { decodeSnapshotMeta, type SnapshotMeta } from './snapshot_meta';
import type { InitialState, ReplicatedMachine, StoredSnapshot } from './state';

/** What is on the disk contradicts itself; the message says what to do. */
export class RecoveryError extends Error {
  override readonly name = 'RecoveryError';
}

/** `empty` is the state machine of a new cluster; a snapshot is loaded into another one. */
export function recover(
  members: readonly NodeId[],
  recovered: Recovered,
  empty: ReplicatedMachine,
): InitialState {
  const stored = recovered.snapshot;
  const meta = stored === undefined ? undefined : readMeta(stored);
  const configuration = meta?.configuration ?? bootstrapConfiguration(members);
  const replay = new Replay(new RaftLog({ index: logIndex(0), term: term(0) }, configuration));
  let sequence = recovered.firstSequence;
  for (const record of recovered.records) {
    replay.take(decodeRecord(record), sequence);
    sequence = journalSequence(sequence + 1);
  }
  const { log } = replay;
  if (log.baseIndex > 0 && log.baseTerm === UNKNOWN_TERM) {
    contradiction(`entries before ${log.firstIndex} are missing`);
  }
  const journal = new Journal(journalSequence(sequence - 1));
  if (meta !== undefined) adoptSnapshot(log, journal, meta);
  else if (log.baseIndex > 0) {
    throw new RecoveryError(
      `the snapshot up to entry ${log.baseIndex} is missing; ${REPAIR_ADVICE}`,
    );
  }
  if (meta !== undefined && meta.term > replay.term) {
    // A snapshot is committed only once its term is durable (`RaftState.commitSnapshot`).
    return contradiction(`it knows term ${replay.term}, and the snapshot is of term ${meta.term}`);
  }
  return {
    term: replay.term,
    votedFor: replay.votedFor,
    log,
    journal,
    machine: stored === undefined ? empty : load(stored, empty),
    snapshot: stored === undefined || meta === undefined ? undefined : storedOf(stored, meta),
    machineTime: meta?.time ?? millis(0),
  };
}

const REPAIR_ADVICE =
  'move the data folder away and start with an empty one: the node will be repaired from its peers';

/** Of a base that no record has spoken of yet. */
const UNKNOWN_TERM = term(0);

/** The journal's records, applied one after the other. */
class Replay {
  term = term(0);
  votedFor: NodeId | undefined;

  constructor(readonly log: RaftLog) {}

  take(record: RaftRecord, sequence: JournalSequence): void {
    switch (record.kind) {
      case 'hard_state':
        if (record.term < this.term) return contradiction('a term goes back');
        this.term = record.term;
        this.votedFor = record.votedFor;
        return;
      case 'entries':
        for (const entry of record.entries) this.takeEntry(entry, sequence);
        return;
      case 'reset':
        return this.log.reset(record.index, record.term, this.log.configuration);
      case 'compacted':
        return this.takeCompacted(record);
    }
  }

  private takeEntry(entry: Entry, sequence: JournalSequence): void {
    const { log } = this;
    const known = log.baseTerm !== UNKNOWN_TERM;
    if (entry.index <= log.baseIndex && known) return;
    // What is before it was compacted, and its records are gone, while some that are older or were
    // replaced may still be there: the journal deletes by segments. A record that follows says so,
    // with the term of the base.
    if (entry.index <= log.baseIndex || entry.index > log.lastIndex + 1) {
      log.reset(logIndex(entry.index - 1), UNKNOWN_TERM, log.configuration);
    }
    if (entry.index <= log.lastIndex) log.truncateFrom(entry.index);
    log.addRun(EntryRun.of(logIndex(entry.index - 1), [entry]));
    log.journaled(sequence);
  }

  private takeCompacted(record: { readonly index: number; readonly term: Term }): void {
    const { log } = this;
    const index = logIndex(record.index);
    // Records of a still later compaction were found already.
    if (index < log.baseIndex) return;
    if (index === log.baseIndex) log.setBaseTerm(record.term);
    else if (log.termAt(index) === record.term) log.compactTo(index);
    else log.reset(index, record.term, log.configuration);
  }
}

function contradiction(what: string): never {
  throw new RecoveryError(`the journal contradicts itself: ${what}; ${REPAIR_ADVICE}`);
}

function adoptSnapshot(log: RaftLog, journal: Journal, meta: SnapshotMeta): void {
  const { index, term: inTerm, configuration } = meta;
  if (index < log.baseIndex) {
    throw new RecoveryError(
      `the log begins after entry ${log.baseIndex} but the newest snapshot ends at ${index}; ${REPAIR_ADVICE}`,
    );
  }
  if (log.termAt(index) === inTerm) return log.setConfigurationAt(index, configuration);
  log.reset(index, inTerm, configuration);
  journal.write({ kind: 'reset', index, term: inTerm });
}

function readMeta(stored: RecoveredSnapshot): SnapshotMeta {
  try {
    return decodeSnapshotMeta(stored.meta);
  } catch (error) {
    throw explained(error, stored);
  }
}

function load(stored: RecoveredSnapshot, empty: ReplicatedMachine): ReplicatedMachine {
  try {
    const loader = empty.beginRestore();
    for (const chunk of stored.chunks) loader.write(chunk);
    return loader.finish();
  } catch (error) {
    throw explained(error, stored);
  }
}

function explained(error: unknown, stored: RecoveredSnapshot): unknown {
  if (!(error instanceof DecodeError)) return error;
  return new RecoveryError(
    `the snapshot ${stored.name} cannot be read (${error.message}); ${REPAIR_ADVICE}`,
  );
}

const storedOf = (stored: RecoveredSnapshot, meta: SnapshotMeta): StoredSnapshot => ({
  name: stored.name,
  index: meta.index,
  term: meta.term,
  meta: stored.meta,
  size: stored.size,
});
