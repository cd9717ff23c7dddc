/**
 * What a journal holds after a stop of any kind, and what of it may be believed.
 *
 * Records are read in order until one does not verify. What follows is one of two things:
 *
 * - A **torn tail**: the last batch was being written when the power went. Its records may have
 *   reached the disk in any order and in part. None of them was acknowledged, so from the first
 *   bad one on they are dropped, and zeros are written over them, so that no later recovery can
 *   take one of them for the continuation of what will be written next.
 * - **Damage**: the bad record had been durable. Going on would break a promise.
 *
 * What tells them apart is evidence: a later record that was written when the bad one was already
 * durable, or that is the next record itself (then the bad one is a seal), or a later segment (a
 * segment gets its name only when everything before it is durable).
 * Where there is no such evidence the bad record belongs to the last batch of all.
 */

import type { JournalRecord } from '../core/protocol';
import type { FileSystem } from './file_system';
import { inFolder, type JournalPlace } from './journal_place';
import {
  durableAt,
  lengthAt,
  provesDurable,
  RECORD_HEADER_BYTES,
  recordEnd,
  SEAL,
  typeAt,
} from './record_format';
import {
  headerFault,
  SEGMENT_HEADER_BYTES,
  segmentFirsts,
  segmentHeader,
  segmentName,
  segmentSeed,
} from './segment_format';
import { JournalDamaged } from './storage_errors';
import { readWholeSync, writeWholeSync } from './whole_files';

/** A segment as recovery left it. */
export interface RecoveredSegment {
  readonly first: number;
  /** Where its records end. */
  readonly end: number;
  /** The length of the file: beyond `end` it holds zeros. */
  readonly size: number;
}

export interface RecoveredJournal {
  /** At least one, in order, without gaps. */
  readonly segments: readonly RecoveredSegment[];
  /** The number of the next record to be written. */
  readonly next: number;
}

/**
 * Verifies the whole journal, repairs a torn tail and makes what is left durable: after a killed
 * process, or after a flush that failed, records may be readable that have never reached the disk.
 */
export function recoverJournal(place: JournalPlace): RecoveredJournal {
  const firsts = segmentFirsts(place.fs.listSync(place.folder));
  const oldest = firsts[0];
  if (oldest === undefined) {
    throw new JournalDamaged(place.folder, 0, 'the folder holds no segment');
  }
  const segments: RecoveredSegment[] = [];
  let next = oldest;
  for (const [i, first] of firsts.entries()) {
    const following = firsts[i + 1];
    const isLast = following === undefined;
    let bytes = readSegment(place, first);
    if (first !== next) throw damage(place, first, 0, `records from ${next} on should be here`);
    if (isLast && isEmpty(bytes, 0)) bytes = begunAnew(place, first, bytes.length);
    const fault = headerFault(bytes, place.storageId, first);
    if (fault !== undefined) throw damage(place, first, 0, fault);
    const walk = walkSegment(bytes, segmentSeed(place.storageId, first), first);
    judgeRest(place, bytes, first, walk, following);
    if (isLast) settle(place, first, walk, bytes);
    segments.push({ first, end: walk.end, size: bytes.length });
    next = walk.next;
  }
  place.fs.syncFolderSync(place.folder);
  return { segments, next };
}

/** All records, with one segment in memory at a time; payloads share memory with their segment. */
export function* readRecords(
  place: JournalPlace,
  segments: readonly RecoveredSegment[],
): Generator<JournalRecord> {
  for (const { first, end } of segments) {
    const bytes = readSegment(place, first);
    const seed = segmentSeed(place.storageId, first);
    let sequence = first;
    for (let at = SEGMENT_HEADER_BYTES; at < end; ) {
      const after = recordEnd(bytes, at, seed, sequence);
      // It verified when the journal was opened, a moment ago.
      if (after === undefined) throw damage(place, first, at, 'a record has changed');
      const type = typeAt(bytes, at);
      if (type !== SEAL) {
        yield { type, payload: bytes.subarray(at + RECORD_HEADER_BYTES, after) };
        sequence++;
      }
      at = after;
    }
  }
}

/** Creates the first segment of a new journal, or one that begins anew, and makes it durable. */
export function createSegment(place: JournalPlace, first: number): RecoveredSegment {
  const size = Math.max(place.segmentBytes, SEGMENT_HEADER_BYTES);
  const bytes = Buffer.alloc(size);
  segmentHeader(place.storageId, first).copy(bytes);
  const path = pathOf(place, first);
  withFile(place.fs, path, 'create', (file) => {
    writeWholeSync(place.fs, file, bytes, 0);
    place.fs.syncSync(file);
  });
  place.fs.syncFolderSync(place.folder);
  return { first, end: SEGMENT_HEADER_BYTES, size };
}

