/**
 * The disk of a node: a folder that holds
 *
 *     identity.json            whose folder this is
 *     lock                     which process uses it
 *     journal/<first>.segment  records, see journal.ts
 *     snapshots/<name>         at most one whole snapshot, see snapshot_files.ts
 *
 * Opening is synchronous and either gives back everything that was ever reported as durable or
 * throws an error that says what to do. After that the first failure of the disk is the last thing
 * that is heard of it.
 */

import { dirname, join, resolve } from 'node:path';
import { invariant, unreachable } from '../core/assert';
import { journalSequence, type NodeId, type StorageId } from '../core/ids';
import type { Recovered } from '../core/protocol';
import { type FileSystem, hasCode, NODE_FILE_SYSTEM, systemCode } from './file_system';
import { IDENTITY_FILE, isStorageId, nodeOfDisk, readIdentity, writeIdentity } from './identity';
import { createJournal, Journal } from './journal';
import type { JournalPlace } from './journal_place';
import { isUnusedSegment } from './journal_recovery';
import { type FolderLock, lockFolder } from './lock';
import { DEFAULT_MAX_RECORD_BYTES } from './record_format';
import { DEFAULT_SEGMENT_BYTES, segmentFirsts, segmentName } from './segment_format';
import { SnapshotFiles } from './snapshot_files';
import type {
  Storage,
  StorageEffect,
  StorageEvent,
  StorageIdentity,
  StorageListener,
  StorageStats,
} from './storage';
import { DiskFailed, FolderUnusable, IdentityDamaged, SnapshotDamaged } from './storage_errors';

const JOURNAL = 'journal';
const SNAPSHOTS = 'snapshots';

export interface DurableStorageOptions {
  readonly folder: string;
  /** Absent: the node that the folder belongs to, whichever it is; a new folder names it. */
  readonly nodeId?: NodeId | undefined;
  /** Absent: the cluster that the folder belongs to, whichever it is; '' for a new folder. */
  readonly clusterId?: string | undefined;
  /** Draws the number of a new folder, 1 to 2^48-1. */
  readonly drawStorageId: () => StorageId;
  readonly segmentBytes?: number | undefined;
  readonly maxRecordBytes?: number | undefined;
  readonly fileSystem?: FileSystem | undefined;
}

/**
 * Opens a data folder, or makes one. Throws `FolderInUse`, `FolderUnusable`, `WrongFolder`,
 * `IdentityDamaged`, `JournalDamaged` or `SnapshotDamaged`.
 */
export function openDurableStorage(options: DurableStorageOptions): DurableStorage {
  try {
    return openFolder(options);
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    throw new FolderUnusable(options.folder, code, error as Error);
  }
}

