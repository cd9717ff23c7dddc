/** What the tests of the storage share: opening it on a simulated disk, and recording its events. */

import {
  type JournalSequence,
  journalSequence,
  nodeId,
  snapshotName,
  storageId,
} from '../../kv/core/ids';
import { Prng } from '../../kv/core/prng';
import type { JournalRecord } from '../../kv/core/protocol';
import {
  type DurableStorage,
  type DurableStorageOptions,
  openDurableStorage,
} from '../../kv/storage/durable_storage';
import type { Storage, StorageEvent } from '../../kv/storage/storage';
import { expected, plain, record } from '../support/journal_records';
import { SimulatedDisk } from './simulated_disk';

export { expected, plain, record };

export const FOLDER = '/data';
export const JOURNAL = '/data/journal';
export const SNAPSHOTS = '/data/snapshots';
export const firstSegment = `${JOURNAL}/000000000000001.segment`;

/** Records what a storage says. */
export class Ear {
  readonly events: StorageEvent[] = [];
  readonly failures: Error[] = [];

  constructor(storage: Storage) {
    storage.listen({
      event: (event) => this.events.push(event),
      failed: (error) => this.failures.push(error),
    });
  }

  /** The last record reported as durable, 0 before the first. */
  get persisted(): number {
    let through = 0;
    for (const event of this.events) if (event.kind === 'persisted') through = event.through;
    return through;
  }

  of<Kind extends StorageEvent['kind']>(kind: Kind): Extract<StorageEvent, { kind: Kind }>[] {
    return this.events.filter(
      (event): event is Extract<StorageEvent, { kind: Kind }> => event.kind === kind,
    );
  }
}

export function newDisk(seed = 1): SimulatedDisk {
  return new SimulatedDisk(new Prng(seed, 'disk'));
}

export function openOn(
  disk: SimulatedDisk,
  options: Partial<DurableStorageOptions> = {},
): DurableStorage {
  return openDurableStorage({
    folder: FOLDER,
    nodeId: nodeId('n1'),
    clusterId: 'c',
    drawStorageId: () => storageId(77),
    segmentBytes: 512,
    fileSystem: disk,
    ...options,
  });
}

export function persist(
  storage: Storage,
  records: readonly JournalRecord[],
  through: number,
): void {
  storage.perform({ kind: 'persist', records, through: journalSequence(through) });
}

/** Appends the records `from` to `to` as one batch and waits until all is quiet. */
export async function appendAndSettle(
  disk: SimulatedDisk,
  storage: Storage,
  from: number,
  to: number,
  length = 20,
): Promise<void> {
  const records: JournalRecord[] = [];
  for (let sequence = from; sequence <= to; sequence++) records.push(record(sequence, length));
  persist(storage, records, to);
  await disk.settle();
}

/** Closes a storage whose disk moves only when it is told to. */
export async function closeOn(disk: SimulatedDisk, storage: Storage): Promise<void> {
  const closed = storage.close();
  await disk.settle();
  await closed;
}

export const sequence = (value: number): JournalSequence => journalSequence(value);
export const name = snapshotName;
