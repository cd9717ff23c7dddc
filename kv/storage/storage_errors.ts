/**
 * What can be wrong with a data folder, each with what to do about it. All of them are thrown
 * while the folder is opened, or handed to `StorageListener.failed`; none is ever worked around,
 * because a node that goes on with less than it promised breaks the cluster's promises.
 */

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

/** The disk refused a write or a flush, or gave back an error on a read. */
export class DiskFailed extends Error {
  override readonly name = 'DiskFailed';

  constructor(folder: string, cause: Error) {
    super(
      `the disk of the data folder ${folder} failed: ${cause.message}. The node must stop; see to ` +
        'the disk (is it full?), then start the node again',
      { cause },
    );
  }
}
