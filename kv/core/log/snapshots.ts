/**
 * Snapshots, which let the journal be cut. The journal is the log, so a snapshot need not hold any
 * message that is kept: only which log it is, where it begins, and the ids of dropped messages. Once
 * it is durable, everything before the record of the oldest kept message may go.
 */

import { ByteReader, ByteWriter } from '../bytes';
import { type JournalSequence, journalSequence, type SnapshotName, snapshotName } from '../ids';
import { writeRecord } from '../record_slices';
import { encodeRecord, type LogRecord, readNameOrNone, writeNameOrNone } from './journal';
import { type Base, type LogName, readBaseOrNone, writeBaseOrNone } from './log_name';
import type { LogState } from './state';

/** What a snapshot says of the log when it was begun. */
export interface SnapshotMeta {
  /** The last record that was written before. */
  readonly from: JournalSequence;
  /** The record by which the log began, and the oldest order kept. */
  readonly begun: JournalSequence;
  readonly name: LogName | undefined;
  readonly first: number;
  readonly base: Base | undefined;
}

export interface TakingSnapshot {
  readonly name: SnapshotName;
  /** Records before this one are not needed with it. */
  readonly releases: JournalSequence;
  readonly rest: Iterator<LogRecord>;
  offset: number;
}

const META_VERSION = 2;

export function encodeMeta({ from, begun, name, first, base }: SnapshotMeta): Uint8Array {
  const writer = new ByteWriter().u8(META_VERSION).u48(from).u48(begun).u48(first);
  return writeBaseOrNone(writeNameOrNone(writer, name), base).finish();
}

export function decodeMeta(bytes: Uint8Array): SnapshotMeta {
  const reader = new ByteReader(bytes);
  reader.version(META_VERSION, 'a snapshot');
  const from = journalSequence(reader.u48());
  const begun = journalSequence(reader.u48());
  const first = reader.u48();
  const name = readNameOrNone(reader);
  const base = readBaseOrNone(reader);
  reader.end();
  return { from, begun, first, name, base };
}

/** Begins one when enough of the journal could go; once for each step. */
export function maybeTakeSnapshot(node: LogState): void {
  const { journal, options, log } = node;
  if (node.taking !== undefined || node.droppedBytes < options.snapshotJournalBytes) return;
  node.droppedBytes = 0;
  const from = journal.sequence;
  const { begun, first, base } = log;
  // More may have been dropped since the last one although nothing was written.
  const name = snapshotName(`log-${padded(from)}-${padded(first)}`);
  const meta = encodeMeta({ from, begun, first, name: log.name, base });
  node.narrate(`takes a snapshot at record ${from}`);
  // A copy: what is dropped meanwhile must not be missing.
  const ids = [...log.idsDropped()].values();
  node.taking = { name, releases: neededFrom(node), rest: recordsOf(ids), offset: 0 };
  node.effect({ kind: 'snapshot_open', snapshot: name, meta });
  writeSlice(node);
}

const padded = (number: number): string => String(number).padStart(15, '0');

/** The oldest record that is needed beside a snapshot that is begun now. */
function neededFrom({ log, journal, role }: LogState): JournalSequence {
  let needed: number = journal.sequence + 1;
  // Of messages from outside the records lie before those of older messages.
  for (let order = log.first; order < log.end; order++) {
    needed = Math.min(needed, log.at(order).sequence);
  }
  if (role.kind === 'secondary') {
    for (const { sequence } of role.held.all) needed = Math.min(needed, sequence ?? needed);
  }
  return journalSequence(needed);
}

function* recordsOf(ids: Iterable<readonly [string, number]>): Iterator<LogRecord> {
  for (const [id, order] of ids) yield { kind: 'dropped', id, order };
}

export function snapshotWritten(node: LogState, name: SnapshotName, through: number): void {
  const { taking } = node;
  if (taking?.name === name && taking.offset === through) writeSlice(node);
}

export function snapshotSaved(node: LogState, name: SnapshotName): void {
  const { taking } = node;
  if (taking?.name !== name) return;
  node.taking = undefined;
  node.narrate(`the snapshot is durable: records before ${taking.releases} may go`);
  node.effect({ kind: 'release', before: taking.releases });
}

function writeSlice(node: LogState): void {
  const { taking } = node;
  if (taking === undefined) return;
  const writer = new ByteWriter(1024);
  while (writer.length < node.options.snapshotSliceBytes) {
    const next = taking.rest.next();
    if (next.done) break;
    writeRecord(writer, encodeRecord(next.value));
  }
  const bytes = writer.finish();
  const { name: snapshot, offset } = taking;
  if (bytes.length === 0) {
    // A snapshot must not be ahead of the journal: numbers that it includes would be given again.
    node.journal.whenDurable(() => node.effect({ kind: 'snapshot_commit', snapshot }));
    return;
  }
  node.effect({ kind: 'snapshot_append', snapshot, offset, bytes });
  taking.offset += bytes.length;
}
