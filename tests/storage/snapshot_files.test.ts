/** Snapshots: written aside, replaced while they are read, cut and flipped at every byte. */

import { InvariantViolation } from '../../kv/core/assert';
import { nodeId } from '../../kv/core/ids';
import type { DurableStorage } from '../../kv/storage/durable_storage';
import { FolderUnusable, JournalDamaged, SnapshotDamaged } from '../../kv/storage/storage_errors';
import { failure, type SimulatedDisk } from './simulated_disk';
import { closeOn, Ear, firstSegment, name, newDisk, openOn, SNAPSHOTS } from './storage_setup';

const peer = nodeId('n2');
const META = Buffer.from('index 7, term 3');
const BLOCK = 64 * 1024;

/** Content in which every stretch differs. */
function content(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8) * 17 + (i >> 16) * 5) & 0xff;
  return bytes;
}

function write(storage: DurableStorage, snapshot: string, bytes: Buffer, slice = 50_000): void {
  storage.perform({ kind: 'snapshot_open', snapshot: name(snapshot), meta: META });
  for (let offset = 0; offset < bytes.length; offset += slice) {
    const part = bytes.subarray(offset, offset + slice);
    storage.perform({ kind: 'snapshot_append', snapshot: name(snapshot), offset, bytes: part });
  }
}

async function save(
  disk: SimulatedDisk,
  storage: DurableStorage,
  snapshot: string,
  bytes: Buffer,
): Promise<void> {
  write(storage, snapshot, bytes);
  storage.perform({ kind: 'snapshot_commit', snapshot: name(snapshot) });
  await disk.settle();
}

function read(storage: DurableStorage, snapshot: string, offset: number, length: number): void {
  storage.perform({ kind: 'snapshot_read', snapshot: name(snapshot), peer, offset, length });
}

async function diskWithSnapshot(length: number): Promise<SimulatedDisk> {
  const disk = newDisk();
  const storage = openOn(disk);
  new Ear(storage);
  await save(disk, storage, 'one', content(length));
  await closeOn(disk, storage);
  return disk;
}

/** The recovered content, or the damage. */
function recoverContent(disk: SimulatedDisk): Buffer | SnapshotDamaged {
  try {
    const { snapshot } = openOn(disk.copy()).recovered;
    return Buffer.concat([...(snapshot?.chunks ?? [])]);
  } catch (error) {
    if (error instanceof SnapshotDamaged) return error;
    throw error;
  }
}

