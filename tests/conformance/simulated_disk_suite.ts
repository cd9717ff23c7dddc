/** What every disk of the simulator must do, whatever is below it. Run by `simulated_disk.test.ts`. */

import { storageId } from '../../kv/core/ids';
import { DiskDamaged, type DiskFactory, type DiskFault, type Ending } from '../../kv/sim/disk';
import { bytesOf, Machine, textOf } from '../sim_disk/disk_setup';
import { expected, plain, record } from '../support/journal_records';

const ENDINGS: readonly Ending[] = ['kill', 'power_cut'];
const SEEDS = Array.from({ length: 40 }, (_, i) => i + 1);

export function describeSimulatedDisk(name: string, factory: DiskFactory): void {
  const machineOf = (seed: number): Machine => new Machine(factory, seed);
  const opened = (seed: number): Machine => {
    const machine = machineOf(seed);
    machine.open();
    return machine;
  };

  describe(`the conformance of ${name}`, () => {
    it('is empty when it is new, and has its identity', () => {
      const machine = machineOf(1);
      expect(machine.disk.storage).toBe(77);
      const { snapshot, records, firstSequence } = machine.open();
      expect([snapshot, [...records], firstSequence]).toEqual([undefined, [], 1]);
    });

    it('says nothing within a call, and that records are durable in their order', () => {
      const machine = opened(1);
      for (let batch = 0; batch < 20; batch++) {
        machine.append(batch * 3 + 1, batch * 3 + 3);
        if (batch === 0) machine.snapshot('a', bytesOf('text'));
        expect(batch > 0 || machine.events.length === 0).toBe(true);
        if (batch % 4 === 3) machine.step();
      }
      machine.settle();
      const through = machine.of('persisted').map((event) => event.through);
      expect(through).toEqual([...through].sort((x, y) => x - y));
      expect(machine.persisted).toBe(60);
      expect(machine.failures).toEqual([]);
    });

    it.each(ENDINGS)(
      'loses nothing that was persisted, and only a suffix of the rest: %s',
      (how) => {
        for (const seed of SEEDS) {
          const machine = opened(seed);
          let last = 0;
          for (let life = 0; life < 6; life++) {
            for (let batch = 0; batch < 8; batch++) {
              machine.append(last + 1, last + 4, 100);
              last += 4;
              for (let steps = (seed + batch) % 5; steps > 0; steps--) machine.step();
            }
            const promised = machine.persisted;
            const survivors = plain(machine.restart(how).records);
            expect(survivors.length).toBeGreaterThanOrEqual(promised);
            expect(survivors).toEqual(expected(1, last, 100).slice(0, survivors.length));
            last = survivors.length;
          }
        }
      },
    );

    it('finishes what it was given when it is told to stop, if it is left the time', () => {
      for (const seed of SEEDS) {
        const machine = opened(seed);
        for (let last = 0; last < 20; last += 4) {
          machine.append(last + 1, last + 4, 100);
          for (let steps = (seed + last) % 3; steps > 0; steps--) machine.step();
        }
        machine.stop();
        expect(plain(machine.open().records)).toEqual(expected(1, 20, 100));
        machine.append(21, 24, 100);
        machine.settle();
        expect(machine.persisted).toBe(24);
      }
    });

    it('keeps what it gave back, whatever comes next', () => {
      for (const seed of SEEDS) {
        const machine = opened(seed);
        machine.append(1, 3);
        for (let steps = seed % 4; steps > 0; steps--) machine.step();
        const first = plain(machine.restart('kill').records);
        expect(plain(machine.restart('power_cut').records)).toEqual(first);
      }
    });

    it('does not need the bytes of a record once it is durable', () => {
      const machine = opened(1);
      const sent = record(1);
      machine.persist([sent], 1);
      machine.settle();
      sent.payload.fill(0);
      expect(plain(machine.restart('power_cut').records)).toEqual(expected(1, 1));
    });

    it.each(ENDINGS)('is silent after the end of a process: %s', (how) => {
      const machine = opened(1);
      machine.append(1, 3);
      machine.close(how);
      const said = machine.story.length;
      machine.settle();
      expect(machine.story.length).toBe(said);
    });

    it('may forget what was released, and nothing else', () => {
      for (const seed of SEEDS) {
        const machine = opened(seed);
        machine.append(1, 300, 100);
        machine.settle();
        machine.release(200);
        machine.settle();
        const { firstSequence, records } = machine.restart(seed % 2 === 0 ? 'kill' : 'power_cut');
        expect(firstSequence).toBeLessThanOrEqual(200);
        expect(plain(records)).toEqual(expected(firstSequence, 300, 100));
      }
    });

    describeSnapshots(opened);
    describeHarm(opened);

    it('is another, empty one after it was wiped', () => {
      const machine = opened(1);
      machine.append(1, 9);
      machine.snapshot('a', bytesOf('text'));
      machine.settle();
      machine.close('kill');
      machine.disk.wipe(storageId(78));
      expect(machine.disk.storage).toBe(78);
      const { snapshot, records, firstSequence } = machine.open();
      expect([snapshot, [...records], firstSequence]).toEqual([undefined, [], 1]);
      machine.append(1, 2);
      machine.settle();
      expect(plain(machine.restart('power_cut').records)).toEqual(expected(1, 2));
    });

    it('does the same with the same seed, to the byte and to the moment', () => {
      const runs = [1, 1, 2].map((seed) => {
        const machine = opened(seed);
        for (let life = 0; life < 3; life++) {
          const last = machine.persisted;
          machine.append(last + 1, last + 9, 3);
          machine.snapshot(`s${life}`, bytesOf('some text'));
          for (let steps = 0; steps < 9; steps++) machine.step();
          machine.settle();
          machine.restart('power_cut');
          machine.append(last + 10, last + 11);
          machine.close('power_cut');
          machine.disk.wipe(storageId(80 + life));
          machine.open();
        }
        return machine.story.join('\n');
      });
      expect(runs[1]).toBe(runs[0]);
      expect(runs[2]).not.toBe(runs[0]);
    });
  });
}

