/**
 * A disk under watch: at each start it must give back what it had said was durable, unchanged, and
 * may refuse to only if it was harmed. So a recovery that forgets the end of the journal, or takes a
 * sound disk for a damaged one, is found by itself, whatever the protocol makes of it.
 */

import type { NodeId, SnapshotName, StorageId } from '../core/ids';
import type { JournalRecord, Recovered, StorageEffect, StorageEvent } from '../core/protocol';
import { type Disk, DiskDamaged, type DiskFault, type DiskHost, type Ending } from './disk';
import { Violation } from './violation';

export class WitnessedDisk implements Disk {
  /** What was handed over and not released, by number: copies, as the sender may use its bytes again. */
  private records = new Map<number, JournalRecord>();
  /** Everything up to here is durable. */
  private durable = 0;
  /** Records before this one need not be there. */
  private wantedFrom = 1;
  /** The last snapshot that was saved, and those that may have been since. */
  private saved: SnapshotName | undefined;
  private readonly committing = new Set<SnapshotName>();
  private isHarmed = false;

  constructor(
    private readonly node: NodeId,
    private readonly disk: Disk,
  ) {}

  get storage(): StorageId {
    return this.disk.storage;
  }

  open(host: DiskHost): Recovered {
    let recovered: Recovered;
    try {
      recovered = this.disk.open({ ...host, event: (event) => this.told(host, event) });
    } catch (error) {
      if (!(error instanceof DiskDamaged) || this.isHarmed) throw error;
      this.fail(`refuses a disk that nothing has harmed: ${error.message}`);
    }
    const records = [...recovered.records];
    this.checkSnapshot(recovered);
    this.checkRecords(records, recovered.firstSequence);
    this.startFrom(records, recovered);
    return { ...recovered, records };
  }

  perform(effect: StorageEffect): void {
    if (effect.kind === 'persist') {
      const first = effect.through - effect.records.length + 1;
      effect.records.forEach(({ type, payload }, i) => {
        this.records.set(first + i, { type, payload: payload.slice() });
      });
    } else if (effect.kind === 'release') {
      for (; this.wantedFrom < effect.before; this.wantedFrom++) {
        this.records.delete(this.wantedFrom);
      }
    } else if (effect.kind === 'snapshot_commit') this.committing.add(effect.snapshot);
    this.disk.perform(effect);
  }

  close(how: Ending): void {
    this.disk.close(how);
  }

  wipe(storage: StorageId): void {
    this.disk.wipe(storage);
    this.records.clear();
    this.committing.clear();
    this.durable = 0;
    this.wantedFrom = 1;
    this.saved = undefined;
    this.isHarmed = false;
  }

  harm(fault: DiskFault): boolean {
    const isDone = this.disk.harm(fault);
    if (isDone && (fault === 'bit_flip' || fault === 'misdirected_write')) this.isHarmed = true;
    return isDone;
  }

  calm(): void {
    this.disk.calm();
  }

  setLatency(minMs: number, maxMs: number): void {
    this.disk.setLatency(minMs, maxMs);
  }

  private told(host: DiskHost, event: StorageEvent): void {
    if (event.kind === 'persisted') this.durable = event.through;
    if (event.kind === 'snapshot_saved') {
      this.saved = event.snapshot;
      this.committing.delete(event.snapshot);
    }
    host.event(event);
  }

  private checkSnapshot({ snapshot }: Recovered): void {
    const is = snapshot?.name;
    if (is === this.saved || (is !== undefined && this.committing.has(is))) return;
    this.fail(`had saved the snapshot ${this.saved}, and has ${is}`);
  }

  private checkRecords(records: readonly JournalRecord[], first: number): void {
    const last = first + records.length - 1;
    if (last < this.durable) {
      this.fail(`had durable records up to ${this.durable}, and has them up to ${last}`);
    }
    if (first > this.wantedFrom) {
      this.fail(`needs its records from ${this.wantedFrom}, and has them from ${first}`);
    }
    records.forEach((record, i) => {
      const known = this.records.get(first + i);
      if (known !== undefined && !isSame(known, record)) {
        this.fail(`has another record ${first + i} than it wrote`);
      }
    });
  }

  private fail(what: string): never {
    throw new Violation('recovery', `${this.node} ${what}`);
  }

  /** What a process finds when it starts is durable, and nothing else is. */
  private startFrom(records: readonly JournalRecord[], recovered: Recovered): void {
    const first = recovered.firstSequence;
    this.durable = first + records.length - 1;
    this.records = new Map(records.map((record, i) => [first + i, record]));
    this.saved = recovered.snapshot?.name;
    this.committing.clear();
  }
}

function isSame(a: JournalRecord, b: JournalRecord): boolean {
  if (a.type !== b.type || a.payload.length !== b.payload.length) return false;
  return a.payload.every((byte, i) => byte === b.payload[i]);
}
