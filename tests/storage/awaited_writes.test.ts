/** Batches for which the node stands still: durable when `perform` returns, if the disk is fast. */

import { journalSequence } from '../../kv/core/ids';
import { Prng } from '../../kv/core/prng';
import type { JournalRecord } from '../../kv/core/protocol';
import type { DurableStorage } from '../../kv/storage/durable_storage';
import { DiskFailed } from '../../kv/storage/storage_errors';
import { failure, PowerCut, type SimulatedDisk } from './simulated_disk';
import {
  appendAndSettle,
  Ear,
  expected,
  newDisk,
  openOn,
  persist,
  plain,
  record,
} from './storage_setup';

/** After so many writes the disk counts as fast. */
const PROVEN = 32;

function persistAwaited(
  storage: DurableStorage,
  records: readonly JournalRecord[],
  through: number,
): void {
  storage.perform({ kind: 'persist', records, through: journalSequence(through) }, true);
}

/** Writes records one by one, each as soon as the one before is durable. */
async function proveFast(disk: SimulatedDisk, storage: DurableStorage): Promise<void> {
  for (let i = 1; i <= PROVEN; i++) await appendAndSettle(disk, storage, i, i);
}

async function openFast(seed?: number) {
  const disk = newDisk(seed);
  const storage = openOn(disk, { segmentBytes: 128 * 1024 });
  const ear = new Ear(storage);
  await proveFast(disk, storage);
  return { disk, storage, ear };
}

const recoveredOn = (disk: SimulatedDisk): string[] => plain(openOn(disk).recovered.records);

test('are durable when perform returns, and say so', async () => {
  const { disk, storage, ear } = await openFast();
  persistAwaited(storage, [record(33), record(34)], 34);
  expect(ear.persisted).toBe(34);
  expect(recoveredOn(disk.powerCut())).toEqual(expected(1, 34));
});

test('are left to a thread where the disk has not shown that it is fast', async () => {
  const disk = newDisk();
  const storage = openOn(disk);
  const ear = new Ear(storage);
  persistAwaited(storage, [record(1)], 1);
  expect(ear.events).toEqual([]);
  await disk.settle();
  expect(ear.persisted).toBe(1);
});

test('are left to a thread where nobody allows to wait', async () => {
  const { storage, ear } = await openFast();
  persist(storage, [record(33)], 33);
  expect(ear.persisted).toBe(32);
});

test('wait their turn behind a write that is under way', async () => {
  const { disk, storage, ear } = await openFast();
  persist(storage, [record(33)], 33);
  persistAwaited(storage, [record(34)], 34);
  expect(ear.persisted).toBe(32);
  await disk.settle();
  expect(ear.persisted).toBe(34);
  expect(recoveredOn(disk.powerCut())).toEqual(expected(1, 34));
});

test('of more than 32 KiB are left to a thread', async () => {
  const { disk, storage, ear } = await openFast();
  persistAwaited(storage, [record(33, 15 * 1024), record(34, 16 * 1024)], 34);
  expect(ear.persisted).toBe(34);
  persistAwaited(storage, [record(35, 16 * 1024), record(36, 16 * 1024)], 36);
  expect(ear.persisted).toBe(34);
  await disk.settle();
  expect(ear.persisted).toBe(36);
});

test('are completed where the disk takes a few bytes at a time', async () => {
  const { disk, storage, ear } = await openFast();
  disk.fault = ({ kind }) => (kind === 'write' ? 7 : undefined);
  persistAwaited(storage, [record(33), record(34)], 34);
  expect(ear.persisted).toBe(34);
  expect(recoveredOn(disk.powerCut())).toEqual(expected(1, 34));
});

test('go on in the next segment, by a thread, where one is full', async () => {
  const disk = newDisk();
  const storage = openOn(disk, { segmentBytes: 4096 });
  const ear = new Ear(storage);
  await proveFast(disk, storage);
  let last = PROVEN;
  for (let i = 0; i < 300; i++) {
    persistAwaited(storage, [record(last + 1), record(last + 2)], last + 2);
    last += 2;
    if (ear.persisted < last) await disk.settle();
    expect(ear.persisted).toBe(last);
  }
  expect(storage.stats().journalSegments).toBeGreaterThan(3);
  expect(recoveredOn(disk.powerCut())).toEqual(expected(1, last));
});

test.each([
  ['write', 'ENOSPC'],
  ['sync', 'EIO'],
])(
  'that fail (%s, %s) are told once, and nothing is acknowledged afterwards',
  async (kind, code) => {
    const { disk, storage, ear } = await openFast();
    disk.fault = (operation) => (operation.kind === kind ? failure(code) : undefined);
    persistAwaited(storage, [record(33)], 33);
    expect(ear.failures).toEqual([expect.any(DiskFailed)]);
    expect(ear.failures[0]?.message).toContain(code);
    disk.fault = () => undefined;
    persistAwaited(storage, [record(34)], 34);
    await disk.settle();
    expect(ear.persisted).toBe(32);
    expect(ear.failures.length).toBe(1);
    const survivors = recoveredOn(disk.powerCut());
    expect(survivors).toEqual(expected(1, survivors.length));
    expect(survivors.length).toBeGreaterThanOrEqual(32);
  },
);

test('of which a disk takes nothing are a full disk', async () => {
  const { disk, storage, ear } = await openFast();
  disk.fault = ({ kind }) => (kind === 'write' ? 0 : undefined);
  persistAwaited(storage, [record(33)], 33);
  expect(ear.failures[0]?.message).toMatch(/took none of .* probably full/);
});

test('lose nothing that was acknowledged, whenever the power goes', async () => {
  for (let cut = 0; cut < 60; cut++) {
    const { disk, storage, ear } = await openFast(cut + 1);
    const random = new Prng(cut, 'awaited');
    disk.cutAt = disk.operations + cut;
    let last = PROVEN;
    try {
      while (!disk.isOff) {
        const count = random.between(1, 3);
        const records = Array.from({ length: count }, (_, i) => record(last + 1 + i));
        last += count;
        if (random.chance(3, 4)) persistAwaited(storage, records, last);
        else persist(storage, records, last);
        if (random.chance(1, 2)) await disk.settle();
      }
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
    }
    const survivors = recoveredOn(disk.powerCut());
    expect(survivors).toEqual(expected(1, survivors.length));
    expect(survivors.length).toBeGreaterThanOrEqual(ear.persisted);
  }
});
