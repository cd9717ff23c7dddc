/** What comes back after a cut, a flipped bit, a torn batch: all of it, or a prefix, or an error. */

import { storageId } from '../../kv/core/ids';
import {
  putChecksum,
  putHeader,
  RECORD_HEADER_BYTES,
  recordEnd,
} from '../../kv/storage/record_format';
import { SEGMENT_HEADER_BYTES, segmentName, segmentSeed } from '../../kv/storage/segment_format';
import { JournalDamaged } from '../../kv/storage/storage_errors';
import type { SimulatedDisk } from './simulated_disk';
import {
  appendAndSettle,
  closeOn,
  Ear,
  expected,
  FOLDER,
  firstSegment,
  JOURNAL,
  newDisk,
  openOn,
  plain,
} from './storage_setup';

const RECORD = RECORD_HEADER_BYTES + 20;

/** A disk on which each of `batches` was acknowledged, as a killed process leaves it. */
async function diskWith(batches: readonly number[], id = 77): Promise<SimulatedDisk> {
  const disk = newDisk();
  const storage = openOn(disk, { drawStorageId: () => storageId(id) });
  const ear = new Ear(storage);
  let last = 0;
  for (const count of batches) {
    await appendAndSettle(disk, storage, last + 1, last + count);
    last += count;
  }
  expect(ear.persisted).toBe(last);
  return disk.copy();
}

/** What a restart finds: the records, or the damage. */
function recover(disk: SimulatedDisk): string[] | JournalDamaged {
  try {
    return plain(openOn(disk).recovered.records);
  } catch (error) {
    if (error instanceof JournalDamaged) return error;
    throw error;
  }
}

/** Changes a file of a copy of the disk. */
function changed(disk: SimulatedDisk, path: string, change: (bytes: Buffer) => Buffer) {
  const copy = disk.copy();
  copy.put(path, change(Buffer.from(copy.content(path))));
  return copy;
}

/** Opens the disk again after whatever recovery did, appends, and expects both halves back. */
async function expectUsable(disk: SimulatedDisk, survivors: number): Promise<void> {
  const again = disk.copy();
  const storage = openOn(again);
  const ear = new Ear(storage);
  await appendAndSettle(again, storage, survivors + 1, survivors + 3);
  expect(ear.persisted).toBe(survivors + 3);
  expect(recover(again.copy())).toEqual(expected(1, survivors + 3));
}

describe('a whole journal', () => {
  it('comes back record by record', async () => {
    const disk = await diskWith([3, 1, 4]);
    expect(recover(disk)).toEqual(expected(1, 8));
  });

  it('comes back after a clean stop, again and again', async () => {
    const disk = await diskWith([2]);
    for (let last = 2; last < 30; last++) {
      const storage = openOn(disk);
      expect(plain(storage.recovered.records)).toEqual(expected(1, last));
      new Ear(storage);
      await appendAndSettle(disk, storage, last + 1, last + 1);
      await closeOn(disk, storage);
    }
  });

  it.each([0, 5])(
    'has its last batch, and all behind it, written anew (torn: %d)',
    async (torn) => {
      const disk = changed(await diskWith([3, 1, 4]), firstSegment, (bytes) =>
        bytes.fill(
          0xff,
          SEGMENT_HEADER_BYTES + 8 * RECORD,
          SEGMENT_HEADER_BYTES + 8 * RECORD + torn,
        ),
      );
      const done: string[] = [];
      disk.fault = ({ kind, path, bytes }) => {
        if (path === firstSegment && kind !== 'read') done.push(`${kind} ${bytes}`);
        return undefined;
      };
      openOn(disk);
      const rest = 512 - SEGMENT_HEADER_BYTES - 8 * RECORD;
      const written = done.findIndex((what) => what === `write ${4 * RECORD + rest}`);
      expect(done.filter((what) => what.startsWith('write'))).toEqual([done[written]]);
      expect(done[written + 1]).toBe('sync 0');
    },
  );

  it('is refused without its segments', async () => {
    const disk = await diskWith([2]);
    disk.removeSync(firstSegment);
    expect(recover(disk)).toBeInstanceOf(JournalDamaged);
  });

  it('is refused when a segment is missing in the middle', async () => {
    const disk = await diskWith([10, 10, 10]);
    const second = disk.listSync(JOURNAL).sort()[1];
    disk.removeSync(`${JOURNAL}/${second}`);
    expect(recover(disk)).toMatchObject({
      message: expect.stringContaining('records from 12 on should be here'),
    });
  });

  it('is refused when it belongs to another folder', async () => {
    const disk = await diskWith([2]);
    const other = await diskWith([2], 78);
    const mixed = changed(disk, `${FOLDER}/identity.json`, () =>
      other.content(`${FOLDER}/identity.json`),
    );
    expect(recover(mixed)).toMatchObject({ message: expect.stringContaining('of storage 77') });
  });
});

