/**
 * Random lives of one simulated disk against an oracle that only remembers what was promised.
 *
 * After every start either all of it is there, and of the rest a prefix, or the disk is damaged; and
 * it is damaged, or fails, only where harm was done.
 */

import { storageId } from '../../kv/core/ids';
import { Prng } from '../../kv/core/prng';
import type { Recovered } from '../../kv/core/protocol';
import { DiskDamaged, type DiskFactory, type DiskFault } from '../../kv/sim/disk';
import { plain, record } from '../support/journal_records';
import { Machine, textOf } from './disk_setup';

const LIVES = 8;
const MAX_ACTS = 30;
/** Harm to what is there may be found at any later start; the others fail the process at once. */
const LASTING: readonly DiskFault[] = ['bit_flip', 'misdirected_write'];
const PASSING: readonly DiskFault[] = ['failed_write', 'failed_flush', 'full'];

/** What was seen, so that a test can tell that it has seen something. */
export interface Tally {
  starts: number;
  damaged: number;
  failed: number;
  rotated: number;
  lost: number;
  stopped: number;
}

export const newTally = (): Tally => ({
  ...{ starts: 0, damaged: 0, failed: 0, rotated: 0, lost: 0, stopped: 0 },
});

/** Lives a few lives on a disk drawn from the seed; the story of it is the answer. */
export function liveRandomly(factory: DiskFactory, seed: number, tally: Tally): string {
  const lives = new RandomLives(factory, seed, tally);
  for (let life = 0; life < LIVES; life++) lives.live();
  return lives.machine.story.join('\n');
}

class RandomLives {
  readonly machine: Machine;
  private readonly random: Prng;

  /** All records handed over, by number from 1 on, as `plain` shows them. */
  private written: string[] = [];
  private promised = 0;
  private released = 1;
  /** Snapshots committed, oldest first, and how many of them were reported as saved. */
  private committed: string[] = [];
  private saved = 0;
  private mayBeDamaged = false;
  private mayFail = false;
  private snapshots = 0;

  constructor(
    factory: DiskFactory,
    seed: number,
    private readonly tally: Tally,
  ) {
    this.random = new Prng(seed, 'lives');
    this.machine = new Machine(factory, seed);
  }

  live(): void {
    if (this.random.chance(1, 10)) this.harm('bit_flip');
    this.start();
    const { machine, random } = this;
    if (random.chance(1, 3)) machine.disk.setLatency(0, random.pick([0, 1, 5, 50]));
    for (let acts = random.between(0, MAX_ACTS); acts > 0; acts--) {
      if (machine.failures.length === 0) this.act();
      for (let steps = random.pick([0, 0, 1, 2, 5, 20]); steps > 0; steps--) machine.step();
      this.hear();
    }
    if (random.chance(1, 3)) machine.settle();
    this.hear();
    this.tally.failed += machine.failures.length;
    this.end();
    if (random.chance(1, 8)) machine.disk.close('power_cut');
  }

  private end(): void {
    const { machine, random } = this;
    const how = random.pick(['kill', 'power_cut', 'stop'] as const);
    if (how !== 'stop') return machine.close(how);
    const steps = random.pick([0, 1, 3, Number.POSITIVE_INFINITY]);
    machine.stop(steps);
    // One that came to its end has made durable whatever it was given.
    if (steps < Number.POSITIVE_INFINITY || this.mayFail || this.mayBeDamaged) return;
    this.promised = this.written.length;
    this.tally.stopped++;
  }

  /** Starts a process; if its disk is damaged, with an empty one. */
  private start(): void {
    this.mayFail = false;
    this.tally.starts++;
    const recovered = this.opened();
    if (recovered !== undefined) this.check(recovered);
    else {
      expect(this.mayBeDamaged).toBe(true);
      expect(this.opened()).toBeUndefined();
      this.tally.damaged++;
      this.forget();
      this.machine.disk.wipe(storageId(this.random.between(1, 1_000_000)));
      this.check(this.machine.open());
    }
  }

