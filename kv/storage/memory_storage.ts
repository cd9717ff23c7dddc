/**
 * A storage that keeps the promises of `DurableStorage` in memory: for nodes that are embedded
 * without a data folder, and for tests.
 *
 * Nothing completes within `perform`. What was handed over completes with the next `flush`, which
 * comes by itself with the next turn of the event loop, unless a test wants to call it. A crash
 * loses what was not flushed and nothing else; `reopen` is the restart after it.
 */

import { invariant, unreachable } from '../core/assert';
import { journalSequence, type SnapshotName } from '../core/ids';
import type { JournalRecord, Recovered } from '../core/protocol';
import type {
  Storage,
  StorageEffect,
  StorageEvent,
  StorageIdentity,
  StorageListener,
  StorageStats,
} from './storage';

interface MemorySnapshot {
  readonly name: SnapshotName;
  readonly meta: Uint8Array;
  readonly content: Uint8Array;
}

/** What a crash leaves. */
interface MemoryDisk {
  firstSequence: number;
  records: JournalRecord[];
  snapshot: MemorySnapshot | undefined;
}

interface OpenSnapshot {
  readonly name: SnapshotName;
  readonly meta: Uint8Array;
  readonly slices: Uint8Array[];
  size: number;
}

export interface MemoryStorageOptions {
  /** False: nothing completes until `flush` is called. */
  readonly automatic?: boolean;
}

export class MemoryStorage implements Storage {
  readonly recovered: Recovered;

  private listener: StorageListener | undefined;
  private appended: number;
  private pending = 0;
  private flushes = 0;
  private writing: OpenSnapshot | undefined;
  /** What the next flush does, each task giving its event if it has one. */
  private tasks: (() => StorageEvent | undefined)[] = [];
  private scheduled = false;
  private state: 'open' | 'closed' | 'gone' = 'open';

  constructor(
    readonly identity: StorageIdentity,
    private readonly options: MemoryStorageOptions = {},
    private readonly disk: MemoryDisk = { firstSequence: 1, records: [], snapshot: undefined },
  ) {
    this.appended = disk.firstSequence + disk.records.length - 1;
    this.recovered = recoveredFrom(disk);
  }

  listen(listener: StorageListener): void {
    invariant(this.listener === undefined, 'a storage has one listener', {});
    this.listener = listener;
  }

  perform(effect: StorageEffect): void {
    invariant(this.listener !== undefined, 'somebody must listen before the first effect', {});
    if (this.state !== 'open') return;
    this.tasks.push(this.taskOf(effect));
    if (this.options.automatic !== false && !this.scheduled) {
      this.scheduled = true;
      setImmediate(() => {
        this.scheduled = false;
        this.flush();
      });
    }
  }

  /** Completes what was handed over before this call, and tells. */
  flush(): void {
    const tasks = this.tasks;
    this.tasks = [];
    for (const task of tasks) {
      if (this.state === 'gone') return;
      const event = task();
      if (event !== undefined) this.listener?.event(event);
    }
  }

  /** The storage that a restart finds after this one crashed, now, or was closed before. */
  reopen(): MemoryStorage {
    this.state = 'gone';
    return new MemoryStorage(this.identity, this.options, {
      ...this.disk,
      records: [...this.disk.records],
    });
  }

  stats(): StorageStats {
    const { records, snapshot } = this.disk;
    return {
      journalBytes: records.reduce((sum, { payload }) => sum + payload.length, 0),
      journalSegments: 1,
      snapshotBytes: snapshot?.content.length ?? 0,
      fsyncCount: this.flushes,
      lastFsyncMs: 0,
      pendingRecords: this.pending,
    };
  }

  async close(): Promise<void> {
    if (this.state !== 'open') return;
    this.state = 'closed';
    this.flush();
  }

  /** Checks an effect at once, and says what the flush has to do for it. */
  private taskOf(effect: StorageEffect): () => StorageEvent | undefined {
    switch (effect.kind) {
      case 'persist':
        return this.persist(effect);
      case 'release':
        return () => this.release(effect.before);
      case 'snapshot_open':
        return this.open(effect);
      case 'snapshot_append':
        return this.append(effect);
      case 'snapshot_commit':
        return this.commit(effect.snapshot);
      case 'snapshot_abort':
        if (this.writing?.name === effect.snapshot) this.writing = undefined;
        return () => undefined;
      case 'snapshot_read':
        return this.read(effect);
      default:
        return unreachable(effect);
    }
  }

  private persist({ records, through }: Of<'persist'>): () => StorageEvent | undefined {
    invariant(through === this.appended + records.length, 'records must be numbered without gaps', {
      through,
      appended: this.appended,
      records: records.length,
    });
    this.appended = through;
    this.pending += records.length;
    return () => {
      // A copy, as a disk makes one: the sender may use its bytes again.
      for (const { type, payload } of records) {
        this.disk.records.push({ type, payload: copyOf(payload) });
      }
      this.pending -= records.length;
      this.flushes++;
      return records.length > 0 ? { kind: 'persisted', through } : undefined;
    };
  }

  private release(before: number): undefined {
    const { disk } = this;
    const count = Math.min(disk.records.length, Math.max(0, before - disk.firstSequence));
    disk.records.splice(0, count);
    disk.firstSequence += count;
  }

  private open({ snapshot: name, meta }: Of<'snapshot_open'>): () => undefined {
    invariant(name !== this.disk.snapshot?.name, 'a snapshot of this name exists already', {
      name,
    });
    this.writing = { name, meta: copyOf(meta), slices: [], size: 0 };
    return () => undefined;
  }

  private append({ snapshot, offset, bytes }: Of<'snapshot_append'>): () => StorageEvent {
    const open = this.openSnapshot(snapshot);
    invariant(offset === open.size, 'a snapshot must be written without gaps', {
      snapshot,
      offset,
      written: open.size,
    });
    open.slices.push(copyOf(bytes));
    open.size += bytes.length;
    const through = open.size;
    return () => ({ kind: 'snapshot_written', snapshot, through });
  }

  private commit(name: SnapshotName): () => StorageEvent {
    const { meta, slices, size } = this.openSnapshot(name);
    this.writing = undefined;
    return () => {
      this.disk.snapshot = { name, meta, content: new Uint8Array(Buffer.concat(slices, size)) };
      return { kind: 'snapshot_saved', snapshot: name, size };
    };
  }

  private read(effect: Of<'snapshot_read'>): () => StorageEvent | undefined {
    const { snapshot, peer, offset, length } = effect;
    // The one that is current now answers, although another may be when the answer comes.
    const current = this.disk.snapshot;
    if (current?.name !== snapshot) return () => undefined;
    const bytes = current.content.subarray(offset, offset + length);
    const size = current.content.length;
    return () => ({ kind: 'snapshot_data', snapshot, peer, offset, bytes, size });
  }

  private openSnapshot(name: SnapshotName): OpenSnapshot {
    const { writing } = this;
    invariant(writing?.name === name, 'the snapshot must be open', { name, open: writing?.name });
    return writing;
  }
}

type Of<Kind extends StorageEffect['kind']> = Extract<StorageEffect, { kind: Kind }>;

/** Not `slice`, which for a `Buffer` shares memory. */
const copyOf = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);

function recoveredFrom({ firstSequence, records, snapshot }: MemoryDisk): Recovered {
  return {
    snapshot: snapshot && {
      name: snapshot.name,
      meta: snapshot.meta,
      size: snapshot.content.length,
      chunks: snapshot.content.length > 0 ? [snapshot.content] : [],
    },
    records: [...records],
    firstSequence: journalSequence(firstSequence),
  };
}