describe('a journal cut short', () => {
  it('keeps the whole records before the cut, wherever the last batch is cut', async () => {
    const disk = await diskWith([2, 3]);
    const lastBatch = SEGMENT_HEADER_BYTES + 2 * RECORD;
    for (let cut = lastBatch; cut <= lastBatch + 3 * RECORD; cut++) {
      const torn = changed(disk, firstSegment, (bytes) => bytes.subarray(0, cut));
      const survivors = 2 + Math.floor((cut - lastBatch) / RECORD);
      expect(recover(torn)).toEqual(expected(1, survivors));
      await expectUsable(torn, survivors);
    }
  });

  it('drops a tail of zeros from any byte of the last batch on', async () => {
    const disk = await diskWith([2, 3]);
    const lastBatch = SEGMENT_HEADER_BYTES + 2 * RECORD;
    for (let cut = lastBatch; cut < lastBatch + 3 * RECORD; cut++) {
      const torn = changed(disk, firstSegment, (bytes) => bytes.fill(0, cut));
      // The last bytes of a record may be zeros by themselves.
      const survivors = 2 + Math.floor((cut - lastBatch) / RECORD);
      expect(recover(torn)).toEqual(expected(1, survivors));
      await expectUsable(torn, survivors);
    }
  });

  it('drops garbage after the last record, and clears it', async () => {
    const disk = await diskWith([2]);
    const end = SEGMENT_HEADER_BYTES + 2 * RECORD;
    const torn = changed(disk, firstSegment, (bytes) => bytes.fill(0xa5, end));
    expect(recover(torn)).toEqual(expected(1, 2));
    expect(
      torn
        .content(firstSegment)
        .subarray(end)
        .every((byte) => byte === 0),
    ).toBe(true);
    await expectUsable(torn, 2);
  });

  it('is damaged when the cut is in a segment that is not the last', async () => {
    const disk = await diskWith([11, 5]);
    const end = SEGMENT_HEADER_BYTES + 11 * RECORD;
    expect(disk.listSync(JOURNAL)).toContain(segmentName(12));
    for (let cut = 0; cut < end; cut++) {
      const torn = changed(disk, firstSegment, (bytes) => bytes.subarray(0, cut));
      expect(recover(torn)).toBeInstanceOf(JournalDamaged);
    }
  });
});

