/**
 * Which durable bytes the storage promises to guard: where they are harmed, the next start refuses
 * to go on. Only these are harmed, because about the others no journal can know better, and
 * `kv/storage/DESIGN.md` says so:
 *
 * - **The last batch.** Until a later record says that a batch was durable, damage to it looks like
 *   a batch that a power cut tore. So in the last segment a record is harmed only where a later
 *   record, itself durable and left alone, names it as durable.
 * - **What was never promised**: bytes that were not flushed, the spare segment, a snapshot that is
 *   being written, and the zeros behind the last record.
 *
 * What is left is every byte of the segments before the last one, the header of the last one and
 * its proven records, whole snapshots, and the identity.
 */

import { basename, dirname, join } from 'node:path';
import type { StorageId } from '../core/ids';
import { IDENTITY_FILE } from '../storage/identity';
import { durableAt, recordEnd, SEAL, typeAt } from '../storage/record_format';
import {
  SEGMENT_HEADER_BYTES,
  segmentFirsts,
  segmentName,
  segmentSeed,
} from '../storage/segment_format';
import { isSnapshotName } from '../storage/snapshot_format';
import type { NoticedBytes } from './disk_faults';
import type { SimulatedFile } from './simulated_file';

/** Where the parts of a data folder lie. */
export interface DataFolder {
  readonly folder: string;
  readonly journal: string;
  readonly snapshots: string;
}

type Files = ReadonlyMap<string, SimulatedFile>;

/** All of them. */
export function noticedBytes(files: Files, where: DataFolder, storage: StorageId): NoticedBytes[] {
  const noticed = noticedInJournal(files, where, storage);
  for (const [path, file] of files) {
    const isSnapshot = dirname(path) === where.snapshots && isSnapshotName(basename(path));
    if (isSnapshot || path === join(where.folder, IDENTITY_FILE)) noticed.push(all(file));
  }
  return noticed.filter(({ from, to }) => from < to);
}

/**
 * Where a write to `file` may land instead. A batch that went elsewhere is missing at its own
 * place, where only a later batch could show it. So it lands in its own segment: that damage is
 * noticed for as long as the records are wanted. Any other write that went elsewhere is noticed by
 * its absence.
 */
export function landingsFor(
  file: SimulatedFile,
  files: Files,
  where: DataFolder,
  storage: StorageId,
): NoticedBytes[] {
  const isSegment = segmentFirsts([basename(file.path)]).length > 0;
  const noticed = noticedBytes(files, where, storage);
  return isSegment ? noticed.filter((bytes) => bytes.file === file) : noticed;
}

function noticedInJournal(files: Files, where: DataFolder, storage: StorageId): NoticedBytes[] {
  const firsts = segmentFirsts(
    [...files.keys()]
      .filter((path) => dirname(path) === where.journal)
      .map((path) => basename(path)),
  );
  return firsts.flatMap((first, i) => {
    const file = files.get(join(where.journal, segmentName(first)));
    if (file === undefined) return [];
    if (i < firsts.length - 1) return [all(file)];
    return [{ file, from: 0, to: provenEnd(file.durable, segmentSeed(storage, first), first) }];
  });
}

/** Where the records end that a later record of the segment names as durable. */
function provenEnd(segment: Buffer, seed: number, first: number): number {
  const ends: number[] = [];
  let at = SEGMENT_HEADER_BYTES;
  let proven = first - 1;
  for (;;) {
    const end = recordEnd(segment, at, seed, first + ends.length);
    if (end === undefined) break;
    proven = durableAt(segment, at);
    if (typeAt(segment, at) === SEAL) break;
    ends.push(end);
    at = end;
  }
  return ends[proven - first] ?? Math.min(SEGMENT_HEADER_BYTES, segment.length);
}

const all = (file: SimulatedFile): NoticedBytes => ({ file, from: 0, to: file.durable.length });
