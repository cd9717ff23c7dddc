/** A process without a free descriptor: what is not opened loses nothing, so it is tried again. */

import fs = require('node:fs');

import { NODE_FILE_SYSTEM } from '../../kv/storage/file_system';
import { DiskFailed } from '../../kv/storage/storage_errors';
import { failure } from './simulated_disk';
import {
  appendAndSettle,
  closeOn,
  Ear,
  expected,
  FOLDER,
  newDisk,
  openOn,
  plain,
} from './storage_setup';

describe('the file system of the machine', () => {
  const minute = 60_000;
  /** What `fs.open` has been asked for, and how often it says that there is no descriptor. */
  let asked: number;
  let refusals: number;
  let code: string;

  beforeEach(() => {
    jest.useFakeTimers();
    [asked, refusals, code] = [0, 0, 'EMFILE'];
    const open = (...args: unknown[]): void => {
      const done = args.at(-1) as (error: Error | null, file?: number) => void;
      if (asked++ < refusals) done(failure(code));
      else done(null, 99);
    };
    jest.spyOn(fs, 'open').mockImplementation(open as typeof fs.open);
    jest.spyOn(fs, 'fsync').mockImplementation((_, done) => done(null));
    jest.spyOn(fs, 'close').mockImplementation((_, done) => done?.(null));
  });
  afterEach(() => {
    jest.restoreAllMocks();
    jest.useRealTimers();
  });

  it.each(['EMFILE', 'ENFILE'])('opens files and folders once there are some (%s)', (refused) => {
    for (const ask of [
      (done: jest.Mock) => NODE_FILE_SYSTEM.open('file', 'durable_create', done),
      (done: jest.Mock) => NODE_FILE_SYSTEM.syncFolder('folder', done),
    ]) {
      [asked, refusals, code] = [0, 5, refused];
      const done = jest.fn();
      ask(done);
      expect(done).not.toHaveBeenCalled();
      jest.advanceTimersByTime(minute / 2);
      expect(asked).toBe(6);
      expect(done).toHaveBeenCalledTimes(1);
      expect(done.mock.lastCall?.[0]).toBeNull();
    }
  });

  it('gives up where nobody can be kept waiting any longer, and at once on other errors', () => {
    const done = jest.fn();
    refusals = Number.POSITIVE_INFINITY;
    NODE_FILE_SYSTEM.open('file', 'read', done);
    jest.advanceTimersByTime(minute / 2);
    expect(done).not.toHaveBeenCalled();
    jest.advanceTimersByTime(minute);
    expect(done.mock.lastCall?.[0]).toMatchObject({ code: 'EMFILE' });
    code = 'EIO';
    NODE_FILE_SYSTEM.open('file', 'read', done);
    expect(done.mock.lastCall?.[0]).toMatchObject({ code: 'EIO' });
  });
});

describe('a spare segment that cannot be opened', () => {
  async function nearlyFull() {
    const disk = newDisk();
    const storage = openOn(disk);
    const ear = new Ear(storage);
    let tries = 0;
    disk.fault = ({ kind, path }) => {
      if (kind !== 'open' || !path.endsWith('next.partial')) return undefined;
      tries++;
      return failure('EMFILE');
    };
    for (let last = 1; last <= 10; last++) await appendAndSettle(disk, storage, last, last);
    return { disk, storage, ear, tries: () => tries };
  }

  it('is tried again with the next batch, and stops nobody before it is needed', async () => {
    const { disk, storage, ear, tries } = await nearlyFull();
    expect(tries()).toBeGreaterThan(1);
    expect(ear.failures).toEqual([]);
    disk.fault = () => undefined;
    await appendAndSettle(disk, storage, 11, 30);
    expect(ear.persisted).toBe(30);
    await closeOn(disk, storage);
    expect(plain(openOn(disk).recovered.records)).toEqual(expected(1, 30));
  });

  it('stops the node when the journal cannot go on without it, and says what to do', async () => {
    const { disk, storage, ear } = await nearlyFull();
    await appendAndSettle(disk, storage, 11, 30);
    expect(ear.failures).toEqual([expect.any(DiskFailed)]);
    expect(ear.failures[0]?.message).toMatch(/EMFILE.*must stop; raise the limit.*ulimit -n/);
    await closeOn(disk, storage);
    expect(plain(openOn(disk).recovered.records)).toEqual(expected(1, ear.persisted));
  });

  it('may also be missing at a start, which says the same', () => {
    const disk = newDisk();
    disk.fault = ({ kind }) => (kind === 'open' ? failure('EMFILE') : undefined);
    expect(() => openOn(disk)).toThrow(new RegExp(`${FOLDER} cannot be opened.*ulimit -n`));
  });
});
