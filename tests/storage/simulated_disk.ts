/**
 * A disk in memory that does what real ones do: it writes short, runs full, fails a flush, and
 * loses power at any operation.
 *
 * After a power cut the names in a folder are those of its last flush and of some of the changes
 * since: the first of them, or any. A file that was never flushed is empty or as long as it was but zero; of what
 * was written since the last flush each small stretch has arrived or has not, in no order.
 */

import { basename, dirname } from 'node:path';
import type { Prng } from '../../kv/core/prng';
import type { Done, DoneWith, FileSystem, OpenMode } from '../../kv/storage/file_system';

export interface Operation {
  readonly kind: string;
  readonly path: string;
  readonly bytes: number;
}

/** An error to report, the number of bytes to take of a write, or nothing to interfere with. */
export type Fault = (operation: Operation) => Error | number | undefined;

/** Thrown out of synchronous operations once the power is off. */
export class PowerCut extends Error {
  override readonly name = 'PowerCut';
}

/** How much of a write survives or not as one; in large files more, to save time. */
const STRETCH = 16;
const LARGE_STRETCH = 1024;

/** So many turns of the event loop without an operation mean that there will be none. */
const QUIET_TURNS = 32;

const MUST_EXIST: readonly OpenMode[] = ['read', 'update', 'durable_update'];

interface File {
  live: Buffer;
  durable: Buffer;
  everSynced: boolean;
  path: string;
}

type NameChange = (names: Map<string, File>) => void;

export class SimulatedDisk implements FileSystem {
  /** How many operations have been carried out. */
  operations = 0;
  /** The operation before which the power goes. */
  cutAt = Number.POSITIVE_INFINITY;
  fault: Fault = () => undefined;

  private readonly folders = new Set<string>();
  private readonly open_ = new Map<number, File>();
  /** Open files of which every write is durable when it is reported. */
  private readonly durable = new Set<number>();
  private readonly waiting: (() => void)[] = [];
  /** Changes of names since the last flush of their folder. */
  private readonly changes: { readonly folder: string; readonly apply: NameChange }[] = [];
  private nextFile = 3;

  constructor(
    private readonly random: Prng,
    readonly names = new Map<string, File>(),
    private readonly durableNames = new Map<string, File>(),
  ) {}

  get isOff(): boolean {
    return this.operations >= this.cutAt;
  }

  /** Carries out one of the waiting operations; false if there is none or the power is off. */
  step(): boolean {
    if (this.waiting.length === 0 || this.isOff) return false;
    const [operation] = this.waiting.splice(this.random.between(0, this.waiting.length - 1), 1);
    operation?.();
    return true;
  }

  /** Carries out everything that is waiting, and what follows from it. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS; ) {
      if (this.step()) quiet = 0;
      else {
        await new Promise((resolve) => setImmediate(resolve));
        quiet++;
      }
    }
  }

  /** The disk as it comes back. Locks are left out: their owners died with the power. */
  powerCut(): SimulatedDisk {
    const names = new Map(this.durableNames);
    const lost = new Set<string>();
    const inOrder = this.random.chance(1, 2);
    for (const { folder, apply } of this.changes) {
      if (!inOrder) lost.clear();
      if (this.random.chance(1, 3)) lost.add(folder);
      if (!lost.has(folder)) apply(names);
    }
    const after = new SimulatedDisk(this.random);
    for (const folder of this.folders) after.folders.add(folder);
    for (const [path, file] of names) {
      if (basename(path).startsWith('lock')) continue;
      after.put(path, this.survivor(file));
    }
    return after;
  }

  /**
   * The process is killed, the machine goes on: what was written can be read, and may yet be lost.
   * What had been asked of the disk and not begun is forgotten.
   */
  kill(): void {
    this.cutAt = Number.POSITIVE_INFINITY;
    this.waiting.length = 0;
    this.open_.clear();
    for (const path of this.names.keys()) {
      if (basename(path).startsWith('lock')) this.names.delete(path);
    }
  }

