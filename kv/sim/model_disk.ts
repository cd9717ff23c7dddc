/**
 * A disk as the contract speaks of it: records that become durable in order, and snapshots that
 * appear whole. A crash loses what was not durable, but for a prefix of the batch that was being
 * written; a harmed record or snapshot is noticed when it is next read, and no node starts with it.
 */

import { invariant, unreachable } from '../core/assert';
import { journalSequence, type SnapshotName, type StorageId } from '../core/ids';
import type { Prng } from '../core/prng';
import type { JournalRecord, Recovered, StorageEffect, StorageEvent } from '../core/protocol';
import { joined } from './bytes';
import { type Disk, DiskDamaged, type DiskFault, type DiskHost, type Ending } from './disk';

interface Snapshot {
  readonly name: SnapshotName;
  readonly meta: Uint8Array;
  readonly slices: Uint8Array[];
  damaged: boolean;
}

type Of<Kind extends StorageEffect['kind']> = Extract<StorageEffect, { kind: Kind }>;
type SnapshotWork = Of<'snapshot_append' | 'snapshot_commit' | 'snapshot_read'>;

/** Opening, writing and reading take up to this long; only a flush is slow. */
const QUICK_MS = 1;
const PARTS = 16;

export class ModelDisk implements Disk {
  private records: JournalRecord[] = [];
  private firstSequence = 1;
  private current: Snapshot | undefined;
  private open_: Snapshot | undefined;
  /** Records of this number and before were harmed. */
  private damagedThrough = 0;
  private minMs = 0;
  private maxMs = 1;

  private host: DiskHost | undefined;
  private gathering: JournalRecord[] = [];
  private batch: JournalRecord[] = [];
  private snapshotWork: SnapshotWork[] = [];
  private isSnapshotBusy = false;
  /** Work under way of snapshots that were aborted. */
  private readonly abandoned = new Set<SnapshotWork>();
  private readonly next = new Set<'failed_write' | 'failed_flush' | 'full' | 'misdirected_write'>();

  constructor(
    private id: StorageId,
    private readonly prng: Prng,
  ) {}

  get storage(): StorageId {
    return this.id;
  }

  open(host: DiskHost): Recovered {
    if (this.damagedThrough >= this.firstSequence) throw new DiskDamaged('a record is damaged');
    if (this.current?.damaged) throw new DiskDamaged('the snapshot is damaged');
    this.host = host;
    const { current } = this;
    return {
      snapshot: current && {
        name: current.name,
        meta: current.meta,
        size: sizeOf(current),
        chunks: [...current.slices],
      },
      records: [...this.records],
      firstSequence: journalSequence(this.firstSequence),
    };
  }

  perform(effect: StorageEffect): void {
    switch (effect.kind) {
      case 'persist':
        // A copy, as a disk makes one: the sender may use its bytes again.
        for (const { type, payload } of effect.records) {
          this.gathering.push({ type, payload: payload.slice() });
        }
        return this.flush();
      case 'release':
        return this.release(effect.before);
      case 'snapshot_open':
        invariant(effect.snapshot !== this.current?.name, 'a snapshot has a name of its own', {
          name: effect.snapshot,
        });
        this.open_ = { name: effect.snapshot, meta: effect.meta, slices: [], damaged: false };
        return;
      case 'snapshot_abort':
        return this.abort(effect.snapshot);
      case 'snapshot_append':
      case 'snapshot_commit':
      case 'snapshot_read':
        this.snapshotWork.push(effect);
        return this.workOnSnapshots();
      default:
        return unreachable(effect);
    }
  }

  close(how: Ending): void {
    // Of the batch that was being written a part may have arrived; it was never acknowledged.
    const kept = this.prng.between(0, this.batch.length);
    if (how === 'stop' && this.next.size === 0) this.records.push(...this.batch, ...this.gathering);
    else this.records.push(...this.batch.slice(0, kept));
    const [first] = this.snapshotWork;
    const isKept = this.isSnapshotBusy && first !== undefined && !this.abandoned.has(first);
    if (isKept && first.kind === 'snapshot_commit' && this.prng.chance(1, 2)) {
      this.commit(first.snapshot);
    }
    this.host = undefined;
    this.open_ = undefined;
    this.gathering = [];
    this.batch = [];
    this.snapshotWork = [];
    this.isSnapshotBusy = false;
    this.abandoned.clear();
    this.next.clear();
  }

  wipe(storage: StorageId): void {
    this.id = storage;
    this.records = [];
    this.firstSequence = 1;
    this.current = undefined;
    this.damagedThrough = 0;
  }

  harm(fault: DiskFault): boolean {
    if (fault === 'bit_flip') return this.flipBit();
    if (this.host === undefined) return false;
    this.next.add(fault);
    return true;
  }

  calm(): void {
    this.next.clear();
  }

  setLatency(minMs: number, maxMs: number): void {
    this.minMs = minMs;
    this.maxMs = maxMs;
  }