  private opened(): Recovered | undefined {
    try {
      return this.machine.open();
    } catch (error) {
      if (error instanceof DiskDamaged) return undefined;
      throw error;
    }
  }

  /** Compares what a start found with what must be there, and goes on from it. */
  private check({ snapshot, records, firstSequence: first }: Recovered): void {
    const found = plain(records);
    const last = first + found.length - 1;
    expect(first).toBeLessThanOrEqual(this.released);
    expect(last).toBeGreaterThanOrEqual(this.promised);
    expect(found.join('\n')).toBe(this.written.slice(first - 1, last).join('\n'));
    if (last < this.written.length) this.tally.lost++;
    if (first > 1) this.tally.rotated++;
    this.written.length = last;
    this.promised = last;

    const rank = snapshot === undefined ? 0 : this.committed.indexOf(snapshot.name) + 1;
    expect(rank).toBeGreaterThanOrEqual(this.saved);
    this.saved = rank;
    if (snapshot === undefined) return;
    expect(textOf([snapshot.meta])).toBe(`meta of ${snapshot.name}`);
    expect(Buffer.concat([...snapshot.chunks]).equals(contentOf(snapshot.name))).toBe(true);
    expect(snapshot.size).toBe(contentOf(snapshot.name).length);
  }

  private forget(): void {
    this.written = [];
    this.committed = [];
    this.promised = this.saved = 0;
    this.released = 1;
    this.mayBeDamaged = false;
  }

  private act(): void {
    const { random } = this;
    const kind = random.between(1, 100);
    if (kind <= 70) this.persist();
    else if (kind <= 80) this.release();
    else if (kind <= 92) this.snapshot();
    else if (kind <= 94) this.harm(random.pick(LASTING));
    else if (kind <= 96) this.harm(random.pick(PASSING));
    else this.read();
  }

  private persist(): void {
    const { random, written } = this;
    const records = Array.from({ length: random.between(1, 6) }, (_, i) =>
      record(written.length + 1 + i, random.pick([0, 1, 20, 60, 150, 700, 3000])),
    );
    written.push(...plain(records));
    this.machine.persist(records, written.length);
  }

  private release(): void {
    const before = this.random.between(1, this.promised + 1);
    this.released = Math.max(this.released, before);
    this.machine.release(before);
  }

  private snapshot(): void {
    const title = `s${++this.snapshots}`;
    this.committed.push(title);
    this.machine.snapshot(title, contentOf(title));
  }

  private read(): void {
    const title = this.committed[this.saved - 1];
    if (title !== undefined) this.machine.read(title, this.random.between(0, 50), 100);
  }

  private harm(fault: DiskFault): void {
    if (!this.machine.disk.harm(fault)) return;
    if (LASTING.includes(fault)) this.mayBeDamaged = true;
    this.mayFail = true;
  }

  private hear(): void {
    const { machine } = this;
    this.promised = Math.max(this.promised, machine.persisted);
    for (const { snapshot } of machine.of('snapshot_saved')) {
      this.saved = Math.max(this.saved, this.committed.indexOf(snapshot) + 1);
    }
    for (const { snapshot, offset, bytes } of machine.of('snapshot_data')) {
      const content = contentOf(snapshot);
      expect(content.subarray(offset, offset + 100).equals(bytes)).toBe(true);
    }
    if (machine.failures.length > 0) {
      expect(this.mayFail || this.mayBeDamaged).toBe(true);
      expect(machine.failures.length).toBe(1);
    }
    machine.events.length = 0;
  }
}

/** Up to a little over one block, different for each name. */
function contentOf(snapshot: string): Buffer {
  const number = Number(snapshot.slice(1));
  return Buffer.alloc((number * 7919) % 70_000, `content of ${snapshot};`);
}
