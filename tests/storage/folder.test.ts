/** A folder on the real disk: two processes, locks of the dead, and folders of somebody else. */

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeId, storageId } from '../../kv/core/ids';
import { type DurableStorageOptions, openDurableStorage } from '../../kv/storage/durable_storage';
import { NODE_FILE_SYSTEM } from '../../kv/storage/file_system';
import {
  FolderInUse,
  FolderUnusable,
  IdentityDamaged,
  JournalDamaged,
  WrongFolder,
} from '../../kv/storage/storage_errors';
import { holdFolder } from './child_process';
import { failure } from './simulated_disk';
import { Ear, expected, FOLDER, newDisk, openOn, persist, plain, record } from './storage_setup';

let parent: string;
let folder: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'quorum-kv-folder-'));
  folder = join(parent, 'deep', 'data');
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

const open = (options: Partial<DurableStorageOptions> = {}) =>
  openDurableStorage({
    folder,
    nodeId: nodeId('n1'),
    clusterId: 'c',
    drawStorageId: () => storageId(77),
    segmentBytes: 4096,
    ...options,
  });

function raise(error: Error): never {
  throw error;
}

const lockPath = (): string => join(folder, 'lock');

describe('the lock', () => {
  it('keeps a second process out until the first is gone, even if it was killed', async () => {
    const holder = await holdFolder(folder);
    try {
      const { pid } = holder.process;
      expect(() => open()).toThrow(
        new FolderInUse(`the data folder ${folder} is in use by process ${pid}`),
      );
    } finally {
      await holder.kill();
    }
    expect(existsSync(lockPath())).toBe(true);
    await open().close();
    expect(existsSync(lockPath())).toBe(false);
  });

  it('keeps a second opening out within one process, until the first is closed', async () => {
    const storage = open();
    expect(() => open()).toThrow(FolderInUse);
    await storage.close();
    await storage.close();
    await open().close();
  });

  it('is given back when the opening fails', async () => {
    await open().close();
    expect(() => open({ nodeId: nodeId('n2') })).toThrow(WrongFolder);
    expect(readdirSync(folder).sort()).toEqual(['identity.json', 'journal', 'snapshots']);
    await open().close();
  });

  it.each([
    ['of a process that is no more', { pid: 2 ** 22 + 1, started: '1', boot: '' }],
    ['that a power failure left empty', undefined],
    ['that says nothing sensible', { pid: 'x' }],
  ])('%s is taken over', async (_, owner) => {
    await open().close();
    writeFileSync(lockPath(), owner === undefined ? '' : JSON.stringify(owner));
    await open().close();
    expect(readdirSync(folder).sort()).toEqual(['identity.json', 'journal', 'snapshots']);
  });

  // Without /proc nobody can tell two processes with one number apart.
  const tellsStartTimes = existsSync('/proc/self/stat') ? it : it.skip;
  tellsStartTimes('of a process whose number was given to another is taken over', async () => {
    const storage = open();
    const mine = JSON.parse(readFileSync(lockPath(), 'utf8'));
    await storage.close();
    expect(mine.pid).toBe(process.pid);
    expect(mine.started).toMatch(/^\d+$/);
    for (const change of [{ started: `${Number(mine.started) - 1}` }, { boot: 'an earlier one' }]) {
      writeFileSync(lockPath(), JSON.stringify({ ...mine, ...change }));
      await open().close();
    }
    writeFileSync(lockPath(), JSON.stringify(mine));
    expect(() => open()).toThrow(FolderInUse);
  });

  it('is not taken over while another process is about to do so', async () => {
    await open().close();
    writeFileSync(lockPath(), '');
    const takeover = join(folder, 'lock.takeover');
    writeFileSync(takeover, '');
    expect(() => open()).toThrow(`remove ${takeover}`);
  });
});

describe('the identity', () => {
  it('is drawn once and kept', async () => {
    const first = open();
    expect(first.identity).toEqual({ clusterId: 'c', nodeId: 'n1', storageId: 77 });
    await first.close();
    const draw = jest.fn(() => storageId(78));
    const second = open({ drawStorageId: draw });
    expect(second.identity).toEqual(first.identity);
    expect(draw).not.toHaveBeenCalled();
    await second.close();
  });

  it('of another node or cluster is refused, naming both', async () => {
    await open().close();
    expect(() => open({ nodeId: nodeId('n2') })).toThrow(/node "n1", but this is node "n2"/);
    expect(() => open({ clusterId: 'd' })).toThrow(/cluster "c", but this is cluster "d"/);
  });

  it('tells its cluster to who names none', async () => {
    await open().close();
    const storage = open({ clusterId: undefined });
    expect(storage.identity.clusterId).toBe('c');
    await storage.close();
  });

  it('names the node that has no other name, and keeps that name', async () => {
    const first = open({ nodeId: undefined, drawStorageId: () => storageId(0xabc123) });
    expect(first.identity.nodeId).toBe('000000abc123');
    await first.close();
    const second = open({ nodeId: undefined, drawStorageId: () => storageId(78) });
    expect(second.identity).toEqual(first.identity);
    await second.close();
  });

  it('is refused whichever bit of it is flipped', async () => {
    await open().close();
    const path = join(folder, 'identity.json');
    const whole = readFileSync(path);
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const flipped = Buffer.from(whole);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      writeFileSync(path, flipped);
      expect(() => open()).toThrow(IdentityDamaged);
    }
    writeFileSync(path, whole);
    await open().close();
  });

  it('that is missing beside data is damage, and so is a journal that is missing', async () => {
    const storage = open();
    const ear = new Ear(storage);
    persist(storage, [record(1)], 1);
    await storage.close();
    expect(ear.persisted).toBe(1);
    const identity = readFileSync(join(folder, 'identity.json'));
    rmSync(join(folder, 'identity.json'));
    expect(() => open()).toThrow(IdentityDamaged);
    writeFileSync(join(folder, 'identity.json'), identity);
    rmSync(join(folder, 'journal'), { recursive: true });
    expect(() => open()).toThrow(JournalDamaged);
  });

  it('that is missing beside an unused journal is that of a first start cut short', async () => {
    await open().close();
    rmSync(join(folder, 'identity.json'));
    const segment = join(folder, 'journal', '000000000000001.segment');
    const bytes = readFileSync(segment);
    writeFileSync(segment, bytes.fill(0, 32));
    const storage = open({ drawStorageId: () => storageId(79) });
    expect(storage.identity.storageId).toBe(79);
    await storage.close();
    await open().close();
  });
});

