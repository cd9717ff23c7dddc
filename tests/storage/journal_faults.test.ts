/** A disk that writes short, runs full or fails a flush; and the ordinary life of segments. */

import { InvariantViolation } from '../../kv/core/assert';
import { nodeId } from '../../kv/core/ids';
import { DiskFailed } from '../../kv/storage/storage_errors';
import { failure, type Operation, type SimulatedDisk } from './simulated_disk';
import {
  appendAndSettle,
  closeOn,
  Ear,
  expected,
  JOURNAL,
  name,
  newDisk,
  openOn,
  persist,
  plain,
  record,
  sequence,
} from './storage_setup';

/** Opens a storage on a disk that fails from now on where `matches` says so. */
function openFailing(matches: (operation: Operation) => boolean, error: Error | number) {
  const disk = newDisk();
  const storage = openOn(disk);
  const ear = new Ear(storage);
  disk.fault = (operation) => (matches(operation) ? error : undefined);
  return { disk, storage, ear };
}

const recoveredOn = (disk: SimulatedDisk): string[] => plain(openOn(disk).recovered.records);

describe('short writes', () => {
  it.each([1, 7, 100])('are completed, %d bytes at a time', async (most) => {
    const { disk, storage, ear } = openFailing(({ kind }) => kind === 'write', most);
    await appendAndSettle(disk, storage, 1, 30);
    expect(ear.persisted).toBe(30);
    expect(recoveredOn(disk.copy())).toEqual(expected(1, 30));
  });

  it('are completed across payloads that are written where they lie', async () => {
    const { disk, storage, ear } = openFailing(({ kind }) => kind === 'write', 5000);
    const records = [record(1), record(2, 40_000), record(3, 0), record(4, 33_000), record(5)];
    persist(storage, records, 5);
    await disk.settle();
    expect(ear.persisted).toBe(5);
    expect(recoveredOn(disk.copy())).toEqual(plain(records));
  });

  it('are completed during recovery', async () => {
    const disk = newDisk();
    const storage = openOn(disk);
    new Ear(storage);
    await appendAndSettle(disk, storage, 1, 3);
    const torn = disk.copy();
    const [segment] = torn.listSync(JOURNAL);
    const bytes = Buffer.from(torn.content(`${JOURNAL}/${segment}`));
    torn.put(`${JOURNAL}/${segment}`, bytes.fill(0xff, 400));
    torn.fault = ({ kind }) => (kind === 'write' || kind === 'read' ? 9 : undefined);
    expect(recoveredOn(torn)).toEqual(expected(1, 3));
    expect(torn.content(`${JOURNAL}/${segment}`).indexOf(0xff, 400)).toBe(-1);
  });

  it('of nothing at all are a full disk', async () => {
    const { disk, storage, ear } = openFailing(({ kind }) => kind === 'write', 0);
    await appendAndSettle(disk, storage, 1, 3);
    expect(ear.events).toEqual([]);
    expect(ear.failures).toEqual([expect.any(DiskFailed)]);
    expect(ear.failures[0]?.message).toMatch(/took none of 123 bytes .* probably full/);
  });
});