  /** The same disk, files shared with nobody, as a killed process leaves it. */
  copy(): SimulatedDisk {
    const copy = new SimulatedDisk(this.random);
    for (const folder of this.folders) copy.folders.add(folder);
    for (const [path, file] of this.names) {
      if (!basename(path).startsWith('lock')) copy.put(path, Buffer.from(file.live));
    }
    return copy;
  }

  /** How many files are open. */
  get openFiles(): number {
    return this.open_.size;
  }

  /** The content of a file. */
  content(path: string): Buffer {
    return this.file(path).live;
  }

  /** Puts a file there, durable. */
  put(path: string, live: Buffer): void {
    const file = { live, durable: Buffer.from(live), everSynced: true, path };
    this.names.set(path, file);
    this.durableNames.set(path, file);
  }

  makeFolderSync(folder: string): string | undefined {
    this.begin('makeFolder', folder);
    const made = this.folders.has(folder) ? undefined : folder;
    this.folders.add(folder);
    return made;
  }

  listSync(folder: string): string[] {
    this.begin('list', folder);
    return [...this.names.keys()]
      .filter((path) => dirname(path) === folder)
      .map((p) => basename(p));
  }

  openSync(path: string, mode: OpenMode): number {
    this.begin('open', path);
    const existing = this.names.get(path);
    if (existing === undefined && MUST_EXIST.includes(mode)) throw failure('ENOENT');
    if (existing !== undefined && mode === 'exclusive') throw failure('EEXIST');
    const file = existing ?? this.added(path);
    if (mode === 'create' || mode === 'durable_create') file.live = Buffer.alloc(0);
    this.open_.set(this.nextFile, file);
    if (mode.startsWith('durable')) this.durable.add(this.nextFile);
    return this.nextFile++;
  }

  sizeSync(file: number): number {
    return this.opened(file).live.length;
  }

  readSync(file: number, into: Uint8Array, position: number): number {
    const { live, path } = this.opened(file);
    const wanted = this.begin('read', path, into.length);
    const source = live.subarray(position, position + wanted);
    into.set(source);
    return source.length;
  }

  writeSync(file: number, bytes: Uint8Array, position: number): number {
    const written = this.writeParts(file, [bytes], position);
    if (this.durable.has(file)) this.flushPart(file, position, written);
    return written;
  }

  syncSync(file: number): void {
    const opened = this.opened(file);
    this.begin('sync', opened.path);
    opened.durable = Buffer.from(opened.live);
    opened.everSynced = true;
  }

  closeSync(file: number): void {
    this.opened(file);
    this.open_.delete(file);
    this.durable.delete(file);
  }

  renameSync(from: string, to: string): void {
    this.begin('rename', to);
    const file = this.file(from);
    this.change(dirname(to), (names) => {
      names.delete(from);
      names.set(to, file);
    });
    file.path = to;
  }

  linkSync(existing: string, added: string): void {
    this.begin('link', added);
    if (this.names.has(added)) throw failure('EEXIST');
    const file = this.file(existing);
    this.change(dirname(added), (names) => names.set(added, file));
  }

  removeSync(path: string): void {
    this.begin('remove', path);
    this.file(path);
    this.change(dirname(path), (names) => names.delete(path));
  }

  syncFolderSync(folder: string): void {
    this.begin('syncFolder', folder);
    for (let i = 0; i < this.changes.length; ) {
      const change = this.changes[i];
      if (change?.folder === folder) {
        change.apply(this.durableNames);
        this.changes.splice(i, 1);
      } else i++;
    }
  }

  open(path: string, mode: OpenMode, done: DoneWith<number>): void {
    this.later(() => this.openSync(path, mode), done);
  }

  read(file: number, into: Uint8Array, position: number, done: DoneWith<number>): void {
    this.later(() => this.readSync(file, into, position), done);
  }

  write(
    file: number,
    parts: readonly Uint8Array[],
    position: number,
    done: DoneWith<number>,
  ): void {
    if (this.durable.has(file)) this.writeDurably(file, parts, position, done);
    else this.later(() => this.writeParts(file, parts, position), done);
  }

  sync(file: number, done: Done): void {
    this.later(() => this.syncSync(file), done);
  }

