/**
 * The snapshots of a folder: at most one that is whole and current, one that is being written
 * aside, and older ones for as long as somebody still reads them.
 *
 * Everything that changes files runs in one queue, in the order of the effects. Reads do not wait
 * for it: each reads the snapshot that was current when it was asked for.
 */

import { join } from 'node:path';
import { invariant } from '../core/assert';
import { type NodeId, type SnapshotName, type StorageId, snapshotName } from '../core/ids';
import type { RecoveredSnapshot } from '../core/protocol';
import type { FileSystem } from './file_system';
import { Serial } from './serial';
import { isSnapshotName, PARTIAL } from './snapshot_format';
import { openSnapshotSync, readSlice, type SnapshotFile, snapshotChunks } from './snapshot_reader';
import { SnapshotWriter } from './snapshot_writer';
import type { StorageEvent } from './storage';

export interface SnapshotListener {
  event(event: StorageEvent): void;
  failed(error: Error): void;
}

/** A snapshot that may be read. */
interface Readable {
  readonly snapshot: SnapshotFile;
  reads: number;
  /** Set when a newer one has replaced it: closes and deletes it once nobody reads. */
  retire: (() => void) | undefined;
}

export class SnapshotFiles {
  readonly recovered: RecoveredSnapshot | undefined;

  private readonly queue = new Serial(() => this.settle());
  private readonly readable = new Set<Readable>();
  private current: Readable | undefined;
  private writer: SnapshotWriter | undefined;
  /** The last one that was committed, although it may not be durable yet. */
  private committed: SnapshotName | undefined;
  /** How much of the open snapshot has been handed over. */
  private offset = 0;
  private lastNumber = 0;
  private broken = false;
  private idle: (() => void) | undefined;

  /** Opens the snapshots of a folder. Throws `SnapshotDamaged`. */
  constructor(
    private readonly fs: FileSystem,
    private readonly folder: string,
    private readonly storageId: StorageId,
    private readonly listener: SnapshotListener,
  ) {
    const newest = openNewest(fs, folder, storageId);
    if (newest === undefined) return;
    const { snapshot, meta } = newest;
    this.lastNumber = snapshot.number;
    this.setCurrent(snapshot);
    this.recovered = {
      name: snapshot.name,
      meta,
      size: snapshot.size,
      chunks: { [Symbol.iterator]: () => snapshotChunks(fs, snapshot) },
    };
  }

  /** The bytes of the current snapshot's content. */
  get bytes(): number {
    return this.current?.snapshot.size ?? 0;
  }

  open(name: SnapshotName, meta: Uint8Array): void {
    invariant(isSnapshotName(name), 'a snapshot name must be [a-z0-9-]+', { name });
    invariant(!this.exists(name), 'a snapshot of this name exists already', { name });
    this.abandon();
    const path = join(this.folder, name);
    const number = ++this.lastNumber;
    const writer = new SnapshotWriter(this.fs, path, this.storageId, name, number, meta);
    this.writer = writer;
    this.offset = 0;
    this.queue.add((done) => writer.open(this.whenWell(done, () => undefined)));
  }

  append(name: SnapshotName, offset: number, bytes: Uint8Array): void {
    const writer = this.openWriter(name);
    invariant(offset === this.offset, 'a snapshot must be written without gaps', {
      name,
      offset,
      written: this.offset,
    });
    const through = offset + bytes.length;
    this.offset = through;
    this.enqueue((done) =>
      writer.append(
        bytes,
        this.whenWell(done, () =>
          this.listener.event({ kind: 'snapshot_written', snapshot: name, through }),
        ),
      ),
    );
  }

  commit(name: SnapshotName): void {
    const writer = this.openWriter(name);
    this.writer = undefined;
    this.committed = name;
    this.queue.add((done) => {
      // Nobody else knows the writer any more, and it has a file open.
      if (this.broken) writer.abort(() => done());
      else this.finish(writer, done);
    });
  }

  /** Forgets the open snapshot if it has this name. */
  abort(name: SnapshotName): void {
    if (this.writer?.name === name) this.abandon();
  }

  read(name: SnapshotName, peer: NodeId, offset: number, length: number): void {
    const { current } = this;
    if (current === undefined || current.snapshot.name !== name) return;
    current.reads++;
    readSlice(this.fs, current.snapshot, offset, length, (error, bytes) => {
      current.reads--;
      const { size } = current.snapshot;
      if (error !== null) this.fail(error);
      else if (!this.broken) {
        this.listener.event({ kind: 'snapshot_data', snapshot: name, peer, offset, bytes, size });
      }
      if (current.reads === 0) current.retire?.();
      this.settle();
    });
  }

