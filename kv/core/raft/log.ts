/**
 * The replicated log as this node holds it: a run of entries behind a base.
 *
 * The base is the last entry that has been compacted away (index 0 at first); everything up to it
 * is in the snapshot. Entries are in memory until they are compacted, because they are bounded:
 * a snapshot is taken every so many bytes. The log also knows which configuration is in force,
 * how far it is durable, and where in the journal each entry is.
 */

import { InvariantViolation, invariant } from '../assert';
import { type JournalSequence, type LogIndex, logIndex, type Millis, type Term } from '../ids';
import type { Entry, EntryKind } from './entry';
import type { EntryRun } from './entry_run';
import { type EntryPlace, EntrySegments, type Placed } from './entry_segments';
import { type Configuration, decodeConfiguration } from './membership';

interface ConfigurationAt {
  readonly index: LogIndex;
  readonly configuration: Configuration;
}

export class RaftLog {
  private entries: EntrySegments;
  private newest: { term: Term; time: number };
  /** The configurations of the log, oldest first; the first one is that of the base. */
  private configurations: ConfigurationAt[];

  constructor(
    private base: { index: LogIndex; term: Term },
    configuration: Configuration,
  ) {
    this.configurations = [{ index: base.index, configuration }];
    this.entries = new EntrySegments(base.index + 1);
    this.newest = { term: base.term, time: 0 };
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
    return this.newest.term;
  }
  get lastTime(): number {
    return this.newest.time;
  }
  get length(): number {
    return this.entries.length;
  }
  get bytes(): number {
    return this.entries.bytes;
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
    return this.entries.has(index) ? this.entries.termAt(index) : undefined;
  }

  entryAt(index: number): Entry {
    return this.entries.entryAt(index);
  }

  sequenceAt(index: number): JournalSequence {
    return this.entries.sequenceAt(index);
  }

  /** Where an entry lies, to be read there; overwritten by the next call. */
  placeOf(index: number): EntryPlace {
    return this.entries.placeOf(index);
  }

  /** Makes the next entry, whose data are these parts; to be `journaled` before the next one. */
  add(kind: EntryKind, inTerm: Term, time: Millis, data: readonly Uint8Array[]): Placed {
    if (inTerm < this.lastTerm) decreasing(inTerm, this.lastTerm);
    const placed = this.entries.add(kind, inTerm, time, data);
    this.newest = { term: inTerm, time };
    if (kind === 'configuration') this.noteConfiguration(this.lastIndex);
    return placed;
  }

  /** Copies entries of a run behind the last one: as many as find room in one piece. */
  addRun(run: EntryRun): Placed {
    invariant(run.first === this.lastIndex + 1, 'the log has no gaps', {
      index: run.first,
      last: this.lastIndex,
    });
    const placed = this.entries.addRun(run);
    for (let place = 0; place < placed.count; place++) {
      const inTerm = run.termAt(place);
      if (inTerm < this.lastTerm) decreasing(inTerm, this.lastTerm);
      this.newest = { term: inTerm, time: 0 };
      if (run.kindAt(place) === 'configuration') {
        this.noteConfiguration(logIndex(run.first + place));
      }
    }
    this.findNewest();
    return placed;
  }

  /** Says in which record of the journal the entries are that were added since the last call. */
  journaled(sequence: JournalSequence): void {
    this.entries.journaled(sequence);
  }

  /** Drops the entry at `index` and all after it, and the configurations that they brought. */
  truncateFrom(index: LogIndex): void {
    invariant(index > this.base.index, 'what is compacted is never truncated', { index });
    this.entries.truncateFrom(index);
    this.findNewest();
    while (this.lastConfiguration.index >= index) this.configurations.pop();
  }

  /** Drops everything up to and including `index`, which becomes the base. */
  compactTo(index: LogIndex): void {
    if (index <= this.base.index) return;
    const configuration = this.configurationAt(index);
    this.base = { index, term: this.entries.termAt(index) };
    this.entries.dropTo(index);
    this.findNewest();
    const later = this.configurations.filter((each) => each.index > index);
    this.configurations = [{ index, configuration }, ...later];
  }

  /** Forgets every entry and begins anew behind a snapshot. */
  reset(index: LogIndex, term: Term, configuration: Configuration): void {
    this.entries = new EntrySegments(index + 1);
    this.base = { index, term };
    this.findNewest();
    this.configurations = [{ index, configuration }];
  }

  /**
   * Corrects the configuration in force at `index` to that of a snapshot which ends there: of the
   * entries before it recovery may have come upon an old one, and not upon the newest.
   */
  setConfigurationAt(index: LogIndex, configuration: Configuration): void {
    const at = this.configurations.findLastIndex((each) => each.index <= index);
    const found = this.configurations[at];
    invariant(found !== undefined, 'the base has a configuration', { index });
    this.configurations[at] = { index: found.index, configuration };
  }

  /** Fills in the term of the base, where recovery could not know it at first. */
  setBaseTerm(term: Term): void {
    this.base = { index: this.base.index, term };
    this.findNewest();
  }

  /** Entries from `from` on: as many as fit both caps and lie together, but at least one. */
  slice(from: LogIndex, maxEntries: number, maxBytes: number): EntryRun {
    invariant(from > this.base.index, 'these entries are compacted', {
      from,
      base: this.base.index,
    });
    return this.entries.runFrom(from, maxEntries, maxBytes);
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

  /** What an entry costs in memory and in a message, without making it. */
  sizeAt(index: number): number {
    return this.entries.sizeAt(index);
  }

  /** The same of all entries from `from` to before `to`. */
  sizeOf(from: number, to: number): number {
    return this.entries.sizeOf(from, to);
  }

  /** The bytes of the entries above `index`. */
  bytesAfter(index: LogIndex): number {
    return this.entries.sizeOf(Math.max(index, this.base.index) + 1, this.lastIndex + 1);
  }

  private findNewest(): void {
    const { entries, lastIndex } = this;
    this.newest =
      entries.length > 0
        ? { term: entries.termAt(lastIndex), time: entries.timeAt(lastIndex) }
        : { term: this.base.term, time: 0 };
  }

  private noteConfiguration(index: LogIndex): void {
    const configuration = decodeConfiguration(this.entries.dataAt(index));
    this.configurations.push({ index, configuration });
  }

  private get lastConfiguration(): ConfigurationAt {
    return this.configurations.at(-1) as ConfigurationAt;
  }
}

function decreasing(inTerm: Term, lastTerm: Term): never {
  throw new InvariantViolation('terms never decrease along the log', { term: inTerm, lastTerm });
}