  close(file: number, done: Done): void {
    this.later(() => this.closeSync(file), done);
  }

  rename(from: string, to: string, done: Done): void {
    this.later(() => this.renameSync(from, to), done);
  }

  remove(path: string, done: Done): void {
    this.later(() => this.removeSync(path), done);
  }

  syncFolder(folder: string, done: Done): void {
    this.later(() => this.syncFolderSync(folder), done);
  }

  /** What happens here takes no time. */
  now(): number {
    return 0;
  }

  soon(done: Done): void {
    setImmediate(done, null);
  }

  /** In two operations, so that the power may go, and a fault come, between writing and flushing. */
  private writeDurably(
    file: number,
    parts: readonly Uint8Array[],
    position: number,
    done: DoneWith<number>,
  ): void {
    this.later(
      () => this.writeParts(file, parts, position),
      (error, written) => {
        if (error !== null) done(error, written);
        else {
          this.later(
            () => this.flushPart(file, position, written),
            (failed) => done(failed, written),
          );
        }
      },
    );
  }

  private flushPart(file: number, from: number, length: number): void {
    const opened = this.opened(file);
    this.begin('sync', opened.path);
    if (opened.durable.length < opened.live.length) {
      const grown = Buffer.alloc(opened.live.length);
      opened.durable.copy(grown);
      opened.durable = grown;
    }
    opened.live.copy(opened.durable, from, from, from + length);
    opened.everSynced = true;
  }

  private later<T>(operation: () => T, done: (error: Error | null, value: T) => void): void {
    this.waiting.push(() => {
      let value: T;
      try {
        value = operation();
      } catch (error) {
        // Without power nobody is told anything.
        if (!(error instanceof PowerCut)) done(error as Error, undefined as T);
        return;
      }
      done(null, value);
    });
  }

  /** Counts an operation and lets the fault interfere; returns how many bytes it may move. */
  private begin(kind: string, path: string, bytes = 0): number {
    if (this.isOff) throw new PowerCut('the power is off');
    this.operations++;
    const fault = this.fault({ kind, path, bytes });
    if (fault instanceof Error) throw fault;
    return Math.min(bytes, fault ?? bytes);
  }

  private writeParts(file: number, parts: readonly Uint8Array[], position: number): number {
    const opened = this.opened(file);
    const all = Buffer.concat(parts);
    const bytes = all.subarray(0, this.begin('write', opened.path, all.length));
    if (opened.live.length < position + bytes.length) {
      const grown = Buffer.alloc(position + bytes.length);
      opened.live.copy(grown);
      opened.live = grown;
    }
    bytes.copy(opened.live, position);
    return bytes.length;
  }

  private survivor({ live, durable, everSynced }: File): Buffer {
    if (!everSynced && this.random.chance(1, 2)) return Buffer.alloc(0);
    const bytes = Buffer.alloc(live.length);
    durable.copy(bytes);
    // Every third time all is lost or all is kept: the extremes matter most.
    const kept = this.random.pick([0, 1, 2, 3, 4, 4]);
    const stretch = live.length > 64 * STRETCH ? LARGE_STRETCH : STRETCH;
    for (let at = 0; at < live.length; at += stretch) {
      if (this.random.chance(kept, 4)) live.copy(bytes, at, at, at + stretch);
    }
    return bytes;
  }

  private added(path: string): File {
    const file = { live: Buffer.alloc(0), durable: Buffer.alloc(0), everSynced: false, path };
    this.change(dirname(path), (names) => names.set(path, file));
    return file;
  }

  private change(folder: string, apply: NameChange): void {
    apply(this.names);
    this.changes.push({ folder, apply });
  }

  private file(path: string): File {
    const file = this.names.get(path);
    if (file === undefined) throw failure('ENOENT');
    return file;
  }

  private opened(file: number): File {
    const opened = this.open_.get(file);
    if (opened === undefined) throw failure('EBADF');
    return opened;
  }
}

/** An error as the system reports it. */
export function failure(code: string): Error {
  return Object.assign(new Error(`${code}: simulated`), { code });
}
