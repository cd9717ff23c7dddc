/**
 * The power goes before every single operation of random workloads, then again during recovery.
 * A dumb oracle remembers what was handed over and what was acknowledged: everything acknowledged
 * must come back, and what comes back must be a prefix of what was handed over.
 */

import { nodeId } from '../../kv/core/ids';
import { Prng } from '../../kv/core/prng';
import type { DurableStorage } from '../../kv/storage/durable_storage';
import { PowerCut, type SimulatedDisk } from './simulated_disk';
import { Ear, name, newDisk, openOn, persist, plain, record, sequence } from './storage_setup';

const EFFECTS = 25;

/** What the oracle knows. */
class Oracle {
  /** All records handed over, by number from 1 on. */
  written: string[] = [];
  acknowledged = 0;
  released = 1;
  /** Snapshots committed, in order, and how many of them were reported as saved. */
  committed: string[] = [];
  saved = 0;

  hear(ear: Ear): void {
    this.acknowledged = Math.max(this.acknowledged, ear.persisted);
    for (const { snapshot } of ear.of('snapshot_saved')) {
      this.saved = Math.max(this.saved, this.committed.indexOf(snapshot) + 1);
    }
  }

  /** Compares a recovery with what must be there, and goes on from it. */
  check({ recovered }: DurableStorage): void {
    const records = plain(recovered.records);
    const first = recovered.firstSequence;
    expect(first).toBeLessThanOrEqual(this.released);
    const last = first + records.length - 1;
    expect(last).toBeGreaterThanOrEqual(this.acknowledged);
    expect(records).toEqual(this.written.slice(first - 1, last));
    this.written = this.written.slice(0, last);
    this.acknowledged = last;
    this.checkSnapshot(recovered.snapshot);
  }

  private checkSnapshot(snapshot: DurableStorage['recovered']['snapshot']): void {
    const rank = snapshot === undefined ? 0 : this.committed.indexOf(snapshot.name) + 1;
    expect(rank).toBeGreaterThanOrEqual(this.saved);
    if (snapshot === undefined) return;
    expect(rank).toBeGreaterThan(0);
    expect(Buffer.from(snapshot.meta).toString()).toBe(`meta of ${snapshot.name}`);
    const content = Buffer.concat([...snapshot.chunks]);
    expect(content.length).toBe(snapshot.size);
    expect(content.equals(contentOf(snapshot.name))).toBe(true);
    this.saved = rank;
  }
}

/** Up to a little over one block, different for each name. */
function contentOf(snapshot: string): Buffer {
  const number = Number(snapshot.slice(1));
  return Buffer.alloc((number * 7919) % 70_000, `content of ${snapshot};`);
}

/** One effect, drawn. */
function act(storage: DurableStorage, oracle: Oracle, random: Prng): void {
  const kind = random.between(0, 9);
  if (kind === 0) {
    const before = random.between(1, oracle.acknowledged + 1);
    oracle.released = Math.max(oracle.released, before);
    storage.perform({ kind: 'release', before: sequence(before) });
  } else if (kind === 1) takeSnapshot(storage, oracle, random);
  else {
    const records = Array.from({ length: random.between(1, 5) }, (_, i) =>
      record(oracle.written.length + 1 + i, random.pick([0, 1, 20, 60, 150, 700])),
    );
    oracle.written.push(...plain(records));
    persist(storage, records, oracle.written.length);
  }
}

function takeSnapshot(storage: DurableStorage, oracle: Oracle, random: Prng): void {
  const snapshot = name(`s${oracle.committed.length + 1}`);
  const content = contentOf(snapshot);
  const meta = Buffer.from(`meta of ${snapshot}`);
  const half = random.between(0, content.length);
  storage.perform({ kind: 'snapshot_open', snapshot, meta });
  if (random.chance(1, 4)) return storage.perform({ kind: 'snapshot_abort', snapshot });
  const append = (offset: number, bytes: Uint8Array): void =>
    storage.perform({ kind: 'snapshot_append', snapshot, offset, bytes });
  append(0, content.subarray(0, half));
  append(half, content.subarray(half));
  oracle.committed.push(snapshot);
  storage.perform({ kind: 'snapshot_commit', snapshot });
  storage.perform({ kind: 'snapshot_read', snapshot, peer: nodeId('n2'), offset: 0, length: 9 });
}

/** Runs effects on the disk until they are done or the power goes. */
async function work(disk: SimulatedDisk, oracle: Oracle, random: Prng): Promise<void> {
  try {
    const storage = openOn(disk);
    oracle.check(storage);
    const ear = new Ear(storage);
    for (let i = 0; i < EFFECTS && !disk.isOff; i++) {
      act(storage, oracle, random);
      for (let steps = random.between(0, 8); steps > 0; steps--) disk.step();
      if (random.chance(1, 4)) await new Promise((resolve) => setImmediate(resolve));
      oracle.hear(ear);
    }
    if (random.chance(1, 2)) void storage.close();
    await disk.settle();
    oracle.hear(ear);
    expect(ear.failures).toEqual([]);
    if (!disk.isOff) expect(oracle.acknowledged).toBe(oracle.written.length);
  } catch (error) {
    if (!(error instanceof PowerCut)) throw error;
  }
}

/** The disk after the power came back and went again `during` operations into the recovery. */
function recoverUntil(disk: SimulatedDisk, during: number): SimulatedDisk {
  disk.cutAt = disk.operations + during;
  try {
    openOn(disk);
  } catch (error) {
    if (!(error instanceof PowerCut)) throw error;
  }
  return disk.powerCut();
}

/** How many operations a workload takes when nothing goes wrong. */
async function lengthOf(seed: number): Promise<number> {
  const disk = newDisk(seed);
  await work(disk, new Oracle(), new Prng(seed, 'work'));
  return disk.operations;
}

describe('a power cut', () => {
  it.each([1, 2, 3])(
    'before any operation loses nothing that was acknowledged (workload %d)',
    async (seed) => {
      const length = await lengthOf(seed);
      expect(length).toBeGreaterThan(100);
      for (let cut = 0; cut <= length; cut++) {
        const random = new Prng(seed, 'work');
        const oracle = new Oracle();
        let disk = newDisk(seed * 10_000 + cut);
        disk.cutAt = cut;
        await work(disk, oracle, random);
        disk = recoverUntil(disk.powerCut(), random.between(0, 40));
        // A second life, cut somewhere too; then a third that is looked at in peace.
        disk.cutAt = random.between(30, 200);
        await work(disk, oracle, random);
        oracle.check(openOn(disk.powerCut()));
      }
    },
  );
});

describe('a killed process', () => {
  it.each([1, 2])(
    'leaves what its next life may rely on, even if the power goes then (workload %d)',
    async (seed) => {
      const length = await lengthOf(seed);
      for (let kill = 0; kill <= length; kill++) {
        const oracle = new Oracle();
        const disk = newDisk(seed * 10_000 + kill);
        disk.cutAt = kill;
        const random = new Prng(seed, 'work');
        await work(disk, oracle, random);
        disk.kill();
        // What is given back here counts as durable, although nobody had acknowledged it.
        oracle.check(openOn(disk));
        oracle.check(openOn(disk.powerCut()));
        // A second life on the same files: what it is acknowledged must not rest on sand.
        disk.kill();
        disk.cutAt = disk.operations + random.between(10, 100);
        await work(disk, oracle, random);
        oracle.check(openOn(disk.powerCut()));
      }
    },
  );
});
