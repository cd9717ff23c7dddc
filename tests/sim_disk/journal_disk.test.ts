/** The real journal on simulated files: many random lives, and harm to any byte that is guarded. */

import { DiskDamaged } from '../../kv/sim/disk';
import { journalDisk } from '../../kv/sim_disk/journal_disk';
import { bytesOf, Machine } from './disk_setup';
import { liveRandomly, newTally } from './random_lives';

const SEEDS = 150;

describe('random lives', () => {
  it('keep every promise, and meet every kind of trouble', () => {
    const tally = newTally();
    for (let seed = 1; seed <= SEEDS; seed++) {
      try {
        liveRandomly(journalDisk, seed, tally);
      } catch (error) {
        throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
      }
    }
    for (const count of Object.values(tally)) expect(count).toBeGreaterThan(SEEDS / 10);
  });

  it.each([1, 2, 3, 4, 5])('are the same each time, to the byte (seed %d)', (seed) => {
    const story = liveRandomly(journalDisk, seed, newTally());
    expect(liveRandomly(journalDisk, seed, newTally())).toBe(story);
  });
});

describe('a flipped bit', () => {
  it('of what is guarded is found at the next start, wherever it is', () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const machine = new Machine(journalDisk, seed);
      machine.open();
      for (let last = 0; last < 60; last += 6) {
        machine.append(last + 1, last + 6, 50);
        machine.settle();
      }
      machine.snapshot('a', bytesOf('some content'));
      machine.settle();
      machine.close(seed % 2 === 0 ? 'kill' : 'power_cut');
      expect(machine.disk.harm('bit_flip')).toBe(true);
      expect(() => machine.open()).toThrow(DiskDamaged);
    }
  });
});