describe('a flipped bit', () => {
  /** Flips every bit of the segment in turn and hands over what recovery makes of it. */
  function eachFlip(
    disk: SimulatedDisk,
    path: string,
    from: number,
    to: number,
    check: (result: string[] | JournalDamaged, byte: number) => void,
  ): void {
    for (let byte = from; byte < to; byte++) {
      for (let bit = 0; bit < 8; bit++) {
        const flipped = changed(disk, path, (bytes) => {
          bytes[byte] = (bytes[byte] ?? 0) ^ (1 << bit);
          return bytes;
        });
        check(recover(flipped), byte);
      }
    }
  }

  it('in a header is damage', async () => {
    const disk = await diskWith([2]);
    eachFlip(disk, firstSegment, 0, SEGMENT_HEADER_BYTES, (result) =>
      expect(result).toBeInstanceOf(JournalDamaged),
    );
  });

  it('in a record that a later batch knew to be durable is damage, named by place', async () => {
    const disk = await diskWith([2, 1]);
    const end = SEGMENT_HEADER_BYTES + 2 * RECORD;
    eachFlip(disk, firstSegment, SEGMENT_HEADER_BYTES, end, (result, byte) => {
      const at = byte < SEGMENT_HEADER_BYTES + RECORD ? SEGMENT_HEADER_BYTES : end - RECORD;
      expect(result).toMatchObject({ file: firstSegment, offset: at });
      expect((result as Error).message).toMatch(/move the data folder away/);
    });
  });

  it('in the last batch drops the rest of it, as if it had been torn', async () => {
    const disk = await diskWith([2, 2]);
    const from = SEGMENT_HEADER_BYTES + 2 * RECORD;
    eachFlip(disk, firstSegment, from, from + 2 * RECORD, (result, byte) =>
      expect(result).toEqual(expected(1, byte < from + RECORD ? 2 : 3)),
    );
  });

  it('in the last batch is damage after a clean stop, which seals the journal', async () => {
    const disk = await diskWith([2]);
    const storage = openOn(disk);
    new Ear(storage);
    await closeOn(disk, storage);
    const end = SEGMENT_HEADER_BYTES + 2 * RECORD;
    eachFlip(disk, firstSegment, SEGMENT_HEADER_BYTES, end, (result) =>
      expect(result).toBeInstanceOf(JournalDamaged),
    );
  });

  it.each([1, 2])('in a seal is damage as soon as anything follows (seals: %d)', async (seals) => {
    const disk = await diskWith([2]);
    for (let seal = 0; seal < seals; seal++) {
      const storage = openOn(disk);
      new Ear(storage);
      await closeOn(disk, storage);
    }
    const storage = openOn(disk);
    const ear = new Ear(storage);
    await appendAndSettle(disk, storage, 3, 4);
    expect(ear.persisted).toBe(4);
    const seal = SEGMENT_HEADER_BYTES + 2 * RECORD;
    const after = disk.copy();
    eachFlip(after, firstSegment, seal, seal + seals * RECORD_HEADER_BYTES, (result) =>
      expect(result).toBeInstanceOf(JournalDamaged),
    );
  });

  it('in a segment that is not the last is damage, but not in the room that was not used', async () => {
    const disk = await diskWith([11, 1]);
    const end = SEGMENT_HEADER_BYTES + 11 * RECORD;
    const { length } = disk.content(firstSegment);
    expect(end).toBeLessThan(length);
    eachFlip(disk, firstSegment, 0, end, (result) => expect(result).toBeInstanceOf(JournalDamaged));
    eachFlip(disk, firstSegment, end, length, (result) => expect(result).toEqual(expected(1, 12)));
  });
});