describe('a disk that fails', () => {
  it.each([
    ['ENOSPC in a write', 'write', 'ENOSPC'],
    ['EIO in a flush', 'sync', 'EIO'],
    ['EIO when a segment is named', 'rename', 'EIO'],
    ['EIO when the folder is flushed', 'syncFolder', 'EIO'],
    ['ENOENT when the next segment is made', 'open', 'ENOENT'],
  ])('%s: told once, and nothing is acknowledged afterwards', async (_, kind, code) => {
    for (let after = 0; after < 4; after++) {
      let left = after;
      const { disk, storage, ear } = openFailing(
        (operation) => operation.kind === kind && left-- <= 0,
        failure(code),
      );
      let last = 0;
      while (ear.failures.length === 0) {
        await appendAndSettle(disk, storage, last + 1, last + 4);
        last += 4;
      }
      const acknowledged = ear.persisted;
      const said = ear.events.length;
      // The disk is well again, but what it lost is lost: nothing is tried again.
      disk.fault = () => undefined;
      await appendAndSettle(disk, storage, last + 1, last + 4);
      await closeOn(disk, storage);
      expect(disk.openFiles).toBe(0);
      expect(ear.events.length).toBe(said);
      expect(ear.failures).toEqual([expect.any(DiskFailed)]);
      expect(ear.failures[0]?.message).toContain(code);
      const survivors = recoveredOn(disk.powerCut());
      expect(survivors).toEqual(expected(1, survivors.length));
      expect(survivors.length).toBeGreaterThanOrEqual(acknowledged);
    }
  });

  it.each([
    ['used again', 'rename', 1],
    ['deleted', 'remove', 9],
  ])(
    'fails once for everything: a release also ends the appends if a file cannot be %s',
    async (_, failing, segments) => {
      const disk = newDisk();
      const storage = openOn(disk);
      const ear = new Ear(storage);
      const last = 11 * segments + 1;
      await appendAndSettle(disk, storage, 1, last);
      disk.fault = ({ kind }) => (kind === failing ? failure('EIO') : undefined);
      storage.perform({ kind: 'release', before: sequence(last) });
      await disk.settle();
      await appendAndSettle(disk, storage, last + 1, last + 2);
      expect(ear.persisted).toBe(last);
      expect(ear.failures.length).toBe(1);
      await closeOn(disk, storage);
    },
  );

  it('may be closed from within the failure, which writes nothing more', async () => {
    const disk = newDisk();
    const storage = openOn(disk);
    let closed: Promise<void> | undefined;
    storage.listen({
      event: () => undefined,
      failed: () => {
        writes = 0;
        closed = storage.close();
      },
    });
    let writes = 0;
    disk.fault = ({ kind }) => {
      if (kind === 'write') writes++;
      return kind === 'sync' ? failure('EIO') : undefined;
    };
    await appendAndSettle(disk, storage, 1, 3);
    await closed;
    expect(closed).toBeDefined();
    expect(writes).toBe(0);
  });

  it('does not flush twice for one batch, even when a flush fails', async () => {
    let syncs = 0;
    const { disk, storage } = openFailing(({ kind }) => {
      if (kind === 'sync') syncs++;
      return kind === 'sync';
    }, failure('EIO'));
    await appendAndSettle(disk, storage, 1, 3);
    await closeOn(disk, storage);
    expect(syncs).toBe(1);
  });
});

describe('batches', () => {
  it('gather while one is being written: one write and one flush for many', async () => {
    const disk = newDisk();
    const storage = openOn(disk, { segmentBytes: 1 << 16 });
    const ear = new Ear(storage);
    for (let last = 1; last <= 100; last++) persist(storage, [record(last)], last);
    expect(storage.stats().pendingRecords).toBe(100);
    await disk.settle();
    expect(ear.of('persisted').map(({ through }) => through)).toEqual([1, 100]);
    expect(storage.stats()).toMatchObject({ fsyncCount: 2, pendingRecords: 0, journalSegments: 1 });
  });

  it('refuse what the journal cannot hold', () => {
    const storage = openOn(newDisk(), { maxRecordBytes: 50 });
    new Ear(storage);
    expect(() => persist(storage, [record(1, 51)], 1)).toThrow(InvariantViolation);
    expect(() => persist(storage, [{ ...record(1), type: 0 }], 1)).toThrow(InvariantViolation);
    expect(() => persist(storage, [{ ...record(1), type: 256 }], 1)).toThrow(InvariantViolation);
    expect(() => persist(storage, [record(1)], 2)).toThrow(InvariantViolation);
    expect(() => persist(storage, [record(1, 50)], 1)).not.toThrow();
  });

  it('larger than the buffer and the segment are cut between records', async () => {
    const disk = newDisk();
    const storage = openOn(disk, { segmentBytes: 4 << 20 });
    const ear = new Ear(storage);
    const records = Array.from({ length: 300 }, (_, i) => record(i + 1, (i % 3) * 15_000));
    persist(storage, records, 300);
    await disk.settle();
    expect(ear.persisted).toBe(300);
    expect(recoveredOn(disk.copy())).toEqual(plain(records));
  });
});

