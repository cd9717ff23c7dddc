/**
 * Snapshots, which keep the journal short: all records that would say what this node holds now,
 * one after another, written in slices while the node goes on.
 *
 * The state changes under the walk, and need not be held still. A record says how something is, so
 * whatever changed since the snapshot was begun is in the journal behind that point, and is played
 * again over it (`recovery.ts`).
 */

import { ByteReader, ByteWriter } from '../bytes';
import { type JournalSequence, journalSequence, type SnapshotName, snapshotName } from '../ids';
import { writeRecord } from '../record_slices';
import { type DynamoRecord, encodeRecord } from './journal';
import type { DynamoState } from './state';

export interface TakingSnapshot {
  readonly name: SnapshotName;
  /** The last record that was written before it was begun. */
  readonly from: JournalSequence;
  readonly rest: Iterator<DynamoRecord>;
  offset: number;
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

/** Begins one when enough was written since the last; once for each step. */
export function maybeTakeSnapshot(node: DynamoState): void {
  const { journal, options } = node;
  if (node.taking !== undefined || journal.bytesSinceSnapshot < options.snapshotJournalBytes)
    return;
  const from = journal.sequence;
  journal.bytesSinceSnapshot = 0;
  const name = snapshotName(`versions-${String(from).padStart(15, '0')}`);
  node.narrate(`takes a snapshot at record ${from}`);
  node.taking = { name, from, rest: recordsOf(node), offset: 0 };
  node.effect({ kind: 'snapshot_open', snapshot: name, meta: encodeMeta(from) });
  writeSlice(node, node.taking);
}

/** Everything, as it is when its turn comes. */
function* recordsOf(node: DynamoState): Iterator<DynamoRecord> {
  const { group, seed, table, store, deliveries, issuer } = node;
  yield { kind: 'members', group, seed, members: table.all };
  yield { kind: 'epochs', through: issuer.reservedThrough };
  // What comes later than this many is in the journal.
  let left = store.size;
  for (const key of store.keys()) {
    if (left-- <= 0) break;
    yield { kind: 'versions', key, versions: store.versionsOf(key) };
  }
  for (const home of deliveries.creditors) {
    for (const [key, debt] of deliveries.owedTo(home)) {
      if (debt === 'hint') yield { kind: 'hint', key, home };
    }
  }
}

export function snapshotWritten(node: DynamoState, name: SnapshotName, through: number): void {
  const { taking } = node;
  if (taking?.name === name && taking.offset === through) writeSlice(node, taking);
}

/** The records before it are not needed any more. */
export function snapshotSaved(node: DynamoState, name: SnapshotName): void {
  const { taking } = node;
  if (taking?.name !== name) return;
  node.taking = undefined;
  node.narrate(`snapshot at record ${taking.from} is durable`);
  node.effect({ kind: 'release', before: journalSequence(taking.from + 1) });
}

function writeSlice(node: DynamoState, taking: TakingSnapshot): void {
  const writer = new ByteWriter(1024);
  while (writer.length < node.options.snapshotSliceBytes) {
    const next = taking.rest.next();
    if (next.done) break;
    writeRecord(writer, encodeRecord(next.value));
  }
  const bytes = writer.finish();
  if (bytes.length === 0) {
    // A snapshot must not be ahead of the journal: numbers that it includes would be given again.
    node.journal.whenDurable(() => {
      node.effect({ kind: 'snapshot_commit', snapshot: taking.name });
    });
    return;
  }
  node.effect({ kind: 'snapshot_append', snapshot: taking.name, offset: taking.offset, bytes });
  taking.offset += bytes.length;
}
