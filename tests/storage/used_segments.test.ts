/** Segments that nobody needs any more, and their files, which become the next ones. */

import type { DurableStorage } from '../../kv/storage/durable_storage';
import { RECORD_HEADER_BYTES } from '../../kv/storage/record_format';
import { SEGMENT_HEADER_BYTES, segmentName } from '../../kv/storage/segment_format';
import { JournalDamaged } from '../../kv/storage/storage_errors';
import { failure, type SimulatedDisk } from './simulated_disk';
import {
  appendAndSettle,
  closeOn,
  Ear,
  expected,
  JOURNAL,
  newDisk,
  openOn,
  plain,
  sequence,
} from './storage_setup';

const RECORD = RECORD_HEADER_BYTES + 20;
/** So many records fill a segment of 512 bytes. */
const PER_SEGMENT = 11;

/** A journal of so many segments, the last with one record in it. */
async function journalOf(segments: number) {
  const disk = newDisk();
  const storage = openOn(disk);
  const ear = new Ear(storage);
  await appendAndSettle(disk, storage, 1, (segments - 1) * PER_SEGMENT + 1);
  return { disk, storage, ear };
}

async function release(disk: SimulatedDisk, storage: DurableStorage, before: number) {
  storage.perform({ kind: 'release', before: sequence(before) });
  await disk.settle();
}

const filesOf = (disk: SimulatedDisk, ending: string): string[] =>
  disk
    .listSync(JOURNAL)
    .filter((name) => name.endsWith(ending))
    .sort();

const recoveredOn = (disk: SimulatedDisk): string[] => plain(openOn(disk).recovered.records);

/** A journal whose last segment, with three records, lies in the file of the first one. */
async function journalInUsedFile() {
  const { disk, storage, ear } = await journalOf(3);
  await release(disk, storage, PER_SEGMENT + 1);
  for (let last = 24; last <= 36; last++) await appendAndSettle(disk, storage, last, last);
  expect(ear.persisted).toBe(36);
  expect(filesOf(disk, '')).toEqual([12, 23, 34].map(segmentName));
  return { disk, path: `${JOURNAL}/${segmentName(34)}` };
}

describe('a used segment', () => {
  it('becomes the next one: nothing is filled with zeros', async () => {
    const { disk, storage, ear } = await journalOf(5);
    await release(disk, storage, 4 * PER_SEGMENT + 1);
    expect(filesOf(disk, '.used').length).toBe(4);
    await appendAndSettle(disk, storage, 46, 66);
    let written = 0;
    const opened: string[] = [];
    disk.fault = ({ kind, path, bytes }) => {
      if (kind === 'write') written += bytes;
      if (kind === 'open') opened.push(path);
      return undefined;
    };
    await appendAndSettle(disk, storage, 67, 88);
    expect(ear.persisted).toBe(88);
    expect(opened.length).toBeGreaterThan(0);
    expect(opened.filter((path) => !path.endsWith('.used'))).toEqual([]);
    expect(written).toBe(2 * SEGMENT_HEADER_BYTES + 22 * RECORD);
    expect(recoveredOn(disk.copy())).toEqual(expected(45, 88));
  });

  it('holds in its next life only what it was given in that', async () => {
    const { disk, path } = await journalInUsedFile();
    const end = SEGMENT_HEADER_BYTES + 3 * RECORD;
    expect(
      disk
        .content(path)
        .subarray(end)
        .some((byte) => byte !== 0),
    ).toBe(true);
    expect(recoveredOn(disk.copy())).toEqual(expected(12, 36));
  });

  it('can be torn at its end like any other, whatever lies there', async () => {
    const { disk, path } = await journalInUsedFile();
    const begin = SEGMENT_HEADER_BYTES + 2 * RECORD;
    for (let at = begin; at < begin + RECORD; at++) {
      const torn = disk.copy();
      const bytes = Buffer.from(torn.content(path));
      bytes[at] = (bytes[at] as number) ^ 1;
      torn.put(path, bytes);
      expect(recoveredOn(torn)).toEqual(expected(12, 35));
      // And nothing of either life is left there.
      expect(
        torn
          .content(path)
          .subarray(begin)
          .every((byte) => byte === 0),
      ).toBe(true);
    }
  });

  it('shows damage to what was promised like any other', async () => {
    const { disk, path } = await journalInUsedFile();
    for (let at = 0; at < SEGMENT_HEADER_BYTES + 2 * RECORD; at++) {
      const harmed = disk.copy();
      const bytes = Buffer.from(harmed.content(path));
      bytes[at] = (bytes[at] as number) ^ 1;
      harmed.put(path, bytes);
      expect(() => openOn(harmed)).toThrow(JournalDamaged);
    }
  });

  it('is one of four at most; others are deleted', async () => {
    const { disk, storage } = await journalOf(9);
    await release(disk, storage, 8 * PER_SEGMENT + 1);
    expect(filesOf(disk, '.used')).toEqual([1, 12, 23, 34].map((n) => `${segmentName(n)}.used`));
    expect(filesOf(disk, '.segment')).toEqual([segmentName(89)]);
  });

  it('has the usual length; others are deleted', async () => {
    const disk = newDisk();
    const storage = openOn(disk);
    new Ear(storage);
    await appendAndSettle(disk, storage, 1, 3, 600);
    await release(disk, storage, 3);
    expect(filesOf(disk, '.segment')).toEqual([segmentName(3)]);
    expect(filesOf(disk, '.used')).toEqual([]);
  });

  it('is not opened again after a restart, and not left behind by a clean stop', async () => {
    const { disk, storage } = await journalOf(5);
    await release(disk, storage, 4 * PER_SEGMENT + 1);
    const killed = disk.copy();
    expect(filesOf(killed, '.used').length).toBe(4);
    expect(recoveredOn(killed)).toEqual(expected(45, 45));
    expect(filesOf(killed, '.used')).toEqual([]);
    await closeOn(disk, storage);
    expect(filesOf(disk, '')).toEqual([segmentName(45)]);
  });

  it('is not left behind by a stop in the middle of a release', async () => {
    const { disk, storage } = await journalOf(5);
    storage.perform({ kind: 'release', before: sequence(4 * PER_SEGMENT + 1) });
    await closeOn(disk, storage);
    expect(filesOf(disk, '.used')).toEqual([]);
    expect(recoveredOn(disk).at(-1)).toEqual(expected(45, 45)[0]);
  });

  it('is waited for if it cannot be opened yet, and not lost', async () => {
    const { disk, storage, ear } = await journalOf(5);
    await release(disk, storage, 4 * PER_SEGMENT + 1);
    let refusals = 3;
    disk.fault = ({ kind, path }) =>
      kind === 'open' && path.endsWith('.used') && refusals-- > 0 ? failure('EMFILE') : undefined;
    for (let last = 46; last <= 88; last++) await appendAndSettle(disk, storage, last, last);
    expect(refusals).toBeLessThan(0);
    expect(ear.persisted).toBe(88);
    expect(ear.failures).toEqual([]);
    expect(recoveredOn(disk.copy())).toEqual(expected(45, 88));
  });
});