describe('the names of a new folder and of those above it', () => {
  /** A first start that makes folders and fails; then what the next one flushes, if it may. */
  function flushedBySecond(refuse: (path: string) => Error | undefined = () => undefined) {
    const full = { ...NODE_FILE_SYSTEM, linkSync: () => raise(failure('ENOSPC')) };
    expect(() => open({ fileSystem: full })).toThrow(FolderUnusable);
    const flushed: string[] = [];
    const syncFolderSync = (path: string): void => {
      const error = refuse(path);
      if (error !== undefined) throw error;
      flushed.push(path);
    };
    const storage = open({ fileSystem: { ...NODE_FILE_SYSTEM, syncFolderSync } });
    return { flushed, closed: storage.close() };
  }

  it('are made durable by the start that writes the identity, whoever made the folders', async () => {
    const { flushed, closed } = flushedBySecond();
    expect(flushed).toEqual(
      expect.arrayContaining([folder, join(parent, 'deep'), parent, tmpdir(), '/']),
    );
    expect(flushed.lastIndexOf(folder)).toBeGreaterThan(flushed.indexOf('/'));
    await closed;
  });

  it('but for those where nobody could have made one; any other trouble is told', async () => {
    const refusing = (code: string) => (path: string) => (path === '/' ? failure(code) : undefined);
    for (const code of ['EACCES', 'EINVAL']) {
      const { flushed, closed } = flushedBySecond(refusing(code));
      expect(flushed).toContain(parent);
      await closed;
      rmSync(folder, { recursive: true });
    }
    expect(() => flushedBySecond(refusing('EIO'))).toThrow(FolderUnusable);
    expect(existsSync(join(folder, 'identity.json'))).toBe(false);
  });
});

describe('a folder that cannot be opened or made', () => {
  it.each([
    ['below a file', 'data', 'ENOTDIR'],
    ['where a file is', '', 'EEXIST'],
  ])('%s: the error says which, why, and what to do', (_, below, code) => {
    writeFileSync(join(parent, 'file'), 'kept');
    const impossible = join(parent, 'file', below);
    expect(() => open({ folder: impossible })).toThrow(FolderUnusable);
    for (const part of [`folder ${impossible} cannot`, code, 'not a folder', 'choose another']) {
      expect(() => open({ folder: impossible })).toThrow(part);
    }
    expect(readFileSync(join(parent, 'file'), 'utf8')).toBe('kept');
  });

  it.each([
    ['ENOSPC', 'is full: make room'],
    ['EACCES', 'Let the user of this process read and write there'],
    ['EROFS', 'mount it for writing'],
    ['EIO', 'See to the disk'],
  ])(
    '%s at any operation of a first start: told so, and the next start is whole',
    (code, advice) => {
      const untroubled = newDisk();
      openOn(untroubled);
      for (let failing = 1; failing <= untroubled.operations; failing++) {
        const disk = newDisk();
        disk.fault = () => (disk.operations === failing ? failure(code) : undefined);
        expect(() => openOn(disk)).toThrow(
          expect.objectContaining({
            name: 'FolderUnusable',
            code,
            message: expect.stringMatching(`^the data folder ${FOLDER} .*${code}.*${advice}`),
          }),
        );
        // As a new process would find it: the lock of this one would still be alive.
        const after = disk.copy();
        expect(plain(openOn(after).recovered.records)).toEqual([]);
      }
    },
  );

  it('because the disk takes nothing and says nothing: that is a full one too', () => {
    const disk = newDisk();
    disk.fault = ({ kind }) => (kind === 'write' ? 0 : undefined);
    expect(() => openOn(disk)).toThrow(
      /^the data folder \/data .* took none of \d+ bytes .* make room/,
    );
  });
});

describe('the real disk', () => {
  it('gives back ten thousand records, over many segments and three starts', async () => {
    let last = 0;
    for (let start = 0; start < 3; start++) {
      const storage = open({ segmentBytes: 1 << 16 });
      expect(plain(storage.recovered.records)).toEqual(expected(1, last));
      const ear = new Ear(storage);
      for (let batch = 0; batch < 34; batch++) {
        const records = Array.from({ length: 100 }, (_, i) => record(last + 1 + i));
        last += 100;
        persist(storage, records, last);
      }
      await storage.close();
      expect(ear.failures).toEqual([]);
      expect(ear.persisted).toBe(last);
    }
    const storage = open();
    expect(plain(storage.recovered.records)).toEqual(expected(1, last));
    await storage.close();
  });

  it('that loses the folder is told as failed', async () => {
    const storage = open();
    const ear = new Ear(storage);
    rmSync(folder, { recursive: true });
    for (let last = 1; last <= 3; last++) persist(storage, [record(last, 3000)], last);
    await storage.close();
    expect(ear.persisted).toBeLessThan(3);
    expect(ear.failures.length).toBe(1);
  });
});