describe('a snapshot', () => {
  it.each([0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 16 * BLOCK, 16 * BLOCK + 1, 40 * BLOCK + 9])(
    'of %d bytes comes back whole',
    async (length) => {
      const disk = newDisk();
      const storage = openOn(disk);
      const ear = new Ear(storage);
      await save(disk, storage, 'one', content(length));
      expect(ear.of('snapshot_saved')).toEqual([
        { kind: 'snapshot_saved', snapshot: 'one', size: length },
      ]);
      const told = ear.of('snapshot_written').map(({ through }) => through);
      expect(told).toEqual([...told].sort((x, y) => x - y));
      expect(told.length).toBe(Math.ceil(length / 50_000));
      const { snapshot } = openOn(disk.copy()).recovered;
      expect(snapshot).toMatchObject({ name: 'one', size: length });
      expect(Buffer.from(snapshot?.meta ?? []).equals(META)).toBe(true);
      const back = Buffer.concat([...(snapshot?.chunks ?? [])]);
      expect(back.equals(content(length))).toBe(true);
    },
  );

  it('is read in any slices, each verified, shorter at its end', async () => {
    const size = 3 * BLOCK + 100;
    const disk = newDisk();
    const storage = openOn(disk);
    const ear = new Ear(storage);
    await save(disk, storage, 'one', content(size));
    const edges = [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, size - 1, size, size + 5];
    for (const offset of edges) {
      for (const length of [0, 1, 500, BLOCK, BLOCK + 1, size]) {
        ear.events.length = 0;
        read(storage, 'one', offset, length);
        await disk.settle();
        const [data] = ear.of('snapshot_data');
        expect(data).toMatchObject({ snapshot: 'one', peer, offset, size });
        const wanted = content(size).subarray(offset, offset + length);
        expect(Buffer.from(data?.bytes ?? []).equals(wanted)).toBe(true);
      }
    }
  });

  it('is not answered under another name', async () => {
    const disk = newDisk();
    const storage = openOn(disk);
    const ear = new Ear(storage);
    read(storage, 'one', 0, 10);
    await save(disk, storage, 'one', content(10));
    read(storage, 'two', 0, 10);
    await disk.settle();
    expect(ear.of('snapshot_data')).toEqual([]);
  });

  it('replaces the older one, which reads in flight still finish', async () => {
    const disk = newDisk();
    const storage = openOn(disk);
    const ear = new Ear(storage);
    await save(disk, storage, 'one', content(100));
    // The read is held back while everything else goes on.
    let held = true;
    const stuck: (() => void)[] = [];
    const read_ = disk.read.bind(disk);
    disk.read = (...args) => {
      if (held) stuck.push(() => read_(...args));
      else read_(...args);
    };
    read(storage, 'one', 0, 100);
    await save(disk, storage, 'two', content(50));
    expect(ear.of('snapshot_saved').length).toBe(2);
    expect(disk.listSync(SNAPSHOTS).sort()).toEqual(['one', 'two']);
    read(storage, 'one', 0, 100);
    held = false;
    for (const go of stuck) go();
    await disk.settle();
    const answers = ear.of('snapshot_data');
    expect(answers.length).toBe(1);
    expect(Buffer.from(answers[0]?.bytes ?? []).equals(content(100))).toBe(true);
    expect(disk.listSync(SNAPSHOTS)).toEqual(['two']);
    await closeOn(disk, storage);
  });

  it('that is aborted, or superseded by another, leaves nothing', async () => {
    const disk = newDisk();
    const storage = openOn(disk);
    const ear = new Ear(storage);
    write(storage, 'one', content(2_000_000));
    storage.perform({ kind: 'snapshot_abort', snapshot: name('one') });
    storage.perform({ kind: 'snapshot_abort', snapshot: name('unknown') });
    await disk.settle();
    expect(disk.listSync(SNAPSHOTS)).toEqual([]);
    write(storage, 'two', content(10));
    write(storage, 'three', content(20));
    await disk.settle();
    expect(disk.listSync(SNAPSHOTS)).toEqual(['three.partial']);
    storage.perform({ kind: 'snapshot_commit', snapshot: name('three') });
    await disk.settle();
    expect(disk.listSync(SNAPSHOTS)).toEqual(['three']);
    expect(ear.of('snapshot_saved').map(({ snapshot }) => snapshot)).toEqual(['three']);
  });

  it('refuses gaps, unopened names and names that lead elsewhere', () => {
    const storage = openOn(newDisk());
    new Ear(storage);
    const open = (snapshot: string) => () =>
      storage.perform({ kind: 'snapshot_open', snapshot: name(snapshot), meta: META });
    const append = (snapshot: string, offset: number) => () =>
      storage.perform({ kind: 'snapshot_append', snapshot: name(snapshot), offset, bytes: META });
    for (const bad of ['', '../x', 'A', 'a.partial', 'a/b']) {
      expect(open(bad)).toThrow(InvariantViolation);
    }
    expect(append('one', 0)).toThrow(InvariantViolation);
    open('one')();
    expect(append('one', 1)).toThrow(InvariantViolation);
    expect(append('two', 0)).toThrow(InvariantViolation);
    append('one', 0)();
    storage.perform({ kind: 'snapshot_commit', snapshot: name('one') });
    expect(open('one')).toThrow(InvariantViolation);
  });

  it('survives short writes and short reads', async () => {
    const disk = newDisk();
    disk.fault = ({ kind }) => (kind === 'write' || kind === 'read' ? 1000 : undefined);
    const storage = openOn(disk);
    const ear = new Ear(storage);
    await save(disk, storage, 'one', content(2 * BLOCK + 7));
    read(storage, 'one', 5, 2 * BLOCK);
    await disk.settle();
    const [data] = ear.of('snapshot_data');
    const wanted = content(2 * BLOCK + 7).subarray(5, 5 + 2 * BLOCK);
    expect(Buffer.from(data?.bytes ?? []).equals(wanted)).toBe(true);
  });

  it.each(['write', 'sync', 'rename', 'syncFolder', 'open'])(
    'is not reported as saved when the disk fails in %s',
    async (kind) => {
      const disk = newDisk();
      const storage = openOn(disk);
      const ear = new Ear(storage);
      await save(disk, storage, 'one', content(100));
      disk.fault = (operation) =>
        operation.kind === kind && operation.path.startsWith(SNAPSHOTS)
          ? failure('EIO')
          : undefined;
      await save(disk, storage, 'two', content(2_000_000));
      expect(ear.of('snapshot_saved').length).toBe(1);
      expect(ear.failures.length).toBe(1);
      await closeOn(disk, storage);
      expect(disk.openFiles).toBe(0);
    },
  );
});