  private flipBit(): boolean {
    if (this.current !== undefined && this.prng.chance(1, 2)) {
      this.current.damaged = true;
      return true;
    }
    // The last record may be the tail of the last batch, which no journal can tell from a torn one.
    if (this.records.length < 2) return false;
    const victim = this.prng.between(0, this.records.length - 2);
    this.damagedThrough = Math.max(this.damagedThrough, this.firstSequence + victim);
    return true;
  }

  /** One write and one flush at a time; what comes meanwhile is the next batch. */
  private flush(): void {
    if (this.batch.length > 0 || this.gathering.length === 0) return;
    this.batch = this.gathering;
    this.gathering = [];
    this.later(this.latency(), () => this.flushed());
  }

  private flushed(): void {
    if (this.next.has('full')) return this.host?.failed('ENOSPC: no space left on the disk');
    if (this.next.has('failed_write')) return this.host?.failed('EIO: a write failed');
    if (this.next.has('failed_flush')) return this.host?.failed('EIO: a flush failed');
    // A write that went elsewhere: the journal will show both a damaged record and a missing one.
    if (this.next.delete('misdirected_write')) this.damagedThrough = Number.POSITIVE_INFINITY;
    this.records.push(...this.batch);
    this.batch = [];
    const through = journalSequence(this.firstSequence + this.records.length - 1);
    this.flush();
    this.host?.event({ kind: 'persisted', through });
  }

  private release(before: number): void {
    // Whole segments go, so that some of what was released may still be there.
    const count = Math.min(before - this.firstSequence, this.records.length);
    if (count <= 0) return;
    const released = this.prng.between(0, count);
    this.records.splice(0, released);
    this.firstSequence += released;
  }

  /** Its work is forgotten with it: another snapshot of the same name may follow. */
  private abort(snapshot: SnapshotName): void {
    if (this.open_?.name === snapshot) this.open_ = undefined;
    const isMeant = (work: SnapshotWork | undefined) =>
      work?.snapshot === snapshot && work.kind !== 'snapshot_read';
    // What is under way comes to its end, and changes nothing.
    const first = this.isSnapshotBusy ? this.snapshotWork.shift() : undefined;
    this.snapshotWork = this.snapshotWork.filter((work) => !isMeant(work));
    if (first === undefined) return;
    if (isMeant(first)) this.abandoned.add(first);
    this.snapshotWork.unshift(first);
  }

  private workOnSnapshots(): void {
    const [work] = this.snapshotWork;
    if (this.isSnapshotBusy || work === undefined) return;
    this.isSnapshotBusy = true;
    this.later(work.kind === 'snapshot_commit' ? this.latency() : this.quick(), () => {
      this.isSnapshotBusy = false;
      this.snapshotWork.shift();
      const event = this.abandoned.delete(work) ? undefined : this.finish(work);
      this.workOnSnapshots();
      if (event !== undefined) this.host?.event(event);
    });
  }

  private finish(work: SnapshotWork): StorageEvent | undefined {
    switch (work.kind) {
      case 'snapshot_append': {
        const { snapshot, bytes, offset } = work;
        // It may have been aborted meanwhile.
        if (this.open_?.name !== snapshot) return undefined;
        this.open_.slices.push(bytes.slice());
        return { kind: 'snapshot_written', snapshot, through: offset + bytes.length };
      }
      case 'snapshot_commit':
        return this.commit(work.snapshot);
      case 'snapshot_read':
        return this.read(work);
    }
  }

  private commit(snapshot: SnapshotName): StorageEvent | undefined {
    if (this.open_?.name !== snapshot) return undefined;
    this.current = this.open_;
    this.open_ = undefined;
    return { kind: 'snapshot_saved', snapshot, size: sizeOf(this.current) };
  }

  /** A snapshot that was replaced meanwhile is not answered, as if its file were gone. */
  private read({ snapshot, peer, offset, length }: Of<'snapshot_read'>): StorageEvent | undefined {
    const { current } = this;
    if (current?.name !== snapshot) return undefined;
    if (current.damaged) {
      this.host?.failed('the snapshot is damaged');
      return undefined;
    }
    const content = joined(current.slices);
    const bytes = content.slice(offset, offset + length);
    return { kind: 'snapshot_data', snapshot, peer, offset, bytes, size: content.length };
  }

  private later(delayMs: number, action: () => void): void {
    const { host } = this;
    host?.later(delayMs, () => {
      if (this.host === host) action();
    });
  }

  private latency(): number {
    return this.prng.between(this.minMs * PARTS, this.maxMs * PARTS) / PARTS;
  }

  private quick(): number {
    return this.prng.between(0, QUICK_MS * PARTS) / PARTS;
  }
}

const sizeOf = ({ slices }: Snapshot): number =>
  slices.reduce((sum, slice) => sum + slice.length, 0);