  /** Closes the files of a folder that cannot be opened for another reason. */
  dropSync(): void {
    for (const { snapshot } of this.readable) this.fs.closeSync(snapshot.file);
  }

  /** Waits for what was handed over; an open snapshot is forgotten. */
  close(done: () => void): void {
    this.abandon();
    this.idle = done;
    this.settle();
  }

  private exists(name: SnapshotName): boolean {
    return name === this.committed || [...this.readable].some((r) => r.snapshot.name === name);
  }

  private openWriter(name: SnapshotName): SnapshotWriter {
    const { writer } = this;
    invariant(writer?.name === name, 'the snapshot must be open', { name, open: writer?.name });
    return writer;
  }

  private finish(writer: SnapshotWriter, done: () => void): void {
    writer.commit(this.folder, (error, snapshot) => {
      if (error !== null) this.fail(error);
      else if (snapshot !== undefined) this.replaceCurrent(snapshot);
      done();
    });
  }

  private abandon(): void {
    const { writer } = this;
    this.writer = undefined;
    if (writer === undefined) return;
    this.queue.add((done) => writer.abort(this.whenWell(done, () => undefined)));
  }

  /** Queues a task that is left out once the disk has failed. */
  private enqueue(task: (done: () => void) => void): void {
    this.queue.add((done) => {
      if (this.broken) done();
      else task(done);
    });
  }

  private whenWell(done: () => void, then: () => void): (error: Error | null) => void {
    return (error) => {
      if (error !== null) this.fail(error);
      else if (!this.broken) then();
      done();
    };
  }

  private replaceCurrent(snapshot: SnapshotFile): void {
    const { current } = this;
    this.setCurrent(snapshot);
    const { name, size } = snapshot;
    this.listener.event({ kind: 'snapshot_saved', snapshot: name, size });
    if (current === undefined) return;
    current.retire = () => this.remove(current);
    if (current.reads === 0) current.retire();
  }

  private setCurrent(snapshot: SnapshotFile): void {
    this.current = { snapshot, reads: 0, retire: undefined };
    this.readable.add(this.current);
  }

  /** Deletes a snapshot that was replaced. If the deletion is lost, the next start repeats it. */
  private remove(old: Readable): void {
    this.readable.delete(old);
    this.queue.add((done) =>
      this.fs.close(old.snapshot.file, () =>
        this.fs.remove(
          old.snapshot.path,
          this.whenWell(done, () => undefined),
        ),
      ),
    );
  }

  /** Once nothing is under way any more, closes the files for whoever waits for it. */
  private settle(): void {
    const reading = [...this.readable].some(({ reads }) => reads > 0);
    const { idle } = this;
    if (idle === undefined || reading || this.queue.running) return;
    this.idle = undefined;
    this.closeFiles(idle);
  }

  private closeFiles(done: () => void): void {
    const [first] = this.readable;
    if (first === undefined) {
      done();
      return;
    }
    this.readable.delete(first);
    this.fs.close(first.snapshot.file, () => this.closeFiles(done));
  }

  private fail(error: Error): void {
    if (this.broken) return;
    this.broken = true;
    this.listener.failed(error);
  }
}

/** Opens the snapshot with the highest number and removes everything that is not needed any more. */
function openNewest(fs: FileSystem, folder: string, storageId: StorageId) {
  const [newest, ...older] = openWhole(fs, folder, storageId);
  if (newest === undefined) return undefined;
  for (const { snapshot } of older) fs.closeSync(snapshot.file);
  try {
    // What was read here may never have reached the disk, if the process was killed just before.
    syncNewest(fs, folder, newest.snapshot.path);
    for (const { snapshot } of older) fs.removeSync(snapshot.path);
  } catch (error) {
    fs.closeSync(newest.snapshot.file);
    throw error;
  }
  return newest;
}

/** All that have their names, the newest first; those that have not are removed. */
function openWhole(fs: FileSystem, folder: string, storageId: StorageId) {
  const whole: ReturnType<typeof openSnapshotSync>[] = [];
  try {
    for (const name of fs.listSync(folder)) {
      if (name.endsWith(PARTIAL)) fs.removeSync(join(folder, name));
      else if (isSnapshotName(name)) {
        whole.push(openSnapshotSync(fs, join(folder, name), snapshotName(name), storageId));
      }
    }
  } catch (error) {
    for (const { snapshot } of whole) fs.closeSync(snapshot.file);
    throw error;
  }
  return whole.sort((x, y) => y.snapshot.number - x.snapshot.number);
}

function syncNewest(fs: FileSystem, folder: string, path: string): void {
  const file = fs.openSync(path, 'update');
  try {
    fs.syncSync(file);
  } finally {
    fs.closeSync(file);
  }
  fs.syncFolderSync(folder);
}
