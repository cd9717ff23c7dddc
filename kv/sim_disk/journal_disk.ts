/**
 * A simulated disk below which the storage code of production runs: the real journal, recovery and
 * snapshot files, on simulated files. What the simulator breaks here is bytes, and what notices is
 * what will have to notice on a real machine.
 *
 * The harm that it does is what the storage promises to survive or to find (`noticed_bytes.ts` draws
 * the line). The lock is left out: it asks the real machine who is alive.
 */

import { invariant } from '../core/assert';
import { nodeId, type StorageId } from '../core/ids';
import type { Prng } from '../core/prng';
import type { Recovered, StorageEffect } from '../core/protocol';
import {
  type Disk,
  DiskDamaged,
  type DiskFactory,
  type DiskFault,
  type DiskHost,
  type Ending,
} from '../sim/disk';
import { DurableStorage } from '../storage/durable_storage';
import { readIdentity, writeIdentity } from '../storage/identity';
import { createJournal } from '../storage/journal';
import type { JournalPlace } from '../storage/journal_place';
import { DEFAULT_MAX_RECORD_BYTES } from '../storage/record_format';
import { IdentityDamaged, JournalDamaged, SnapshotDamaged } from '../storage/storage_errors';
import {
  type DataFolder,
  type Known,
  landingsFor,
  leftBehind,
  noticedBytes,
} from './noticed_bytes';
import { SimulatedFiles } from './simulated_files';

const WHERE: DataFolder = {
  folder: '/data',
  journal: '/data/journal',
  snapshots: '/data/snapshots',
};
/** Nobody checks these here: the simulator never mixes up its disks. */
const OWNER = { clusterId: 'simulated', nodeId: nodeId('simulated') };
const NO_LOCK = { release: () => undefined };

/** Segments are small, so that short runs have many: 2 to 64 KiB. */
const MIN_SEGMENT_BYTES = 2048;
const SEGMENT_DOUBLINGS = 5;
/** A header and what follows it. */
const STRUCTURE_BYTES = 64;

export const journalDisk: DiskFactory = (storage, prng) => new JournalDisk(storage, prng);

class JournalDisk implements Disk {
  private id: StorageId;
  private files: SimulatedFiles;
  private running: DurableStorage | undefined;
  /** The last record that is known to be durable, and the last one that a later batch proves so. */
  private promised = 0;
  private proven = 0;
  private readonly segmentBytes: number;
  private flushMs: readonly [number, number] = [0, 1];

  constructor(
    storage: StorageId,
    private readonly random: Prng,
  ) {
    this.segmentBytes = MIN_SEGMENT_BYTES << random.between(0, SEGMENT_DOUBLINGS);
    this.id = storage;
    this.files = this.newFolder();
  }

  /** Whether the node would stand still for this disk. The number of a folder is drawn: one of four. */
  private get mayWait(): boolean {
    return this.id % 4 === 0;
  }

  get storage(): StorageId {
    return this.id;
  }

  open(host: DiskHost): Recovered {
    invariant(this.running === undefined, 'one process at a time uses a disk', {});
    // One that was told to stop, and has not come to its end, is killed first.
    this.files.stop('kill');
    this.files.start(host);
    try {
      const identity = readIdentity(this.files, WHERE.folder, OWNER);
      if (identity === undefined) throw new DiskDamaged('the identity of the folder is gone');
      const storage = new DurableStorage(this.place(), WHERE.folder, identity, NO_LOCK);
      const recovered = takenFrom(storage.recovered);
      this.promised = recovered.firstSequence + recovered.records.length - 1;
      const left = leftBehind(this.files.names.durableFiles(), WHERE, this.id, this.promised);
      invariant(left === undefined, 'behind the last record there are zeros (J7)', { left });
      this.listen(storage, host);
      return recovered;
    } catch (error) {
      this.close('kill');
      throw isDamage(error) ? new DiskDamaged(error.message) : error;
    }
  }

  perform(effect: StorageEffect): void {
    invariant(this.running !== undefined, 'a disk that nobody opened was used', {});
    this.running.perform(effect, this.mayWait);
  }

  close(how: Ending): void {
    const { running } = this;
    this.running = undefined;
    if (how === 'stop') void running?.close();
    else this.files.stop(how);
  }

  wipe(storage: StorageId): void {
    invariant(this.running === undefined, 'a disk was replaced under its process', {});
    this.files.stop('kill');
    this.id = storage;
    this.files = this.newFolder();
  }

  harm(fault: DiskFault): boolean {
    if (fault === 'bit_flip') return this.flipBit();
    if (this.running === undefined) return false;
    this.files.faults.arm(fault);
    return true;
  }

  calm(): void {
    this.files.faults.disarm();
  }

  setLatency(minMs: number, maxMs: number): void {
    this.flushMs = [minMs, maxMs];
    this.files.setFlushTime(minMs, maxMs);
  }

  private listen(storage: DurableStorage, host: DiskHost): void {
    this.running = storage;
    storage.listen({
      event: (event) => {
        if (this.running !== storage) return;
        if (event.kind === 'persisted') this.persisted(event.through);
        host.event(event);
      },
      failed: (error) => {
        if (this.running === storage) host.failed(error.message);
      },
    });
  }

  /** A batch begins when the one before is durable, so each acknowledgement proves the last one. */
  private persisted(through: number): void {
    this.proven = this.promised;
    this.promised = through;
  }

  private newFolder(): SimulatedFiles {
    const files: SimulatedFiles = new SimulatedFiles(this.random, (file) =>
      landingsFor(file, files.names.durableFiles(), WHERE, this.known()),
    );
    this.promised = this.proven = 0;
    files.setFlushTime(...this.flushMs);
    for (const folder of Object.values(WHERE)) files.makeFolderSync(folder);
    createJournal(this.place(files));
    writeIdentity(files, WHERE.folder, { ...OWNER, storageId: this.id });
    return files;
  }

  private place(fs = this.files): JournalPlace {
    const { segmentBytes, id: storageId } = this;
    const maxRecordBytes = DEFAULT_MAX_RECORD_BYTES;
    return { fs, folder: WHERE.journal, storageId, segmentBytes, maxRecordBytes };
  }

  private known(): Known {
    return { storage: this.id, proven: this.proven };
  }

  private flipBit(): boolean {
    const noticed = noticedBytes(this.files.names.durableFiles(), WHERE, this.known());
    if (noticed.length === 0) return false;
    const { file, from, to } = this.random.pick(noticed);
    // Half of the time where the structure is, which is small beside the content.
    const last = this.random.chance(1, 2) ? Math.min(to, from + STRUCTURE_BYTES) : to;
    const at = this.random.between(from, last - 1);
    const byte = file.durable.readUInt8(at) ^ (1 << this.random.between(0, 7));
    file.damage(Uint8Array.of(byte), at);
    return true;
  }
}

/** All of it, read now: whoever opens a disk must hear of damage before anything else. */
function takenFrom({ snapshot, records, firstSequence }: Recovered) {
  return {
    snapshot: snapshot && { ...snapshot, chunks: [...snapshot.chunks] },
    records: [...records],
    firstSequence,
  };
}

const isDamage = (error: unknown): error is Error =>
  error instanceof JournalDamaged ||
  error instanceof SnapshotDamaged ||
  error instanceof IdentityDamaged;
