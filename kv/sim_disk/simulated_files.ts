/**
 * A file system in simulated time: what a process asks for takes a drawn while, and the machine
 * calls back. Nothing real has any influence, so a seed gives the same bytes every time.
 *
 * When the process dies, what it had asked for and has no answer to may have happened, or not, or
 * (a write) in part. A killed process leaves everything that was written; after a power cut the
 * files are those of `FileNames.losePower` and `SimulatedFile.losePower`.
 *
 * What happens before a process serves is synchronous and takes no time; no fault interferes then.
 */

import type { Prng } from '../core/prng';
import type { DiskHost, Ending } from '../sim/disk';
import type { Done, DoneWith, FileHandle, FileSystem, OpenMode } from '../storage/file_system';
import { DiskFaults, type Landings, SystemError } from './disk_faults';
import { FileNames } from './file_names';
import { SimulatedFile } from './simulated_file';

/** Milliseconds have so many parts in a draw, so that two things seldom end at one moment. */
const PARTS = 1000;
/** How long everything but a flush takes at most. */
const QUICK_MS = 0.1;
const MUST_EXIST: readonly OpenMode[] = ['read', 'update', 'durable_update'];

/** What a process has asked for and has no answer to. */
interface Operation<T> {
  /** Throws what the system would answer. */
  run(): T;
  /** Does a part of it, where it has parts. */
  readonly runInPart?: () => void;
}

export class SimulatedFiles implements FileSystem {
  readonly names = new FileNames();
  readonly faults: DiskFaults;

  private readonly folders = new Set<string>();
  private readonly handles = new Map<FileHandle, SimulatedFile>();
  /** Those of which every write is flushed before it is reported. */
  private readonly durableHandles = new Set<FileHandle>();
  private lastHandle: FileHandle = 2;
  private host: Pick<DiskHost, 'later'> | undefined;
  private readonly underWay = new Set<Operation<unknown>>();
  private minFlushMs = 0;
  private maxFlushMs = 1;

  constructor(
    private readonly random: Prng,
    landings: Landings,
  ) {
    this.faults = new DiskFaults(random, landings);
  }

  setFlushTime(minMs: number, maxMs: number): void {
    this.minFlushMs = minMs;
    this.maxFlushMs = maxMs;
  }

  /** A process begins. */
  start(host: Pick<DiskHost, 'later'>): void {
    this.host = host;
  }

  /** The process, if there is one, ends; so does the power, if it is cut. */
  stop(how: Exclude<Ending, 'stop'>): void {
    this.host = undefined;
    this.faults.disarm();
    for (const operation of this.underWay) this.abandon(operation);
    this.underWay.clear();
    this.handles.clear();
    this.durableHandles.clear();
    if (how === 'power_cut') this.names.losePower(this.random);
  }

  makeFolderSync(folder: string): string | undefined {
    if (this.folders.has(folder)) return undefined;
    this.folders.add(folder);
    return folder;
  }

  listSync(folder: string): string[] {
    return this.names.inFolder(folder);
  }

  openSync(path: string, mode: OpenMode): FileHandle {
    const existing = this.names.get(path);
    if (existing === undefined && MUST_EXIST.includes(mode)) throw new SystemError('ENOENT');
    if (existing !== undefined && mode === 'exclusive') throw new SystemError('EEXIST');
    if (mode === 'create' || mode === 'durable_create') existing?.truncate();
    this.handles.set(++this.lastHandle, existing ?? this.added(path));
    if (mode.startsWith('durable')) this.durableHandles.add(this.lastHandle);
    return this.lastHandle;
  }

  sizeSync(handle: FileHandle): number {
    return this.opened(handle).live.length;
  }

  readSync(handle: FileHandle, into: Uint8Array, position: number): number {
    return this.opened(handle).read(into, position);
  }

  writeSync(handle: FileHandle, bytes: Uint8Array, position: number): number {
    const file = this.opened(handle);
    if (this.durableHandles.has(handle)) return this.faults.writeDurably(file, bytes, position);
    file.write(bytes, position);
    return bytes.length;
  }

  syncSync(handle: FileHandle): void {
    const file = this.opened(handle);
    file.flush(file.lastWrite);
  }

  closeSync(handle: FileHandle): void {
    this.opened(handle);
    this.handles.delete(handle);
    this.durableHandles.delete(handle);
  }

