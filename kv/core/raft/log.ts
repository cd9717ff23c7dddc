/**
 * The replicated log as this node holds it: a run of entries behind a base.
 *
 * The base is the last entry that has been compacted away (index 0 at first); everything up to it
 * is in the snapshot. Entries are in memory until they are compacted, because they are bounded:
 * a snapshot is taken every so many bytes. The log also knows which configuration is in force,
 * how far it is durable, and where in the journal each entry is.
 */

import { invariant } from '../assert';
import { type JournalSequence, type LogIndex, logIndex, type Term } from '../ids';
import { type Entry, entryData, entrySize } from './entry';
import { type Configuration, decodeConfiguration } from './membership';

interface ConfigurationAt {
  readonly index: LogIndex;
  readonly configuration: Configuration;
}

export class RaftLog {
  private entries: Entry[] = [];
  /** For each entry the number of its record in the journal. */
  private sequences: JournalSequence[] = [];
  /** The configurations of the log, oldest first; the first one is that of the base. */
  private configurations: ConfigurationAt[];
  /** The bytes of all entries held. */
  private heldBytes = 0;

  constructor(
    private base: { index: LogIndex; term: Term },
    configuration: Configuration,
  ) {
    this.configurations = [{ index: base.index, configuration }];
  }

  get baseIndex(): LogIndex {
    return this.base.index;
  }
  get baseTerm(): Term {
    return this.base.term;
  }
  get firstIndex(): LogIndex {
    return logIndex(this.base.index + 1);
  }
  get lastIndex(): LogIndex {
    return logIndex(this.base.index + this.entries.length);
  }
  get lastTerm(): Term {
    return this.entries.at(-1)?.term ?? this.base.term;
  }
  get lastTime(): number {
    return this.entries.at(-1)?.time ?? 0;
  }
  get length(): number {
    return this.entries.length;
  }
  get bytes(): number {
    return this.heldBytes;
  }

  /** The configuration in force: the newest in the log, committed or not. */
  get configuration(): Configuration {
    return this.lastConfiguration.configuration;
  }
  get configurationIndex(): LogIndex {
    return this.lastConfiguration.index;
  }

  /** The configuration that was in force at an index; what a snapshot there must hold. */
  configurationAt(index: LogIndex): Configuration {
    const at = this.configurations.findLast((each) => each.index <= index);
    invariant(at !== undefined, 'no configuration is known there', { index });
    return at.configuration;
  }

  /** The term of an entry; undefined before the base and beyond the end. */
  termAt(index: number): Term | undefined {
    if (index === this.base.index) return this.base.term;
    return this.entries[index - this.base.index - 1]?.term;
  }

  entryAt(index: number): Entry {
    const entry = this.entries[index - this.base.index - 1];
    invariant(entry !== undefined, 'there is no such entry', { index, last: this.lastIndex });
    return entry;
  }

  sequenceAt(index: number): JournalSequence {
    const sequence = this.sequences[index - this.base.index - 1];
    invariant(sequence !== undefined, 'there is no such entry', { index, last: this.lastIndex });
    return sequence;
  }

  append(entry: Entry, sequence: JournalSequence): void {
    invariant(entry.index === this.lastIndex + 1, 'the log has no gaps', {
      index: entry.index,
      last: this.lastIndex,
    });
    invariant(entry.term >= this.lastTerm, 'terms never decrease along the log', {
      term: entry.term,
      lastTerm: this.lastTerm,
    });
    this.entries.push(entry);
    this.sequences.push(sequence);
    this.heldBytes += entrySize(entry);
    if (entry.kind !== 'configuration') return;
    const configuration = decodeConfiguration(entryData(entry));
    this.configurations.push({ index: entry.index, configuration });
  }

  /** Drops the entry at `index` and all after it, and the configurations that they brought. */
  truncateFrom(index: LogIndex): void {
    invariant(index > this.base.index, 'what is compacted is never truncated', { index });
    const kept = index - this.base.index - 1;
    for (const entry of this.entries.splice(kept)) this.heldBytes -= entrySize(entry);
    this.sequences.length = this.entries.length;
    while (this.lastConfiguration.index >= index) this.configurations.pop();
  }

  /** Drops everything up to and including `index`, which becomes the base. */
  compactTo(index: LogIndex): void {
    if (index <= this.base.index) return;
    const newBase = this.entryAt(index);
    const configuration = this.configurationAt(index);
    const dropped = this.entries.splice(0, index - this.base.index);
    for (const entry of dropped) this.heldBytes -= entrySize(entry);
    this.sequences.splice(0, dropped.length);
    this.base = { index, term: newBase.term };
    const later = this.configurations.filter((each) => each.index > index);
    this.configurations = [{ index, configuration }, ...later];
  }

  /** Forgets every entry and begins anew behind a snapshot. */
  reset(index: LogIndex, term: Term, configuration: Configuration): void {
    this.entries = [];
    this.sequences = [];
    this.heldBytes = 0;
    this.base = { index, term };
    this.configurations = [{ index, configuration }];
  }

  /** Fills in the term of the base, where recovery could not know it at first. */
  setBaseTerm(term: Term): void {
    this.base = { index: this.base.index, term };
  }

  /** Entries from `from` on, as many as fit both caps, but at least one if there is one. */
  slice(from: LogIndex, maxEntries: number, maxBytes: number): Entry[] {
    const start = from - this.base.index - 1;
    invariant(start >= 0, 'these entries are compacted', { from, base: this.base.index });
    let bytes = 0;
    let end = start;
    for (; end < this.entries.length && end - start < maxEntries; end++) {
      bytes += entrySize(this.entries[end] as Entry);
      if (bytes > maxBytes && end > start) break;
    }
    return this.entries.slice(start, end);
  }

  /**
   * The last entry at or below `index` whose term is at most `term`: nothing above it can match a
   * log that has `term` at `index` (the fast backtracking at the end of §5.3, by terms).
   */
  lastAtMost(index: LogIndex, term: Term): { index: LogIndex; term: Term } {
    let at = Math.min(index, this.lastIndex);
    while (at > this.base.index && (this.termAt(at) as Term) > term) at--;
    at = Math.max(at, this.base.index);
    return { index: logIndex(at), term: this.termAt(at) as Term };
  }

  /** Whether a log that ends there is at least as up to date as this one (§5.4.1). */
  isUpToDate(lastIndex: LogIndex, lastTerm: Term): boolean {
    if (lastTerm !== this.lastTerm) return lastTerm > this.lastTerm;
    return lastIndex >= this.lastIndex;
  }

  /** The bytes of the entries above `index`. */
  bytesAfter(index: LogIndex): number {
    let bytes = 0;
    for (
      let at = Math.max(index, this.base.index) - this.base.index;
      at < this.entries.length;
      at++
    ) {
      bytes += entrySize(this.entries[at] as Entry);
    }
    return bytes;
  }

  private get lastConfiguration(): ConfigurationAt {
    return this.configurations.at(-1) as ConfigurationAt;
  }
}
