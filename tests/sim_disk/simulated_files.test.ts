/** What simulated files do when a process dies, when the power goes, and when a flush fails. */

import { Prng } from '../../kv/core/prng';
import type { Ending } from '../../kv/sim/disk';
import { SystemError } from '../../kv/sim_disk/disk_faults';
import { SimulatedFiles } from '../../kv/sim_disk/simulated_files';

const FOLDER = '/folder';
const PATH = '/folder/file';
const OLD = Buffer.alloc(64, 'old.');
const NEW = Buffer.alloc(64, 'NEW!');
const SEEDS = Array.from({ length: 200 }, (_, i) => i + 1);

/** Files with what a process has asked for and has no answer to. */
class World {
  readonly files: SimulatedFiles;
  readonly due: (() => void)[] = [];

  constructor(seed: number) {
    this.files = new SimulatedFiles(new Prng(seed, 'files'), () => []);
    this.files.makeFolderSync(FOLDER);
    this.files.start({ later: (_, action) => this.due.push(action) });
  }

  /** A file that is safe with its name, open. */
  withFile(content: Buffer): number {
    const file = this.files.openSync(PATH, 'create');
    this.files.writeSync(file, content, 0);
    this.files.syncSync(file);
    this.files.syncFolderSync(FOLDER);
    return file;
  }

  content(): string | undefined {
    if (!this.files.listSync(FOLDER).includes('file')) return undefined;
    const file = this.files.openSync(PATH, 'read');
    const bytes = Buffer.alloc(this.files.sizeSync(file));
    this.files.readSync(file, bytes, 0);
    return bytes.toString('latin1');
  }
}

/** What comes of it with many seeds, each different thing once. */
function outcomes(run: (world: World) => unknown): Set<unknown> {
  return new Set(SEEDS.map((seed) => run(new World(seed))));
}

const anything = (): void => undefined;

describe('a write', () => {
  const survivors = (how: Exclude<Ending, 'stop'>): Set<unknown> =>
    outcomes((world) => {
      const file = world.withFile(OLD);
      world.files.writeSync(file, NEW, 0);
      world.files.stop(how);
      return world.content();
    });

  it('survives the end of its process as it is', () => {
    expect(survivors('kill')).toEqual(new Set([NEW.toString()]));
  });

  it('survives a power cut in any part: nothing, all, or pieces in no order', () => {
    const found = survivors('power_cut');
    expect(found.has(OLD.toString())).toBe(true);
    expect(found.has(NEW.toString())).toBe(true);
    expect(found.has(OLD.toString().slice(0, 48) + NEW.toString().slice(48))).toBe(true);
    expect(found.size).toBe(16);
  });

  it('that has been read by a later process may yet be lost, until it is flushed', () => {
    const flushed = (flush: boolean): Set<unknown> =>
      outcomes((world) => {
        world.files.writeSync(world.withFile(OLD), NEW, 0);
        world.files.stop('kill');
        world.files.start({ later: anything });
        if (flush) world.files.syncSync(world.files.openSync(PATH, 'update'));
        world.files.stop('power_cut');
        return world.content();
      });
    expect(flushed(false).has(OLD.toString())).toBe(true);
    expect(flushed(true)).toEqual(new Set([NEW.toString()]));
  });

  it('leaves zeros at full length, or nothing, of a file that was never flushed', () => {
    const found = outcomes((world) => {
      world.files.writeSync(world.files.openSync(PATH, 'create'), NEW, 0);
      world.files.syncFolderSync(FOLDER);
      world.files.stop('power_cut');
      return world.content();
    });
    expect(found.has('')).toBe(true);
    expect(found.has('\0'.repeat(64))).toBe(true);
    expect(found.has(NEW.toString())).toBe(true);
  });

  it('that has no answer yet has not happened, or has, or its beginning has', () => {
    const found = outcomes((world) => {
      world.files.write(world.withFile(OLD), [NEW], 0, () => {
        throw new Error('a dead process was answered');
      });
      world.files.stop('kill');
      for (const action of world.due) action();
      return world.content();
    });
    for (const one of found) expect(one).toMatch(/^(NEW!)*(N|NE|NEW)?[old.]*$/);
    expect(found.size).toBeGreaterThan(10);
  });
});

describe('a name', () => {
  it('may be lost in a power cut until its folder is flushed, never when a process ends', () => {
    const survivors = (how: Exclude<Ending, 'stop'>): Set<unknown> =>
      outcomes((world) => {
        world.files.syncSync(world.files.openSync(PATH, 'create'));
        world.files.stop(how);
        return world.content();
      });
    expect(survivors('kill')).toEqual(new Set(['']));
    expect(survivors('power_cut')).toEqual(new Set(['', undefined]));
  });
});

describe('a flush', () => {
  it('is about what was written before it began', () => {
    const found = outcomes((world) => {
      const file = world.withFile(OLD);
      world.files.sync(file, anything);
      world.files.writeSync(file, NEW, 0);
      for (const action of world.due) action();
      world.files.stop('power_cut');
      return world.content();
    });
    expect(found.has(OLD.toString())).toBe(true);
  });

  it('that fails may keep the bytes, throw them away, or show them and never write them', () => {
    const found = outcomes((world) => {
      const file = world.withFile(OLD);
      world.files.writeSync(file, NEW, 0);
      world.files.faults.arm('failed_flush');
      let answer: Error | null = null;
      world.files.sync(file, (error) => {
        answer = error;
      });
      for (const action of world.due) action();
      expect(answer).toBeInstanceOf(SystemError);
      const shown = world.content();
      // The next flush reports success in each case.
      world.files.syncSync(file);
      world.files.stop('power_cut');
      return `${shown?.slice(0, 3)} then ${world.content()?.slice(0, 3)}`;
    });
    expect(found).toEqual(new Set(['NEW then NEW', 'old then old', 'NEW then old']));
  });
});

describe('a full disk', () => {
  it('writes short, then nothing, with an error or without', () => {
    const found = outcomes((world) => {
      const file = world.withFile(OLD);
      world.files.faults.arm('full');
      const bytes = Buffer.alloc(150);
      const answers: unknown[] = [];
      for (let i = 0; i < 3; i++) {
        world.files.write(file, [bytes], 0, (error, taken) => answers.push(error ?? taken));
      }
      for (const action of world.due) action();
      const last = answers[2];
      return last instanceof SystemError ? last.code : last;
    });
    expect(found).toEqual(new Set(['ENOSPC', 0]));
  });
});
