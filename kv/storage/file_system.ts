/**
 * The few file operations that storage needs, behind an interface, so that tests can put a disk
 * underneath that writes short, runs full, fails a flush or loses its power.
 *
 * What happens before the node serves (opening, locking, recovery) is synchronous: nobody waits
 * for it, and straight code is easier to trust. What happens while it serves takes callbacks:
 * a promise for every batch would cost more than the batch.
 */

import * as fs from 'node:fs';

export type Done = (error: Error | null) => void;
export type DoneWith<T> = (error: Error | null, value: T) => void;

/** A number by which an open file goes. */
export type FileHandle = number;

/**
 * `read`: must exist. `update`: must exist, for reading and writing. `create`: for both, emptied
 * if it exists. `exclusive`: for both, must not exist. What is written through a file opened as
 * `durable_update` or `durable_create` is durable when the write is reported, with whatever is needed
 * to read it back; what was written in another way is none of its business.
 */
export type OpenMode =
  | 'read'
  | 'update'
  | 'create'
  | 'exclusive'
  | 'durable_update'
  | 'durable_create';

export interface FileSystem {
  /** Makes a folder and those above it as far as they are missing; returns the topmost one made. */
  makeFolderSync(folder: string): string | undefined;
  /** The names in a folder, in no order. */
  listSync(folder: string): string[];
  openSync(path: string, mode: OpenMode): FileHandle;
  sizeSync(file: FileHandle): number;
  /** How many bytes were read: fewer than asked for at the end of the file, and 0 beyond it. */
  readSync(file: FileHandle, into: Uint8Array, position: number): number;
  /** How many bytes were written: possibly fewer than given, without an error. */
  writeSync(file: FileHandle, bytes: Uint8Array, position: number): number;
  syncSync(file: FileHandle): void;
  closeSync(file: FileHandle): void;
  renameSync(from: string, to: string): void;
  /** Gives a file a second name, which must not exist yet. */
  linkSync(existing: string, added: string): void;
  removeSync(path: string): void;
  /** Makes the names in a folder durable. */
  syncFolderSync(folder: string): void;

  open(path: string, mode: OpenMode, done: DoneWith<FileHandle>): void;
  read(file: FileHandle, into: Uint8Array, position: number, done: DoneWith<number>): void;
  /** Writes the parts one after another; may be short, like `writeSync`. */
  write(
    file: FileHandle,
    parts: readonly Uint8Array[],
    position: number,
    done: DoneWith<number>,
  ): void;
  /** Makes the content and everything else about the file durable. */
  sync(file: FileHandle, done: Done): void;
  close(file: FileHandle, done: Done): void;
  rename(from: string, to: string, done: Done): void;
  remove(path: string, done: Done): void;
  syncFolder(folder: string, done: Done): void;
  /** Milliseconds since some moment, to tell how long something takes. */
  now(): number;
  /** Calls back after this call has returned: for what is done already and must not look like it. */
  soon(done: Done): void;
}

/** Whether an error of the file system has this code, say `ENOENT`. */
export function hasCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}

/** The code of an error of the system, `ENOSPC` say; undefined for every other error. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  // Errors of Node itself have codes too, but with underscores: ERR_INVALID_ARG_TYPE.
  const { code } = error;
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}

/** Whether a file was not opened because the process, or the machine, has too many open already. */
export const isOutOfDescriptors = (error: unknown): boolean =>
  hasCode(error, 'EMFILE') || hasCode(error, 'ENFILE');

/**
 * How often an open is tried again for want of a descriptor, and after how long. Nothing was opened,
 * so no byte is at stake, as it would be with a flush: only time is lost. A minute is enough for the
 * HTTP server to close connections on which nothing comes; after that somebody must be told.
 */
const OPEN_RETRIES = 600;
const OPEN_RETRY_MS = 100;

/**
 * Linux flushes as part of the write: one trip to a thread and back instead of two, and the second
 * one would have to wait until the event loop has noticed the end of the first. Elsewhere the flag
 * is missing or promises less than a flush (macOS leaves the bytes in the cache of the drive).
 */
const WRITES_CAN_BE_DURABLE = process.platform === 'linux';
const { O_RDWR, O_CREAT, O_TRUNC, O_DSYNC } = fs.constants;

