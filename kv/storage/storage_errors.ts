/**
 * What can be wrong with a data folder, each with what to do about it. All of them are thrown
 * while the folder is opened, or handed to `StorageListener.failed`; none is ever worked around,
 * because a node that goes on with less than it promised breaks the cluster's promises.
 */

import { isOutOfDescriptors } from './file_system';

const REPAIR =
  'Do not go on with this data: move the data folder away, start the node with an empty one, and ' +
  'let its peers repair it.';

/** The journal lacks records that were durable, or holds what was never written there. */
export class JournalDamaged extends Error {
  override readonly name = 'JournalDamaged';

  constructor(
    readonly file: string,
    readonly offset: number,
    reason: string,
  ) {
    super(`the journal is damaged: ${file}, offset ${offset}: ${reason}. ${REPAIR}`);
  }
}

/** A snapshot that was durable is not whole any more; the journal before it is gone. */
export class SnapshotDamaged extends Error {
  override readonly name = 'SnapshotDamaged';

  constructor(
    readonly file: string,
    readonly offset: number,
    reason: string,
  ) {
    super(`the snapshot is damaged: ${file}, offset ${offset}: ${reason}. ${REPAIR}`);
  }
}

/** The file that says whose folder this is cannot be believed. */
export class IdentityDamaged extends Error {
  override readonly name = 'IdentityDamaged';

  constructor(
    readonly file: string,
    reason: string,
  ) {
    super(`the identity of the data folder is damaged: ${file}: ${reason}. ${REPAIR}`);
  }
}

/** The folder belongs to another node or another cluster. */
export class WrongFolder extends Error {
  override readonly name = 'WrongFolder';
}

/** Another process uses the folder. */
export class FolderInUse extends Error {
  override readonly name = 'FolderInUse';
}

/** The system refused something without which the folder cannot be opened or made. */
export class FolderUnusable extends Error {
  override readonly name = 'FolderUnusable';

  constructor(
    folder: string,
    readonly code: string,
    cause: Error,
  ) {
    super(`the data folder ${folder} cannot be opened: ${cause.message}. ${adviceOn(code)}`, {
      cause,
    });
  }
}

/** The disk refused a write or a flush, or gave back an error on a read. */
export class DiskFailed extends Error {
  override readonly name = 'DiskFailed';

  constructor(folder: string, cause: Error) {
    const advice = isOutOfDescriptors(cause) ? RAISE_LIMIT : 'see to the disk (is it full?)';
    super(
      `the disk of the data folder ${folder} failed: ${cause.message}. The node must stop; ` +
        `${advice}, then start the node again`,
      { cause },
    );
  }
}

const RAISE_LIMIT =
  'raise the limit of open files (ulimit -n) above the connections that there may be (--max-connections)';

/** What to do about an error of the system, by its code. */
function adviceOn(code: string): string {
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'The disk is full: make room on it, then start the node again';
    case 'EACCES':
    case 'EPERM':
      return 'Let the user of this process read and write there, or choose another folder';
    case 'EROFS':
      return 'The disk can only be read: mount it for writing, or choose another folder';
    case 'ENOTDIR':
    case 'EEXIST':
      return 'Something that is not a folder has its name or one above it: choose another folder';
    case 'EMFILE':
    case 'ENFILE':
      return `To go on, ${RAISE_LIMIT}, then start the node again`;
    default:
      return 'See to the disk, or choose another folder, then start the node again';
  }
}