function describeSnapshots(opened: (seed: number) => Machine): void {
  it('shows a snapshot whole or not at all, and never an older one than was saved', () => {
    for (const seed of SEEDS) {
      const machine = opened(seed);
      let saved = 0;
      for (let life = 1; life <= 6; life++) {
        machine.snapshot(`s${life}`, bytesOf(`content ${life};`.repeat(50)));
        for (let steps = (seed * life) % 13; steps > 0; steps--) machine.step();
        if (machine.of('snapshot_saved').length > 0) saved = life;
        const { snapshot } = machine.restart(life % 2 === 0 ? 'kill' : 'power_cut');
        const found = Number(snapshot?.name.slice(1) ?? 0);
        expect(found === saved || found === life).toBe(true);
        saved = found;
        if (snapshot === undefined) continue;
        expect(textOf([snapshot.meta])).toBe(`meta of s${found}`);
        expect(textOf(snapshot.chunks)).toBe(`content ${found};`.repeat(50));
        expect(snapshot.size).toBe(textOf(snapshot.chunks).length);
      }
    }
  });

  it('tells what of a snapshot was taken, and when it is saved', () => {
    const machine = opened(1);
    machine.snapshot('a', bytesOf('abcdef'));
    machine.settle();
    expect(machine.events).toEqual([
      { kind: 'snapshot_written', snapshot: 'a', through: 6 },
      { kind: 'snapshot_saved', snapshot: 'a', size: 6 },
    ]);
  });

  it('reads slices of the current snapshot only', () => {
    const machine = opened(1);
    machine.snapshot('a', bytesOf('abcdef'));
    machine.settle();
    machine.restart('kill');
    for (const [which, offset] of [['a', 1] as const, ['z', 0] as const, ['a', 4] as const]) {
      machine.read(which, offset, 3);
      machine.settle();
    }
    machine.read('a', 6, 1);
    machine.settle();
    const slices = machine
      .of('snapshot_data')
      .map(({ offset, bytes }) => [offset, textOf([bytes])]);
    expect(slices).toEqual([
      [1, 'bcd'],
      [4, 'ef'],
      [6, ''],
    ]);
  });
}

function describeHarm(opened: (seed: number) => Machine): void {
  it.each<DiskFault>(['failed_write', 'failed_flush', 'full'])(
    'stops once, says why, and acknowledges nothing after it: %s',
    (fault) => {
      for (const seed of SEEDS) {
        const machine = opened(seed);
        machine.append(1, 5);
        machine.settle();
        expect(machine.disk.harm(fault)).toBe(true);
        machine.append(6, 25);
        machine.append(26, 27);
        machine.settle();
        expect(machine.failures).toEqual([expect.stringMatching(/EIO|ENOSPC|full/)]);
        machine.append(28, 29);
        machine.settle();
        expect(machine.failures.length).toBe(1);
        const promised = machine.persisted;
        const survivors = plain(machine.restart(seed % 2 === 0 ? 'kill' : 'power_cut').records);
        expect(survivors.length).toBeGreaterThanOrEqual(promised);
        expect(survivors).toEqual(expected(1, survivors.length));
        machine.append(survivors.length + 1, survivors.length + 2);
        machine.settle();
        expect(plain(machine.restart('power_cut').records)).toEqual(
          expected(1, survivors.length + 2),
        );
      }
    },
  );

  it('never starts with less than was promised after a bit was flipped', () => {
    let found = 0;
    for (const seed of SEEDS) {
      const machine = opened(seed);
      for (let last = 0; last < 30; last += 3) {
        machine.append(last + 1, last + 3);
        machine.settle();
      }
      machine.snapshot('a', bytesOf('abcdef'));
      machine.settle();
      machine.close('kill');
      expect(machine.disk.harm('bit_flip')).toBe(true);
      if (startsWithAll(machine, 30)) continue;
      found++;
      // And it stays so.
      expect(() => machine.open()).toThrow(DiskDamaged);
    }
    expect(found).toBeGreaterThan(SEEDS.length / 2);
  });

  it('notices a write that went elsewhere, whatever else happens', () => {
    for (const seed of SEEDS) {
      const machine = opened(seed);
      machine.append(1, 3);
      machine.settle();
      machine.append(4, 6);
      machine.settle();
      expect(machine.disk.harm('misdirected_write')).toBe(true);
      machine.append(7, 9);
      machine.settle();
      if (seed % 3 === 0) machine.append(10, 12);
      machine.settle();
      machine.close(seed % 2 === 0 ? 'kill' : 'power_cut');
      expect(startsWithAll(machine, machine.persisted)).toBe(false);
    }
  });

  it('harms what comes next only while somebody uses it', () => {
    const machine = opened(1);
    machine.close('kill');
    for (const fault of ['misdirected_write', 'failed_write', 'failed_flush', 'full'] as const) {
      expect(machine.disk.harm(fault)).toBe(false);
    }
    machine.open();
    machine.disk.harm('failed_write');
    machine.restart('kill');
    machine.append(1, 3);
    machine.settle();
    expect(machine.persisted).toBe(3);
  });
}

/** Whether the disk opens; if it does, everything that was promised must be there. */
function startsWithAll(machine: Machine, promised: number): boolean {
  try {
    const { records } = machine.open();
    expect(plain(records).slice(0, promised)).toEqual(expected(1, promised));
    return true;
  } catch (error) {
    if (!(error instanceof DiskDamaged)) throw error;
    return false;
  }
}
