/**
 * A start whose own flush fails, and then another one. What the first has written can be read and
 * may never reach the disk, so the second must not believe it: neither the zeros that cleared a torn
 * tail nor the header that was given to an empty segment.
 */

import { storageId } from '../../kv/core/ids';
import { Prng } from '../../kv/core/prng';
import { SystemError } from '../../kv/sim_disk/disk_faults';
import { SimulatedFiles } from '../../kv/sim_disk/simulated_files';
import { createJournal } from '../../kv/storage/journal';
import { readRecords, recoverJournal } from '../../kv/storage/journal_recovery';
import { putChecksum, putHeader, RECORD_HEADER_BYTES, SEAL } from '../../kv/storage/record_format';
import { SEGMENT_HEADER_BYTES, segmentName, segmentSeed } from '../../kv/storage/segment_format';

const FOLDER = '/journal';
const PATH = `${FOLDER}/${segmentName(1)}`;
const STORAGE = storageId(7);
const SEED = segmentSeed(STORAGE, 1);
/** So many that a failed flush has met every fate. */
const SEEDS = Array.from({ length: 30 }, (_, i) => i + 1);

/** A journal with one segment, written to as its writer would. */
class World {
  readonly files: SimulatedFiles;
  /** Where the next record goes. */
  end = SEGMENT_HEADER_BYTES;
  private readonly random: Prng;
  private readonly place;

  constructor(seed: number) {
    this.random = new Prng(seed, 'world');
    const fs = new SimulatedFiles(this.random, () => []);
    this.files = fs;
    const [segmentBytes, maxRecordBytes] = [512, 100];
    this.place = { fs, folder: FOLDER, storageId: STORAGE, segmentBytes, maxRecordBytes };
    createJournal(this.place);
  }

  get segment() {
    const file = this.files.names.get(PATH);
    if (file === undefined) throw new Error('the segment is gone');
    return file;
  }

  /** Writes a record durably, unless it is `lost` in a power cut: then there is only its place. */
  write(text: string, sequence: number, durable: number, lost = false): void {
    const bytes = Buffer.alloc(RECORD_HEADER_BYTES + text.length);
    putHeader(bytes, 0, text === '' ? SEAL : 1, text.length, sequence, durable);
    bytes.write(text, RECORD_HEADER_BYTES);
    putChecksum(bytes, 0, SEED, this.end);
    if (!lost) {
      this.segment.write(bytes, this.end);
      this.segment.flushLastWrite();
    }
    this.end += bytes.length;
  }

  /** A start. What it gives back is durable, and nothing else is there (J7). */
  start(): string[] {
    const { segments } = recoverJournal(this.place);
    this.end = segments[0]?.end ?? 0;
    const { live, durable } = this.segment;
    expect(durable.equals(live)).toBe(true);
    expect(live.findIndex((byte, at) => at >= this.end && byte !== 0)).toBe(-1);
    return [...readRecords(this.place, segments)].map((record) =>
      Buffer.from(record.payload).toString(),
    );
  }

  /** A start that fails as the disk does. */
  startInVain(): void {
    const flush = jest.spyOn(this.files, 'syncSync').mockImplementation(() => {
      this.segment.failFlush(this.segment.lastWrite, this.random);
      throw new SystemError('EIO');
    });
    expect(() => recoverJournal(this.place)).toThrow('EIO');
    flush.mockRestore();
  }

  cutPower(): void {
    this.files.stop('power_cut');
  }
}

const inEachWorld = (check: (world: World) => void): void => {
  for (const seed of SEEDS) check(new World(seed));
};

describe('a start after one whose flush has failed', () => {
  it('clears a torn tail as if nobody had tried', () => {
    inEachWorld((world) => {
      world.write('one', 1, 0);
      world.write('two', 2, 1, true);
      world.write('three', 3, 1);
      world.startInVain();
      expect(world.start()).toEqual(['one']);
      world.write('TWO', 2, 1);
      world.cutPower();
      // The old third record fits behind the new second one, and nobody was promised it.
      expect(world.start()).toEqual(['one', 'TWO']);
    });
  });

  it('clears it also behind a seal, which was there before the tail', () => {
    inEachWorld((world) => {
      world.write('one', 1, 0);
      world.write('', 2, 1);
      world.write('two', 2, 1, true);
      world.write('three', 3, 1);
      world.startInVain();
      expect(world.start()).toEqual(['one']);
      world.write('TWO', 2, 1);
      world.cutPower();
      expect(world.start()).toEqual(['one', 'TWO']);
    });
  });

  it('gives an empty segment its header anew', () => {
    inEachWorld((world) => {
      world.segment.write(Buffer.alloc(512), 0);
      world.segment.flushLastWrite();
      world.startInVain();
      expect(world.start()).toEqual([]);
      world.write('one', 1, 0);
      world.cutPower();
      expect(world.start()).toEqual(['one']);
    });
  });
});
