/**
 * Reading and writing all of something: a disk may take or give fewer bytes than asked for without
 * calling it an error (a nearly full one does), so whoever stops after one call loses data.
 */

import { dirname } from 'node:path';
import type { Done, FileHandle, FileSystem } from './file_system';

/** A disk that takes nothing and reports no error is full, whatever it says. */
export class NoProgress extends Error {
  override readonly name = 'NoProgress';
  readonly code = 'ENOSPC';

  constructor(left: number) {
    super(`the disk took none of ${left} bytes and reported no error: it is probably full`);
  }
}

/** Writes all parts at `position`, one after another. */
export function writeWhole(
  fs: FileSystem,
  file: FileHandle,
  parts: readonly Uint8Array[],
  position: number,
  done: Done,
): void {
  fs.write(file, parts, position, (error, written) => {
    const left = error === null ? withoutFirst(parts, written) : [];
    if (left.length === 0) done(error);
    else if (written === 0) done(new NoProgress(byteLength(left)));
    else writeWhole(fs, file, left, position + written, done);
  });
}

export function writeWholeSync(
  fs: FileSystem,
  file: FileHandle,
  bytes: Uint8Array,
  position: number,
): void {
  for (let at = 0; at < bytes.length; ) {
    const written = fs.writeSync(file, bytes.subarray(at), position + at);
    if (written === 0) throw new NoProgress(bytes.length - at);
    at += written;
  }
}

/** Gives a file another content, durably: whoever reads it finds the old one or the new one. */
export function replaceFileSync(fs: FileSystem, path: string, bytes: Uint8Array): void {
  const aside = `${path}.partial`;
  const file = fs.openSync(aside, 'create');
  try {
    writeWholeSync(fs, file, bytes, 0);
    fs.syncSync(file);
  } finally {
    fs.closeSync(file);
  }
  fs.renameSync(aside, path);
  fs.syncFolderSync(dirname(path));
}

/** Fills `into` from `position` on; says how many bytes there were. */
export function readWholeSync(
  fs: FileSystem,
  file: FileHandle,
  into: Uint8Array,
  position: number,
): number {
  let at = 0;
  while (at < into.length) {
    const read = fs.readSync(file, into.subarray(at), position + at);
    if (read === 0) break;
    at += read;
  }
  return at;
}

/** As {@link readWholeSync}, while the node serves. */
export function readWhole(
  fs: FileSystem,
  file: FileHandle,
  into: Uint8Array,
  position: number,
  done: (error: Error | null, read: number) => void,
  before = 0,
): void {
  fs.read(file, into, position, (error, read) => {
    const sofar = error === null ? before + read : before;
    if (error !== null || read === 0 || read === into.length) done(error, sofar);
    else readWhole(fs, file, into.subarray(read), position + read, done, sofar);
  });
}

/** The content of a small file. */
export function readFileSync(fs: FileSystem, path: string): Buffer {
  const file = fs.openSync(path, 'read');
  try {
    const bytes = Buffer.alloc(fs.sizeSync(file));
    return bytes.subarray(0, readWholeSync(fs, file, bytes, 0));
  } finally {
    fs.closeSync(file);
  }
}

/** Runs steps one after another until one fails. */
export function inOrder(steps: readonly ((done: Done) => void)[], done: Done, from = 0): void {
  const step = steps[from];
  if (step === undefined) done(null);
  else step((error) => (error === null ? inOrder(steps, done, from + 1) : done(error)));
}

function withoutFirst(parts: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let skip = count;
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i] as Uint8Array;
    if (skip < part.length) return [part.subarray(skip), ...parts.slice(i + 1)];
    skip -= part.length;
  }
  return [];
}

function byteLength(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}