  renameSync(from: string, to: string): void {
    this.names.rename(from, to, this.existing(from));
  }

  linkSync(existing: string, added: string): void {
    if (this.names.get(added) !== undefined) throw new SystemError('EEXIST');
    this.names.add(added, this.existing(existing));
  }

  removeSync(path: string): void {
    this.existing(path);
    this.names.remove(path);
  }

  syncFolderSync(folder: string): void {
    this.names.flush(this.names.changesOf(folder));
  }

  open(path: string, mode: OpenMode, done: DoneWith<FileHandle>): void {
    this.begin(this.quick(), { run: () => this.openSync(path, mode) }, done);
  }

  read(handle: FileHandle, into: Uint8Array, position: number, done: DoneWith<number>): void {
    this.begin(this.quick(), { run: () => this.readSync(handle, into, position) }, done);
  }

  write(
    handle: FileHandle,
    parts: readonly Uint8Array[],
    position: number,
    done: DoneWith<number>,
  ): void {
    const { faults } = this;
    const file = this.opened(handle);
    const bytes = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
    const runInPart = () => file.write(faults.beginningOf(bytes), position);
    if (this.durableHandles.has(handle)) {
      const run = () => faults.writeDurably(file, bytes, position);
      this.begin(this.flushTime(), { run, runInPart }, done);
    } else {
      const run = () => faults.write(file, bytes, position);
      this.begin(this.quick(), { run, runInPart }, done);
    }
  }

  sync(handle: FileHandle, done: Done): void {
    const file = this.opened(handle);
    const through = file.lastWrite;
    this.begin(this.flushTime(), { run: () => this.faults.flush(file, through) }, done);
  }

  close(handle: FileHandle, done: Done): void {
    this.begin(this.quick(), { run: () => this.closeSync(handle) }, done);
  }

  rename(from: string, to: string, done: Done): void {
    this.begin(this.quick(), { run: () => this.renameSync(from, to) }, done);
  }

  remove(path: string, done: Done): void {
    this.begin(this.quick(), { run: () => this.removeSync(path) }, done);
  }

  syncFolder(folder: string, done: Done): void {
    const changes = this.names.changesOf(folder);
    this.begin(this.flushTime(), { run: () => this.names.flush(changes) }, done);
  }

  /** Time does not pass within a step of the simulation. */
  now(): number {
    return 0;
  }

  soon(done: Done): void {
    this.begin(this.quick(), { run: () => undefined }, done);
  }

  /** Nothing is begun for a process that has ended: the code that asks does not know it yet. */
  private begin<T>(
    delayMs: number,
    operation: Operation<T>,
    done: (error: Error | null, value: T) => void,
  ): void {
    const { host } = this;
    if (host === undefined) return;
    this.underWay.add(operation);
    host.later(delayMs, () => {
      if (this.host !== host) return;
      this.underWay.delete(operation);
      const result = attempt(operation);
      if (result instanceof SystemError) done(result, undefined as T);
      else done(null, result);
    });
  }

  private abandon(operation: Operation<unknown>): void {
    const { runInPart } = operation;
    const fate = this.random.between(1, 3);
    if (fate === 1) return;
    if (fate === 2 && runInPart !== undefined) runInPart();
    else attempt(operation);
  }

  private added(path: string): SimulatedFile {
    const file = new SimulatedFile(path);
    this.names.add(path, file);
    return file;
  }

  private existing(path: string): SimulatedFile {
    const file = this.names.get(path);
    if (file === undefined) throw new SystemError('ENOENT');
    return file;
  }

  private opened(handle: FileHandle): SimulatedFile {
    const file = this.handles.get(handle);
    if (file === undefined) throw new SystemError('EBADF');
    return file;
  }

  private quick(): number {
    return this.random.between(0, QUICK_MS * PARTS) / PARTS;
  }

  private flushTime(): number {
    const low = Math.round(this.minFlushMs * PARTS);
    return this.random.between(low, Math.round(this.maxFlushMs * PARTS)) / PARTS;
  }
}

/** What an operation gives, or the error that the system answers. */
function attempt<T>(operation: Operation<T>): T | SystemError {
  try {
    return operation.run();
  } catch (error) {
    if (error instanceof SystemError) return error;
    throw error;
  }
}
