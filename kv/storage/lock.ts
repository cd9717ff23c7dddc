/**
 * Keeps a second process out of a data folder.
 *
 * Node has no file locks without native code, so the lock is a file that names its owner: process
 * id, and where the system tells (Linux) when that process started and in which boot, so that a
 * dead owner is recognised even when its number has been given to another process. The file appears
 * whole or not at all, because it is written aside and then linked to its name.
 *
 * A lock whose owner is dead is taken over. Two processes that do so at once could each remove the
 * other's lock, so a second file, held for an instant, lets one at a time do it.
 *
 * What it cannot do: it does not see owners on other machines (a folder on a network drive) or in
 * other containers. Do not let two of those share a folder. On systems that do not tell when a
 * process started, a lock left by a crash holds as long as some process has the same number.
 */

import { readFileSync as readSystemFile } from 'node:fs';
import { join } from 'node:path';
import { type FileSystem, hasCode } from './file_system';
import { FolderInUse } from './storage_errors';
import { readFileSync, writeWholeSync } from './whole_files';

const FILE = 'lock';
const TAKEOVER_FILE = 'lock.takeover';

/** The owner of a lock. `started` and `boot` are empty where the system does not tell. */
interface Owner {
  readonly pid: number;
  readonly started: string;
  readonly boot: string;
}

export interface FolderLock {
  release(): void;
}

/** Locks the folder. Throws `FolderInUse`. */
export function lockFolder(fs: FileSystem, folder: string): FolderLock {
  const path = join(folder, FILE);
  if (!claim(fs, path)) takeOver(fs, folder, path);
  return { release: () => release(fs, path) };
}

/** A lock that cannot be removed does no harm: its owner will be dead, so the next one takes it. */
function release(fs: FileSystem, path: string): void {
  try {
    fs.removeSync(path);
  } catch {
    // The disk has failed or the folder is gone, and whoever closes a storage cannot help that.
  }
}

/** Makes a lock of this name; false if there is one. */
function claim(fs: FileSystem, path: string): boolean {
  const aside = `${path}.${process.pid}`;
  const file = fs.openSync(aside, 'create');
  try {
    writeWholeSync(fs, file, Buffer.from(JSON.stringify(ownerOf(process.pid))), 0);
  } finally {
    fs.closeSync(file);
  }
  try {
    fs.linkSync(aside, path);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  } finally {
    fs.removeSync(aside);
  }
}

function takeOver(fs: FileSystem, folder: string, path: string): void {
  refuseIfAlive(fs, folder, path);
  const takeover = join(folder, TAKEOVER_FILE);
  if (!claim(fs, takeover)) {
    throw new FolderInUse(
      `another process is about to take over the data folder ${folder}; if there is none, ` +
        `remove ${takeover} and start again`,
    );
  }
  try {
    // Somebody may have taken it over, and be alive, since the first look.
    refuseIfAlive(fs, folder, path);
    removeIfThere(fs, path);
    if (!claim(fs, path)) throw new FolderInUse(`the data folder ${folder} was just taken`);
  } finally {
    fs.removeSync(takeover);
  }
}

function refuseIfAlive(fs: FileSystem, folder: string, path: string): void {
  const owner = readOwner(fs, path);
  if (owner === undefined || !isAlive(owner)) return;
  throw new FolderInUse(`the data folder ${folder} is in use by process ${owner.pid}`);
}

/** The owner that a lock names; undefined if it names none, as after a power failure. */
function readOwner(fs: FileSystem, path: string): Owner | undefined {
  try {
    const owner: unknown = JSON.parse(readFileSync(fs, path).toString());
    return isOwner(owner) ? owner : undefined;
  } catch (error) {
    if (hasCode(error, 'ENOENT') || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isOwner(value: unknown): value is Owner {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, started, boot } = value as Record<string, unknown>;
  return (
    Number.isSafeInteger(pid) &&
    Number(pid) > 0 &&
    typeof started === 'string' &&
    typeof boot === 'string'
  );
}

function isAlive(owner: Owner): boolean {
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    // EPERM: the process exists but belongs to somebody else.
    if (!hasCode(error, 'EPERM')) return false;
  }
  const now = ownerOf(owner.pid);
  const known = owner.started !== '' && now.started !== '';
  return !known || (now.started === owner.started && now.boot === owner.boot);
}

function ownerOf(pid: number): Owner {
  const stat = systemText(`/proc/${pid}/stat`);
  // The name of the program, in parentheses, may hold anything; after it come single words, the
  // state first and the start time as the 20th.
  const words = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const isZombie = words[0] === 'Z';
  const started = isZombie ? 'ended' : (words[19] ?? '');
  return { pid, started, boot: systemText('/proc/sys/kernel/random/boot_id').trim() };
}

/** What the system says, or nothing where it says nothing. */
function systemText(path: string): string {
  try {
    return readSystemFile(path, 'latin1');
  } catch {
    return '';
  }
}

function removeIfThere(fs: FileSystem, path: string): void {
  try {
    fs.removeSync(path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}