/** Whether a segment holds nothing but, perhaps, a header. */
export function isUnusedSegment(fs: FileSystem, path: string): boolean {
  return withFile(fs, path, 'read', (file) => {
    const bytes = Buffer.alloc(fs.sizeSync(file));
    readWholeSync(fs, file, bytes, 0);
    return isEmpty(bytes, SEGMENT_HEADER_BYTES);
  });
}

interface Walk {
  /** Where the first thing lies that is not the next record. */
  readonly end: number;
  /** The number that it should have. */
  readonly next: number;
  /**
   * Where the last batch begins: no record says yet that it is durable. The header belongs to the
   * first one, before which nothing in the segment says so.
   */
  readonly lastBatch: number;
}

function walkSegment(bytes: Buffer, seed: number, first: number): Walk {
  let at = SEGMENT_HEADER_BYTES;
  let next = first;
  let lastBatch = 0;
  for (let durable = first - 1; ; ) {
    const end = recordEnd(bytes, at, seed, next);
    if (end === undefined) return { end: at, next, lastBatch };
    // All records of a batch name the same one, and those of another batch another.
    if (durableAt(bytes, at) !== durable) lastBatch = at;
    durable = durableAt(bytes, at);
    if (typeAt(bytes, at) !== SEAL) next++;
    at = end;
  }
}

/**
 * Throws if what follows the records of a segment shows that something durable is gone. It may be
 * anything: zeros, or what a used segment held in an earlier life.
 */
function judgeRest(
  place: JournalPlace,
  bytes: Buffer,
  first: number,
  { end, next }: Walk,
  following: number | undefined,
): void {
  if (following === next || isEmpty(bytes, end)) return;
  const what =
    end + RECORD_HEADER_BYTES <= bytes.length
      ? `record ${next} (${lengthAt(bytes, end)} bytes by its header) does not verify`
      : `record ${next} does not fit`;
  if (following !== undefined) {
    throw damage(place, first, end, `${what}, and later segments exist`);
  }
  if (provesDurable(bytes, end + 1, segmentSeed(place.storageId, first), next)) {
    throw damage(place, first, end, `${what}, and records after it show that this was durable`);
  }
}

/**
 * Clears a torn tail and makes the records before it durable. A flush alone would not do: one that
 * failed before may have left bytes that can be read and that the system believes to be written.
 * Those may be the last batch, of a process that saw its flush fail, or zeros, of a start that
 * cleared a torn tail and then failed itself. So both are written anew, whatever can be read there.
 */
function settle(place: JournalPlace, first: number, { end, lastBatch }: Walk, bytes: Buffer): void {
  bytes.fill(0, end);
  withFile(place.fs, pathOf(place, first), 'update', (file) => {
    writeWholeSync(place.fs, file, bytes.subarray(lastBatch), lastBatch);
    place.fs.syncSync(file);
  });
}

/**
 * A last segment without a single byte in it came back from a power failure that a file system
 * with weak promises did not survive in order. Its header is written before anything else in it
 * and is durable before its name is, so nothing that was acknowledged can have been in it.
 */
function begunAnew(place: JournalPlace, first: number, size: number): Buffer {
  const bytes = Buffer.alloc(Math.max(size, SEGMENT_HEADER_BYTES));
  segmentHeader(place.storageId, first).copy(bytes);
  return bytes;
}

function readSegment(place: JournalPlace, first: number): Buffer {
  return withFile(place.fs, pathOf(place, first), 'read', (file) => {
    const bytes = Buffer.allocUnsafeSlow(place.fs.sizeSync(file));
    return bytes.subarray(0, readWholeSync(place.fs, file, bytes, 0));
  });
}

function withFile<T>(
  fs: FileSystem,
  path: string,
  mode: 'read' | 'update' | 'create',
  use: (file: number) => T,
): T {
  const file = fs.openSync(path, mode);
  try {
    return use(file);
  } finally {
    fs.closeSync(file);
  }
}

/** Whether nothing but zeros lies from `from` on. */
function isEmpty(bytes: Buffer, from: number): boolean {
  for (let at = from; at < bytes.length; at++) if (bytes[at] !== 0) return false;
  return true;
}

const pathOf = (place: JournalPlace, first: number): string => inFolder(place, segmentName(first));

function damage(place: JournalPlace, first: number, at: number, reason: string): JournalDamaged {
  return new JournalDamaged(pathOf(place, first), at, reason);
}
