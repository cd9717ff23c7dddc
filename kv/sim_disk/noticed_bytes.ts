/**
 * Which durable bytes the storage promises to guard: where they are harmed, the next start refuses
 * to go on. Only these are harmed, because about the others no journal can know better, and
 * `kv/storage/DESIGN.md` says so:
 *
 * - **The last batch.** Until a later record says that a batch was durable, damage to it looks like
 *   a batch that a power cut tore. So in the last segment a record is harmed only when a seal stands
 *   behind it, or when a later batch has been acknowledged, which must name it. Whether it does is
 *   for the journal to prove: what was acknowledged is known from its events, not from its bytes.
 * - **What was never promised**: bytes that were not flushed, spare segments, a snapshot that is
 *   being written, and what lies behind the last record of a segment.
 *
 * What is left is the header and every record of the segments before the last one, the header of the
 * last one and its proven records, whole snapshots, and the identity.
 */

import { basename, dirname, join } from 'node:path';
import type { StorageId } from '../core/ids';
import { IDENTITY_FILE } from '../storage/identity';
import { recordEnd, SEAL, typeAt } from '../storage/record_format';
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

/** What is known of the folder without reading it. */
export interface Known {
  readonly storage: StorageId;
  /** The last record after which a later batch has been acknowledged. */
  readonly proven: number;
}

type Files = ReadonlyMap<string, SimulatedFile>;

/** All of them. */
export function noticedBytes(files: Files, where: DataFolder, known: Known): NoticedBytes[] {
  const noticed = noticedInJournal(files, where, known);
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
  known: Known,
): NoticedBytes[] {
  const isSegment = segmentFirsts([basename(file.path)]).length > 0;
  const noticed = noticedBytes(files, where, known);
  return isSegment ? noticed.filter((bytes) => bytes.file === file) : noticed;
}

/**
 * What the last segment holds behind `last`, its last record, if it is not all zeros: rule J7 of
 * `kv/storage/DESIGN.md`, to be looked at when a recovery has ended.
 */
export function leftBehind(
  files: Files,
  where: DataFolder,
  storage: StorageId,
  last: number,
): string | undefined {
  const paths = [...files.keys()].filter((path) => dirname(path) === where.journal);
  const first = segmentFirsts(paths.map((path) => basename(path))).at(-1) ?? 0;
  const file = files.get(join(where.journal, segmentName(first)));
  if (file === undefined) return 'the last segment has no name';
  const end = walk(file.durable, segmentSeed(storage, first), first, last).end;
  const at = file.durable.findIndex((byte, i) => i >= end && byte !== 0);
  return at < 0
    ? undefined
    : `byte ${at} of ${file.path}, behind the last record at ${end}, is set`;
}

function noticedInJournal(files: Files, where: DataFolder, known: Known): NoticedBytes[] {
  const firsts = segmentFirsts(
    [...files.keys()]
      .filter((path) => dirname(path) === where.journal)
      .map((path) => basename(path)),
  );
  return firsts.flatMap((first, i) => {
    const file = files.get(join(where.journal, segmentName(first)));
    if (file === undefined) return [];
    const seed = segmentSeed(known.storage, first);
    const isLast = i === firsts.length - 1;
    const proven = isLast ? known.proven : Number.POSITIVE_INFINITY;
    const byRecord = walk(file.durable, seed, first, proven).lastRecord;
    if (!isLast) return [{ file, from: 0, to: byRecord }];
    const bySeal = walk(file.durable, seed, first, Number.POSITIVE_INFINITY).lastSeal;
    return [{ file, from: 0, to: Math.max(byRecord, bySeal) }];
  });
}

/**
 * Goes from record to record, through number `last` and the seals behind it, or up to the first thing
 * that is harmed already. Says where it ended, where the last record did, and where the last seal
 * begins: that one proves what is before it. Seals have no numbers of their own: each has the next.
 */
function walk(segment: Buffer, seed: number, first: number, last: number) {
  const begin = Math.min(SEGMENT_HEADER_BYTES, segment.length);
  let [end, lastRecord, lastSeal] = [begin, begin, begin];
  for (let sequence = first; ; ) {
    const after = recordEnd(segment, end, seed, sequence);
    if (after === undefined) break;
    if (typeAt(segment, end) === SEAL) lastSeal = end;
    else if (sequence > last) break;
    else {
      sequence++;
      lastRecord = after;
    }
    end = after;
  }
  return { end, lastRecord, lastSeal };
}

const all = (file: SimulatedFile): NoticedBytes => ({ file, from: 0, to: file.durable.length });
