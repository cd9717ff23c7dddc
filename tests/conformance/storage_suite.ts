/** What every storage must do, whatever it keeps its bytes in. Run by `storage.test.ts`. */

import * as fc from 'fast-check';
import { InvariantViolation } from '../../kv/core/assert';
import { journalSequence, nodeId, snapshotName } from '../../kv/core/ids';
import type { Storage } from '../../kv/storage/storage';
import { Ear, expected, persist, plain, record } from '../storage/storage_setup';

/** One disk and the storages that are opened on it, one after another. */
export interface StorageWorld {
  open(): Storage;
  /** Completes what was handed over. */
  flush(): Promise<void>;
  /** Ends the present storage as a power failure does; `open` is the restart. */
  crash(): void;
}

const peer = nodeId('n2');
const META = Buffer.from('meta');

export function describeStorage(name: string, makeWorld: () => StorageWorld): void {
  describe(`the conformance of ${name}`, () => {
    let world: StorageWorld;
    let storage: Storage;
    let ear: Ear;

    const restart = (): void => {
      storage = world.open();
    };
    const listen = (): void => {
      ear = new Ear(storage);
    };
    const append = (from: number, to: number, length = 20): void => {
      const records = [];
      for (let sequence = from; sequence <= to; sequence++) records.push(record(sequence, length));
      persist(storage, records, to);
    };
    const close = async (): Promise<void> => {
      const closed = storage.close();
      await world.flush();
      await closed;
    };
    const snapshot = (title: string, text: string): void => {
      const which = snapshotName(title);
      const bytes = Buffer.from(text);
      storage.perform({ kind: 'snapshot_open', snapshot: which, meta: META });
      storage.perform({ kind: 'snapshot_append', snapshot: which, offset: 0, bytes });
      storage.perform({ kind: 'snapshot_commit', snapshot: which });
    };
    const recoveredContent = (): string =>
      Buffer.concat([...(storage.recovered.snapshot?.chunks ?? [])]).toString();

    beforeEach(() => {
      world = makeWorld();
      restart();
    });

    it('is empty when it is new', () => {
      expect(storage.recovered.snapshot).toBeUndefined();
      expect([...storage.recovered.records]).toEqual([]);
      expect(storage.recovered.firstSequence).toBe(1);
    });

    it('says nothing within a call, and all in order afterwards', async () => {
      listen();
      append(1, 3);
      append(4, 4);
      snapshot('a', 'text');
      expect(ear.events).toEqual([]);
      expect(storage.stats().pendingRecords).toBe(4);
      await world.flush();
      expect(ear.persisted).toBe(4);
      const snapshots = ear.events.filter(({ kind }) => kind !== 'persisted');
      expect(snapshots.map(({ kind }) => kind)).toEqual(['snapshot_written', 'snapshot_saved']);
      expect(storage.stats()).toMatchObject({ pendingRecords: 0, snapshotBytes: 4 });
    });

    it('gives everything back after it was closed', async () => {
      listen();
      append(1, 50);
      await close();
      expect(ear.persisted).toBe(50);
      restart();
      expect(plain(storage.recovered.records)).toEqual(expected(1, 50));
      expect(storage.recovered.firstSequence).toBe(1);
    });

    it('keeps what it acknowledged in a crash, and a prefix of the rest', async () => {
      const batches = fc.array(fc.record({ size: fc.nat(4), flushed: fc.boolean() }));
      await fc.assert(
        fc.asyncProperty(batches, async (plan) => {
          world = makeWorld();
          restart();
          listen();
          let last = 0;
          for (const { size, flushed } of plan) {
            append(last + 1, last + size);
            last += size;
            if (flushed) await world.flush();
          }
          const acknowledged = ear.persisted;
          world.crash();
          restart();
          const survivors = plain(storage.recovered.records);
          expect(survivors.length).toBeGreaterThanOrEqual(acknowledged);
          expect(survivors).toEqual(expected(1, last).slice(0, survivors.length));
          listen();
          append(survivors.length + 1, survivors.length + 2);
          await world.flush();
          expect(ear.persisted).toBe(survivors.length + 2);
        }),
        { numRuns: 50 },
      );
    });

    it('is silent after a crash', async () => {
      listen();
      append(1, 3);
      world.crash();
      await world.flush();
      expect(ear.events).toEqual([]);
    });

    it('does not need the bytes of a record once it is durable', async () => {
      listen();
      const sent = record(1);
      const content = plain([sent]);
      persist(storage, [sent], 1);
      await world.flush();
      sent.payload.fill(0);
      world.crash();
      restart();
      expect(plain(storage.recovered.records)).toEqual(content);
    });

    it('may forget what was released, and nothing else', async () => {
      listen();
      append(1, 60);
      await world.flush();
      storage.perform({ kind: 'release', before: journalSequence(40) });
      await world.flush();
      world.crash();
      restart();
      const first = storage.recovered.firstSequence;
      expect(first).toBeGreaterThan(20);
      expect(first).toBeLessThanOrEqual(40);
      expect(plain(storage.recovered.records)).toEqual(expected(first, 60));
    });

    it('takes effects from within an event', async () => {
      const rounds = 40;
      // Such that a whole number of batches fills a segment: the next one begins within the event.
      const length = 19;
      let persisted = 0;
      const saved: string[] = [];
      storage.listen({
        event: (event) => {
          if (event.kind === 'snapshot_saved') saved.push(event.snapshot);
          if (event.kind !== 'persisted') return;
          persisted = event.through;
          // A batch may be acknowledged in parts.
          if (persisted % 3 !== 0 || persisted >= rounds * 3) return;
          append(persisted + 1, persisted + 3, length);
          if (persisted % 30 === 0) snapshot(`s${persisted}`, `at ${persisted}`);
          storage.perform({ kind: 'release', before: journalSequence(Math.max(1, persisted - 5)) });
        },
        failed: (error) => {
          throw error;
        },
      });
      append(1, 3, length);
      for (let round = 0; round < rounds * 2; round++) await world.flush();
      expect(persisted).toBe(rounds * 3);
      expect(saved).toEqual(['s30', 's60', 's90']);
      await close();
      restart();
      const first = storage.recovered.firstSequence;
      expect(first).toBeGreaterThan(80);
      expect(plain(storage.recovered.records)).toEqual(expected(first, rounds * 3, length));
      expect(recoveredContent()).toBe('at 90');
    });

    it('refuses records that are not numbered without gaps', () => {
      listen();
      expect(() => persist(storage, [record(1)], 2)).toThrow(InvariantViolation);
      append(1, 2);
      expect(() => persist(storage, [record(2)], 2)).toThrow(InvariantViolation);
    });

    it('needs a listener before the first effect, and takes one only', () => {
      expect(() => append(1, 1)).toThrow(InvariantViolation);
      listen();
      expect(listen).toThrow(InvariantViolation);
    });

    it('keeps the last snapshot that was saved, in a crash and after it', async () => {
      listen();
      snapshot('a', 'first');
      await world.flush();
      snapshot('b', 'second');
      await world.flush();
      expect(ear.of('snapshot_saved').map(({ snapshot: which, size }) => [which, size])).toEqual([
        ['a', 5],
        ['b', 6],
      ]);
      for (let crash = 0; crash < 2; crash++) {
        world.crash();
        restart();
        expect(storage.recovered.snapshot).toMatchObject({ name: 'b', size: 6 });
        expect(Buffer.from(storage.recovered.snapshot?.meta ?? [])).toEqual(META);
        expect(recoveredContent()).toBe('second');
      }
    });

    it('forgets a snapshot that was not committed, or was aborted', async () => {
      listen();
      snapshot('a', 'first');
      storage.perform({ kind: 'snapshot_open', snapshot: snapshotName('b'), meta: META });
      storage.perform({ kind: 'snapshot_abort', snapshot: snapshotName('b') });
      storage.perform({ kind: 'snapshot_open', snapshot: snapshotName('c'), meta: META });
      await world.flush();
      world.crash();
      restart();
      expect(storage.recovered.snapshot?.name).toBe('a');
      expect(recoveredContent()).toBe('first');
    });

    it('reads slices of the current snapshot only, also right after a restart', async () => {
      listen();
      snapshot('a', 'abcdef');
      await close();
      restart();
      listen();
      const read = (which: string, offset: number, length: number): void =>
        storage.perform({
          kind: 'snapshot_read',
          snapshot: snapshotName(which),
          peer,
          offset,
          length,
        });
      read('a', 1, 3);
      read('z', 0, 1);
      await world.flush();
      read('a', 4, 10);
      await world.flush();
      read('a', 6, 1);
      await world.flush();
      const answers = ear.of('snapshot_data').map(({ snapshot: which, offset, bytes, size }) => {
        return [which, offset, Buffer.from(bytes).toString(), size];
      });
      expect(answers).toEqual([
        ['a', 1, 'bcd', 6],
        ['a', 4, 'ef', 6],
        ['a', 6, '', 6],
      ]);
    });

    it('refuses a snapshot written with gaps or not opened', () => {
      listen();
      const which = snapshotName('a');
      const write = (offset: number) => () =>
        storage.perform({ kind: 'snapshot_append', snapshot: which, offset, bytes: META });
      expect(write(0)).toThrow(InvariantViolation);
      storage.perform({ kind: 'snapshot_open', snapshot: which, meta: META });
      expect(write(1)).toThrow(InvariantViolation);
      write(0)();
      expect(write(0)).toThrow(InvariantViolation);
    });

    it('takes no effects once it is closed', async () => {
      listen();
      append(1, 1);
      await close();
      append(2, 2);
      await world.flush();
      expect(ear.persisted).toBe(1);
      restart();
      expect(plain(storage.recovered.records)).toEqual(expected(1, 1));
    });
  });
}