describe('segments', () => {
  it('follow one another; a record larger than a segment gets one of its own', async () => {
    const disk = newDisk();
    const storage = openOn(disk);
    const ear = new Ear(storage);
    const records = [record(1), record(2, 5000), record(3), record(4, 600), record(5, 40_000)];
    for (let last = 1; last <= 5; last++) {
      persist(storage, records.slice(last - 1, last), last);
      await disk.settle();
    }
    expect(ear.persisted).toBe(5);
    const segments = [1, 2, 3, 4, 5].map((first) => `00000000000000${first}.segment`);
    expect(disk.listSync(JOURNAL).sort()).toEqual([...segments, 'next.partial']);
    expect(recoveredOn(disk.copy())).toEqual(plain(records));
  });

  it('that hold nothing but seals take a record of any size: no other could have their name', async () => {
    const disk = newDisk();
    const first = openOn(disk);
    new Ear(first);
    await closeOn(disk, first);
    const storage = openOn(disk);
    const ear = new Ear(storage);
    await appendAndSettle(disk, storage, 1, 1, 600);
    storage.perform({ kind: 'release', before: sequence(2) });
    await appendAndSettle(disk, storage, 2, 2, 600);
    await disk.settle();
    expect(ear.failures).toEqual([]);
    expect(ear.persisted).toBe(2);
    await closeOn(disk, storage);
    const { recovered } = openOn(disk);
    expect(recovered.firstSequence).toBe(2);
    expect(plain(recovered.records)).toEqual(expected(2, 2, 600));
  });

  it('are made of zeros before they are needed', async () => {
    const disk = newDisk();
    const storage = openOn(disk, { segmentBytes: 1 << 20 });
    new Ear(storage);
    await appendAndSettle(disk, storage, 1, 1, 600_000);
    expect(disk.content(`${JOURNAL}/next.partial`).equals(Buffer.alloc(1 << 20))).toBe(true);
    await appendAndSettle(disk, storage, 2, 2, 600_000);
    expect(disk.content(`${JOURNAL}/000000000000002.segment`).length).toBe(1 << 20);
    expect(recoveredOn(disk.copy())).toEqual(expected(1, 2, 600_000));
  });

  it('are deleted once all of their records are released, never the last one', async () => {
    const disk = newDisk();
    const storage = openOn(disk);
    new Ear(storage);
    await appendAndSettle(disk, storage, 1, 60);
    const before = storage.stats();
    const firsts = (): number[] =>
      disk
        .listSync(JOURNAL)
        .filter((file) => file.endsWith('.segment'))
        .map((file) => Number.parseInt(file, 10))
        .sort((x, y) => x - y);
    expect(firsts()).toEqual([1, 12, 23, 34, 45, 56]);
    const release = async (to: number): Promise<number[]> => {
      storage.perform({ kind: 'release', before: sequence(to) });
      await disk.settle();
      return firsts();
    };
    expect(await release(11)).toEqual([1, 12, 23, 34, 45, 56]);
    expect(await release(12)).toEqual([12, 23, 34, 45, 56]);
    expect(await release(5)).toEqual([12, 23, 34, 45, 56]);
    expect(await release(44)).toEqual([34, 45, 56]);
    expect(await release(1000)).toEqual([56]);
    expect(storage.stats().journalSegments).toBe(1);
    expect(storage.stats().journalBytes).toBeLessThan(before.journalBytes);
    const after = openOn(disk.copy()).recovered;
    expect(after.firstSequence).toBe(56);
    expect(plain(after.records)).toEqual(expected(56, 60));
  });
});

describe('close', () => {
  it('waits for what was handed over, of every kind, and leaves no lock and no partial file', async () => {
    const disk = newDisk();
    const storage = openOn(disk);
    const ear = new Ear(storage);
    persist(storage, [record(1)], 1);
    for (const snapshot of ['a', 'b'].map(name)) {
      storage.perform({ kind: 'snapshot_open', snapshot, meta: new Uint8Array(0) });
      storage.perform({ kind: 'snapshot_append', snapshot, offset: 0, bytes: Buffer.from('xyz') });
      if (snapshot === 'a') storage.perform({ kind: 'snapshot_commit', snapshot });
    }
    await disk.settle();
    storage.perform({
      kind: 'snapshot_read',
      snapshot: name('a'),
      peer: nodeId('n2'),
      offset: 0,
      length: 3,
    });
    persist(storage, [record(2)], 2);
    storage.perform({ kind: 'release', before: sequence(2) });
    await closeOn(disk, storage);
    expect(ear.persisted).toBe(2);
    expect(ear.of('snapshot_data').length).toBe(1);
    const files = [...disk.names.keys()].sort();
    expect(files).toEqual([
      '/data/identity.json',
      '/data/journal/000000000000001.segment',
      '/data/snapshots/a',
    ]);
  });
});