const FLAGS: Record<OpenMode, string | number> = {
  read: 'r',
  update: 'r+',
  create: 'w+',
  exclusive: 'wx+',
  durable_update: WRITES_CAN_BE_DURABLE ? O_RDWR | O_DSYNC : 'r+',
  durable_create: WRITES_CAN_BE_DURABLE ? O_RDWR | O_CREAT | O_TRUNC | O_DSYNC : 'w+',
};

/** Open files whose writes must be followed by a flush. */
const flushedByHand = new Set<FileHandle>();

function noteMode(file: FileHandle, mode: OpenMode): FileHandle {
  if (!WRITES_CAN_BE_DURABLE && mode.startsWith('durable')) flushedByHand.add(file);
  return file;
}

/** Windows has no way to flush a folder; it makes names durable by itself. */
const FOLDERS_CAN_BE_SYNCED = process.platform !== 'win32';

/** The file system of the machine. */
export const NODE_FILE_SYSTEM: FileSystem = {
  makeFolderSync: (folder) => fs.mkdirSync(folder, { recursive: true }),
  listSync: (folder) => fs.readdirSync(folder),
  openSync: (path, mode) => noteMode(fs.openSync(path, FLAGS[mode], 0o600), mode),
  sizeSync: (file) => fs.fstatSync(file).size,
  readSync: (file, into, position) => fs.readSync(file, into, 0, into.length, position),
  writeSync: (file, bytes, position) => {
    const written = fs.writeSync(file, bytes, 0, bytes.length, position);
    if (flushedByHand.has(file)) fs.fdatasyncSync(file);
    return written;
  },
  syncSync: (file) => fs.fsyncSync(file),
  closeSync: (file) => {
    flushedByHand.delete(file);
    fs.closeSync(file);
  },
  renameSync: (from, to) => fs.renameSync(from, to),
  linkSync: (existing, added) => fs.linkSync(existing, added),
  removeSync: (path) => fs.unlinkSync(path),
  syncFolderSync: (folder) => {
    if (!FOLDERS_CAN_BE_SYNCED) return;
    const file = fs.openSync(folder, 'r');
    try {
      fs.fsyncSync(file);
    } finally {
      fs.closeSync(file);
    }
  },

  open: (path, mode, done) => {
    openPatiently(path, FLAGS[mode], (error, file) => {
      done(error, error === null ? noteMode(file, mode) : file);
    });
  },
  read: (file, into, position, done) => fs.read(file, into, 0, into.length, position, done),
  write: (file, parts, position, done) => {
    const written = flushedByHand.has(file) ? thenFlush(file, done) : done;
    const only = parts[0];
    if (parts.length === 1 && only !== undefined) {
      fs.write(file, only, 0, only.length, position, written);
    } else {
      fs.writev(file, parts, position, written);
    }
  },
  sync: (file, done) => fs.fsync(file, done),
  close: (file, done) => {
    flushedByHand.delete(file);
    fs.close(file, done);
  },
  rename: (from, to, done) => fs.rename(from, to, done),
  remove: (path, done) => fs.unlink(path, done),
  syncFolder: (folder, done) => {
    if (FOLDERS_CAN_BE_SYNCED) syncOpenFolder(folder, done);
    else setImmediate(done, null);
  },
  now: () => performance.now(),
  soon: (done) => {
    setImmediate(done, null);
  },
};

function thenFlush(file: FileHandle, done: DoneWith<number>): DoneWith<number> {
  return (error, written) => {
    if (error !== null) done(error, written);
    else fs.fdatasync(file, (failed) => done(failed, written));
  };
}

function openPatiently(
  path: string,
  flags: string | number,
  done: DoneWith<FileHandle>,
  retries = OPEN_RETRIES,
): void {
  fs.open(path, flags, 0o600, (error, file) => {
    const again = (): void => openPatiently(path, flags, done, retries - 1);
    if (isOutOfDescriptors(error) && retries > 0) setTimeout(again, OPEN_RETRY_MS);
    else done(error, file);
  });
}

function syncOpenFolder(folder: string, done: Done): void {
  openPatiently(folder, 'r', (error, file) => {
    if (error !== null) done(error);
    else fs.fsync(file, (failed) => fs.close(file, (unclosed) => done(failed ?? unclosed)));
  });
}