describe('a damaged snapshot', () => {
  it('leaves no file open, of itself, of others or of the journal; nor does a damaged journal', async () => {
    const disk = await diskWithSnapshot(100);
    const whole = disk.content(`${SNAPSHOTS}/one`);
    const noJournal = disk.copy();
    noJournal.removeSync(firstSegment);
    expect(() => openOn(noJournal)).toThrow(JournalDamaged);
    expect(noJournal.openFiles).toBe(0);
    for (const harmed of ['one', 'two', 'three']) {
      for (const snapshot of ['one', 'two']) disk.put(`${SNAPSHOTS}/${snapshot}`, whole);
      disk.put(`${SNAPSHOTS}/${harmed}`, Buffer.alloc(50, 'rubbish'));
      const before = disk.openFiles;
      expect(() => openOn(disk)).toThrow(SnapshotDamaged);
      expect(disk.openFiles).toBe(before);
    }
  });

  it('is refused wherever it is cut', async () => {
    const disk = await diskWithSnapshot(100);
    const whole = Buffer.from(disk.content(`${SNAPSHOTS}/one`));
    for (let cut = 0; cut < whole.length; cut++) {
      disk.put(`${SNAPSHOTS}/one`, whole.subarray(0, cut));
      expect(recoverContent(disk)).toBeInstanceOf(SnapshotDamaged);
    }
  });

  it('is refused whichever bit is flipped', async () => {
    const disk = await diskWithSnapshot(100);
    const whole = disk.content(`${SNAPSHOTS}/one`);
    expect(recoverContent(disk)).toEqual(content(100));
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const flipped = Buffer.from(whole);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      disk.put(`${SNAPSHOTS}/one`, flipped);
      expect(recoverContent(disk)).toBeInstanceOf(SnapshotDamaged);
    }
  });

  it('is refused when blocks have changed places, before the first wrong byte is given', async () => {
    const disk = await diskWithSnapshot(4 * BLOCK);
    const bytes = Buffer.from(disk.content(`${SNAPSHOTS}/one`));
    const start = 32 + META.length;
    const stored = BLOCK + 4;
    bytes.copyWithin(start + stored, start + 2 * stored, start + 3 * stored);
    disk.put(`${SNAPSHOTS}/one`, bytes);
    const given: Uint8Array[] = [];
    expect(() => {
      for (const chunk of openOn(disk).recovered.snapshot?.chunks ?? []) given.push(chunk);
    }).toThrow(/offset 65587: block 1 of the content does not verify\. Do not go on/);
    expect(Buffer.concat(given).equals(content(BLOCK))).toBe(true);
  });

  it('is refused under another name', async () => {
    const disk = await diskWithSnapshot(10);
    disk.put(`${SNAPSHOTS}/two`, disk.content(`${SNAPSHOTS}/one`));
    disk.removeSync(`${SNAPSHOTS}/one`);
    expect(recoverContent(disk)).toBeInstanceOf(SnapshotDamaged);
  });

  it('stops the node when a peer would be given a damaged slice', async () => {
    const disk = newDisk();
    const storage = openOn(disk);
    const ear = new Ear(storage);
    await save(disk, storage, 'one', content(3 * BLOCK));
    const bytes = disk.content(`${SNAPSHOTS}/one`);
    const at = 32 + META.length + BLOCK + 10;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    read(storage, 'one', 0, BLOCK);
    await disk.settle();
    expect(ear.of('snapshot_data').length).toBe(1);
    read(storage, 'one', 2 * BLOCK - 1, 1);
    await disk.settle();
    expect(ear.of('snapshot_data').length).toBe(1);
    expect(ear.failures).toEqual([expect.any(SnapshotDamaged)]);
  });

  it('never gives way to an older one', async () => {
    const disk = newDisk();
    const storage = openOn(disk);
    new Ear(storage);
    await save(disk, storage, 'one', content(10));
    const older = Buffer.from(disk.content(`${SNAPSHOTS}/one`));
    await save(disk, storage, 'two', content(20));
    await closeOn(disk, storage);
    disk.put(`${SNAPSHOTS}/one`, older);
    expect(recoverContent(disk)).toEqual(content(20));
    const newest = Buffer.from(disk.content(`${SNAPSHOTS}/two`));
    disk.put(`${SNAPSHOTS}/two`, newest.fill(0, newest.length - 5));
    expect(recoverContent(disk)).toBeInstanceOf(SnapshotDamaged);
  });
});

describe('a start that fails', () => {
  it('leaves no file open, wherever it fails', async () => {
    const older = await diskWithSnapshot(100);
    const storage = openOn(older);
    new Ear(storage);
    await save(older, storage, 'two', content(50));
    await closeOn(older, storage);
    older.put(`${SNAPSHOTS}/one`, (await diskWithSnapshot(100)).content(`${SNAPSHOTS}/one`));
    const untroubled = older.copy();
    openOn(untroubled);
    for (let failing = 1; failing <= untroubled.operations; failing++) {
      const disk = older.copy();
      disk.fault = () => (disk.operations === failing ? failure('EIO') : undefined);
      expect(() => openOn(disk)).toThrow(FolderUnusable);
      expect(disk.openFiles).toBe(0);
    }
  });
});
