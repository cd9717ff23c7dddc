/** What the tests of simulated disks share: a machine in which time passes, and a disk in it. */

import {
  journalSequence,
  nodeId,
  type StorageId,
  snapshotName,
  storageId,
} from '../../kv/core/ids';
import { Prng } from '../../kv/core/prng';
import type { JournalRecord, Recovered, StorageEvent } from '../../kv/core/protocol';
import type { Disk, DiskFactory, Ending } from '../../kv/sim/disk';
import { plain, record } from '../support/journal_records';

interface Due {
  readonly at: number;
  readonly action: () => void;
}

/** One disk, the processes that use it one after another, and the time that passes for them. */
export class Machine {
  readonly disk: Disk;
  /** What the present process was told. */
  events: StorageEvent[] = [];
  failures: string[] = [];
  /** Everything that was ever told or given back, and when, as text: to compare whole runs. */
  readonly story: string[] = [];

  private now = 0;
  private life = 0;
  private due: Due[] = [];

  constructor(factory: DiskFactory, seed: number, storage: StorageId = storageId(77)) {
    this.disk = factory(storage, new Prng(seed, 'disk'));
  }

  /** A process starts. Throws what the disk throws. */
  open(): Recovered {
    const life = ++this.life;
    this.events = [];
    this.failures = [];
    const recovered = this.disk.open({
      later: (delayMs, action) => {
        const guarded = (): void => {
          if (this.life === life) action();
        };
        this.due.push({ at: this.now + delayMs, action: guarded });
      },
      event: (event) => {
        expect(this.life).toBe(life);
        this.tell(...Object.values(event).map((part) => textOfPart(part)));
        this.events.push(event);
      },
      failed: (reason) => {
        expect(this.life).toBe(life);
        this.tell(reason);
        this.failures.push(reason);
      },
    });
    const { snapshot, records, firstSequence } = recovered;
    const content = Buffer.concat([...(snapshot?.chunks ?? [])]);
    this.tell(`opened at ${firstSequence}`, ...plain(records));
    if (snapshot) this.tell(snapshot.name, textOfPart(snapshot.meta), textOfPart(content));
    return recovered;
  }

  close(how: Ending): void {
    this.life++;
    this.due = [];
    this.disk.close(how);
  }

  /** Tells the process to stop, and lets so many things happen before the next one may start. */
  stop(steps = Number.POSITIVE_INFINITY): void {
    const told = this.story.length;
    this.disk.close('stop');
    while (steps-- > 0 && this.step());
    // Whoever has stopped hears nothing any more.
    expect(this.story.length).toBe(told);
    this.life++;
    this.due = [];
  }

  restart(how: Ending): Recovered {
    this.close(how);
    return this.open();
  }

  /** Lets the next thing happen; false if nothing is to come. */
  step(): boolean {
    let next = this.due[0];
    for (const one of this.due) if (next !== undefined && one.at < next.at) next = one;
    if (next === undefined) return false;
    this.due.splice(this.due.indexOf(next), 1);
    this.now = next.at;
    next.action();
    return true;
  }

  settle(): void {
    while (this.step());
  }

  persist(records: readonly JournalRecord[], through: number): void {
    this.disk.perform({ kind: 'persist', records, through: journalSequence(through) });
  }

  /** Hands over the records with these numbers as one batch. */
  append(from: number, to: number, length = 20): void {
    const records: JournalRecord[] = [];
    for (let sequence = from; sequence <= to; sequence++) records.push(record(sequence, length));
    this.persist(records, to);
  }

  release(before: number): void {
    this.disk.perform({ kind: 'release', before: journalSequence(before) });
  }

  snapshot(title: string, content: Uint8Array): void {
    const snapshot = snapshotName(title);
    this.disk.perform({ kind: 'snapshot_open', snapshot, meta: bytesOf(`meta of ${title}`) });
    this.disk.perform({ kind: 'snapshot_append', snapshot, offset: 0, bytes: content });
    this.disk.perform({ kind: 'snapshot_commit', snapshot });
  }

  read(title: string, offset: number, length: number): void {
    const snapshot = snapshotName(title);
    this.disk.perform({ kind: 'snapshot_read', snapshot, peer: nodeId('n2'), offset, length });
  }

  /** The last record reported as durable to this process, 0 before the first. */
  get persisted(): number {
    return Math.max(0, ...this.of('persisted').map(({ through }) => through));
  }

  of<Kind extends StorageEvent['kind']>(kind: Kind): Extract<StorageEvent, { kind: Kind }>[] {
    return this.events.filter(
      (event): event is Extract<StorageEvent, { kind: Kind }> => event.kind === kind,
    );
  }

  private tell(...what: readonly string[]): void {
    this.story.push(`${this.now} ${what.join(' ')}`);
  }
}

export const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

export const textOf = (parts: Iterable<Uint8Array>): string => Buffer.concat([...parts]).toString();

const textOfPart = (part: string | number | Uint8Array): string =>
  part instanceof Uint8Array ? Buffer.from(part).toString('base64') : String(part);
