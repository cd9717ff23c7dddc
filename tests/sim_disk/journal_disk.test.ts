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

describe('a process that is told to stop', () => {
  it('makes durable what it was given, time and again, unless it is killed meanwhile', () => {
    let finished = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const machine = new Machine(journalDisk, seed);
      let last = 0;
      for (let life = 0; life < 5; life++) {
        const found = [...machine.open().records].length;
        expect(found).toBeGreaterThanOrEqual(last);
        // Not every life writes: then a seal stands behind a seal.
        const given = life === 2 ? found : found + 4;
        if (given > found) machine.append(found + 1, given);
        const isKilled = seed % 3 === 0 && life % 2 === 1;
        machine.stop(isKilled ? life : undefined);
        if (!isKilled) finished++;
        last = isKilled ? found : given;
      }
      expect([...machine.open().records].length).toBeGreaterThanOrEqual(last);
    }
    expect(finished).toBeGreaterThan(SEEDS * 4);
  });

  it('guards its last batch too: every bit of it that is flipped is found', () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const machine = new Machine(journalDisk, seed);
      for (let life = 0; life < 3; life++) {
        machine.open();
        if (life === 0) machine.append(1, 3);
        machine.stop();
      }
      expect(machine.disk.harm('bit_flip')).toBe(true);
      expect(() => machine.open()).toThrow(DiskDamaged);
    }
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