describe('a batch that reached the disk out of order', () => {
  it('is dropped from its first missing record on, whatever of the rest arrived', async () => {
    const disk = await diskWith([2, 4]);
    const batch = SEGMENT_HEADER_BYTES + 2 * RECORD;
    for (let arrived = 0; arrived < 16; arrived++) {
      const torn = changed(disk, firstSegment, (bytes) => {
        for (let i = 0; i < 4; i++) {
          const missing = (arrived & (1 << i)) === 0;
          if (missing) bytes.fill(0, batch + i * RECORD, batch + (i + 1) * RECORD);
        }
        return bytes;
      });
      let survivors = 2;
      while (survivors < 6 && (arrived & (1 << (survivors - 2))) !== 0) survivors++;
      expect(recover(torn)).toEqual(expected(1, survivors));
      await expectUsable(torn, survivors);
    }
  });

  it('is dropped when it was the first batch behind a seal', async () => {
    const disk = await diskWith([2]);
    const sealed = openOn(disk);
    new Ear(sealed);
    await closeOn(disk, sealed);
    const storage = openOn(disk);
    new Ear(storage);
    await appendAndSettle(disk, storage, 3, 6);
    const batch = SEGMENT_HEADER_BYTES + 2 * RECORD + RECORD_HEADER_BYTES;
    for (let arrived = 0; arrived < 16; arrived++) {
      const torn = changed(disk.copy(), firstSegment, (bytes) => {
        for (let i = 0; i < 4; i++) {
          const missing = (arrived & (1 << i)) === 0;
          if (missing) bytes.fill(0, batch + i * RECORD, batch + (i + 1) * RECORD);
        }
        return bytes;
      });
      let survivors = 2;
      while (survivors < 6 && (arrived & (1 << (survivors - 2))) !== 0) survivors++;
      expect(recover(torn)).toEqual(expected(1, survivors));
      await expectUsable(torn, survivors);
    }
  });

  it('is dropped when it was the first batch of its segment', async () => {
    const disk = await diskWith([11, 3]);
    const path = `${JOURNAL}/${segmentName(12)}`;
    const torn = changed(disk, path, (bytes) =>
      bytes.fill(0, SEGMENT_HEADER_BYTES, SEGMENT_HEADER_BYTES + RECORD),
    );
    expect(recover(torn)).toEqual(expected(1, 11));
    await expectUsable(torn, 11);
  });
});

describe('a record elsewhere than it was written', () => {
  it('does not verify at another offset, not even as the next record', async () => {
    const disk = await diskWith([1, 1]);
    const at = SEGMENT_HEADER_BYTES + RECORD;
    const moved = changed(disk, firstSegment, (bytes) => {
      bytes.copy(bytes, at + 1, at, at + RECORD);
      bytes[at] = 0;
      return bytes;
    });
    expect(recover(moved)).toEqual(expected(1, 1));
  });

  it('does not verify in the journal of another folder, at the same offset', async () => {
    const disk = await diskWith([11, 1]);
    const other = await diskWith([11, 1], 78);
    const path = `${JOURNAL}/${segmentName(12)}`;
    expect(recover(disk)).toEqual(expected(1, 12));
    const swapped = changed(disk, path, (bytes) => {
      other.content(path).copy(bytes, SEGMENT_HEADER_BYTES, SEGMENT_HEADER_BYTES);
      return bytes;
    });
    expect(recover(swapped)).toEqual(expected(1, 11));
  });

  it('does not verify in another segment, at the same offset and with the number due there', () => {
    const bytes = Buffer.alloc(100);
    const first = segmentSeed(storageId(77), 1);
    putHeader(bytes, SEGMENT_HEADER_BYTES, 1, 20, 12, 11);
    putChecksum(bytes, SEGMENT_HEADER_BYTES, first, SEGMENT_HEADER_BYTES);
    expect(recordEnd(bytes, SEGMENT_HEADER_BYTES, first, 12)).toBe(SEGMENT_HEADER_BYTES + RECORD);
    const second = segmentSeed(storageId(77), 12);
    expect(recordEnd(bytes, SEGMENT_HEADER_BYTES, second, 12)).toBeUndefined();
  });
});

describe('a last segment that came back empty', () => {
  it.each([0, 10, SEGMENT_HEADER_BYTES, 512])('is used again (%d zeros)', async (length) => {
    const disk = await diskWith([11]);
    disk.put(`${JOURNAL}/${segmentName(12)}`, Buffer.alloc(length));
    expect(recover(disk)).toEqual(expected(1, 11));
    await expectUsable(disk, 11);
  });

  it('is damage when records are missing before it', async () => {
    const disk = await diskWith([11]);
    disk.put(`${JOURNAL}/${segmentName(13)}`, Buffer.alloc(512));
    expect(recover(disk)).toBeInstanceOf(JournalDamaged);
  });
});