function openFolder(options: DurableStorageOptions): DurableStorage {
  const fs = options.fileSystem ?? NODE_FILE_SYSTEM;
  const { folder } = options;
  const created = fs.makeFolderSync(folder);
  const lock = lockFolder(fs, folder);
  try {
    fs.makeFolderSync(join(folder, JOURNAL));
    fs.makeFolderSync(join(folder, SNAPSHOTS));
    const known = readIdentity(fs, folder, options);
    const identity = known ?? createFolder(fs, options, created);
    return new DurableStorage(placeOf(fs, options, identity), folder, identity, lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

export class DurableStorage implements Storage {
  readonly recovered: Recovered;

  private readonly journal: Journal;
  private readonly snapshots: SnapshotFiles;
  private listener: StorageListener | undefined;
  private broken = false;
  private closing: Promise<void> | undefined;

  /** Use {@link openDurableStorage}. */
  constructor(
    place: JournalPlace,
    private readonly folder: string,
    readonly identity: StorageIdentity,
    private readonly lock: FolderLock,
  ) {
    const failed = (error: Error): void => this.fail(error);
    const event = (what: StorageEvent): void => this.tell(what);
    const snapshots = join(folder, SNAPSHOTS);
    this.snapshots = new SnapshotFiles(place.fs, snapshots, identity.storageId, { event, failed });
    try {
      this.journal = new Journal(place, {
        persisted: (through) => event({ kind: 'persisted', through: journalSequence(through) }),
        failed,
      });
    } catch (error) {
      this.snapshots.dropSync();
      throw error;
    }
    this.recovered = {
      snapshot: this.snapshots.recovered,
      records: this.journal.records,
      firstSequence: journalSequence(this.journal.firstSequence),
    };
  }

  listen(listener: StorageListener): void {
    invariant(this.listener === undefined, 'a storage has one listener', {});
    this.listener = listener;
  }

  perform(effect: StorageEffect, mayWait = false): void {
    invariant(this.listener !== undefined, 'somebody must listen before the first effect', {});
    // What comes too late is as lost as in a crash: it is never acknowledged.
    if (!this.broken && this.closing === undefined) this.dispatch(effect, mayWait);
  }

  stats(): StorageStats {
    return { ...this.journal.stats(), snapshotBytes: this.snapshots.bytes };
  }

  close(): Promise<void> {
    this.closing ??= new Promise<void>((resolve) => {
      this.snapshots.close(() => this.journal.close(resolve));
    }).then(() => this.lock.release());
    return this.closing;
  }

  private dispatch(effect: StorageEffect, mayWait: boolean): void {
    switch (effect.kind) {
      case 'persist':
        return this.journal.append(effect.records, effect.through, mayWait);
      case 'release':
        return this.journal.release(effect.before);
      case 'snapshot_open':
        return this.snapshots.open(effect.snapshot, effect.meta);
      case 'snapshot_append':
        return this.snapshots.append(effect.snapshot, effect.offset, effect.bytes);
      case 'snapshot_commit':
        return this.snapshots.commit(effect.snapshot);
      case 'snapshot_abort':
        return this.snapshots.abort(effect.snapshot);
      case 'snapshot_read':
        return this.snapshots.read(effect.snapshot, effect.peer, effect.offset, effect.length);
      default:
        return unreachable(effect);
    }
  }

  private tell(event: StorageEvent): void {
    if (!this.broken) this.listener?.event(event);
  }

  private fail(error: Error): void {
    if (this.broken) return;
    this.broken = true;
    const known = error instanceof SnapshotDamaged;
    this.listener?.failed(known ? error : new DiskFailed(this.folder, error));
  }
}

/**
 * Makes a new folder durable, its identity last: a folder with an identity therefore has a journal,
 * and one whose journal is missing is damaged rather than new.
 */
function createFolder(
  fs: FileSystem,
  options: DurableStorageOptions,
  created: string | undefined,
): StorageIdentity {
  const { folder, clusterId = '' } = options;
  refuseOrphans(fs, folder);
  const storageId = options.drawStorageId();
  invariant(isStorageId(storageId), 'a storage id must be 1 to 2^48-1', { storageId });
  const identity = { clusterId, nodeId: options.nodeId ?? nodeOfDisk(storageId), storageId };
  createJournal(placeOf(fs, options, identity));
  fs.syncFolderSync(folder);
  syncAbove(fs, folder, created);
  writeIdentity(fs, folder, identity);
  return identity;
}

/** Refuses to call a folder new that holds somebody's data but not their name. */
function refuseOrphans(fs: FileSystem, folder: string): void {
  const journal = join(folder, JOURNAL);
  const firsts = segmentFirsts(fs.listSync(journal));
  const used = firsts.some((first) => !isUnusedSegment(fs, join(journal, segmentName(first))));
  const snapshots = fs.listSync(join(folder, SNAPSHOTS));
  if (used || firsts.length > 1 || snapshots.length > 0) {
    throw new IdentityDamaged(join(folder, IDENTITY_FILE), 'it is missing, but there is data');
  }
}

/** What a folder says to a flush in which nobody has created anything for this node. */
const FOREIGN = ['EACCES', 'EPERM', 'EROFS', 'EINVAL', 'ENOTSUP'];

/**
 * Makes the name of the folder durable, and those of all folders above: a start that failed may have
 * created any of them. Above what this start has found or created itself, those are passed over that
 * cannot be opened or whose file system knows no such flush.
 */
function syncAbove(fs: FileSystem, folder: string, created: string | undefined): void {
  const top = dirname(resolve(created ?? folder));
  let isForeign = false;
  for (let path = dirname(resolve(folder)); ; path = dirname(path)) {
    try {
      fs.syncFolderSync(path);
    } catch (error) {
      if (!isForeign || !FOREIGN.some((code) => hasCode(error, code))) throw error;
    }
    isForeign ||= path === top;
    if (path === dirname(path)) return;
  }
}

function placeOf(
  fs: FileSystem,
  options: DurableStorageOptions,
  { storageId }: StorageIdentity,
): JournalPlace {
  const { segmentBytes = DEFAULT_SEGMENT_BYTES, maxRecordBytes = DEFAULT_MAX_RECORD_BYTES } =
    options;
  const folder = join(options.folder, JOURNAL);
  return { fs, folder, storageId, segmentBytes, maxRecordBytes };
}
