/**
 * Which keys the updates of each replica are in, in the order of time: what somebody lacks who has
 * seen less is found without looking at everything.
 *
 * Entries are not taken out one by one when a part goes; they are swept away when most are stale.
 */

import type { ByteString } from '../command';

interface Entry {
  readonly time: number;
  readonly key: ByteString;
}

interface Author {
  entries: Entry[];
  isSorted: boolean;
  /** How many of the entries are about parts that are still held. */
  living: number;
}

const MIN_SWEEP = 64;

export class Authors {
  private readonly authors = new Map<number, Author>();

  /** `holds`: whether the key still has a part of that replica and time. */
  constructor(
    private readonly holds: (key: ByteString, time: number, replica: number) => boolean,
  ) {}

  add(replica: number, time: number, key: ByteString): void {
    let author = this.authors.get(replica);
    if (author === undefined) {
      author = { entries: [], isSorted: true, living: 0 };
      this.authors.set(replica, author);
    }
    const last = author.entries.at(-1);
    if (last !== undefined && last.time > time) author.isSorted = false;
    author.entries.push({ time, key });
    author.living++;
  }

  remove(replica: number): void {
    const author = this.authors.get(replica);
    if (author === undefined) return;
    author.living--;
    if (author.entries.length < MIN_SWEEP || author.living * 2 > author.entries.length) return;
    author.entries = author.entries.filter(({ key, time }) => this.holds(key, time, replica));
    author.living = author.entries.length;
  }

  get replicas(): Iterable<number> {
    return this.authors.keys();
  }

  /** The keys that have parts of this replica from after a time. */
  *keysAfter(replica: number, time: number): Iterable<ByteString> {
    const author = this.authors.get(replica);
    if (author === undefined) return;
    const { entries } = author;
    if (!author.isSorted) {
      entries.sort((one, other) => one.time - other.time);
      author.isSorted = true;
    }
    for (let at = firstAfter(entries, time); at < entries.length; at++) {
      const entry = entries[at] as Entry;
      if (this.holds(entry.key, entry.time, replica)) yield entry.key;
    }
  }
}

/** The place of the first entry that is later; they are sorted. */
function firstAfter(entries: readonly Entry[], time: number): number {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((entries[middle] as Entry).time <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}
