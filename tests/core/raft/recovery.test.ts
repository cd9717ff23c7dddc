/**
 * Recovery against a dumb model: random histories of a journal, cut at every record by a crash and,
 * at the other end, at every place up to which old records may have been deleted.
 */

import {
  journalSequence,
  logIndex,
  millis,
  nodeId,
  snapshotName,
  storageId,
  term,
} from '../../../kv/core/ids';
import { KeyValue } from '../../../kv/core/machine/key_value';
import { Sessions } from '../../../kv/core/machine/sessions';
import { Prng } from '../../../kv/core/prng';
import type { JournalRecord, RecoveredSnapshot } from '../../../kv/core/protocol';
import { makeEntry } from '../../../kv/core/raft/entry';
import { encodeRecord } from '../../../kv/core/raft/journal';
import { type Configuration, encodeConfiguration } from '../../../kv/core/raft/membership';
import { RecoveryError, recover } from '../../../kv/core/raft/recovery';
import { encodeSnapshotMeta } from '../../../kv/core/raft/snapshot_meta';
import type { InitialState } from '../../../kv/core/raft/state';
import { entriesRecord } from '../../support/raft_history';
import { id } from './solo';

const MEMBERS = [id(1), id(2), id(3)];
const empty = () => new Sessions(new KeyValue());

/** A place in the log, and the number of the configuration in force there. */
interface Place {
  readonly index: number;
  readonly term: number;
  readonly configuration: number;
}

interface ModelEntry extends Place {
  /** The number of its record. */
  readonly sequence: number;
}

/** What the log should be after so many records. */
interface Model {
  readonly term: number;
  readonly votedFor: string | undefined;
  readonly base: Place;
  readonly entries: readonly ModelEntry[];
  /** The newest snapshot that is durable by then. */
  readonly snapshot: Place | undefined;
  /** All records before this one may have been deleted. */
  readonly deletable: number;
}

/** A random life of a journal: its records, and the model after each prefix of them. */
class History {
  readonly records: JournalRecord[] = [];
  readonly models: Model[];
  private commit = 0;

  constructor(
    private readonly prng: Prng,
    steps: number,
  ) {
    const base = { index: 0, term: 0, configuration: 0 };
    this.models = [
      { term: 1, votedFor: undefined, base, entries: [], snapshot: undefined, deletable: 1 },
    ];
    this.vote();
    for (let i = 0; i < steps; i++) this.step();
  }

  get last(): Model {
    return this.models.at(-1) as Model;
  }

  private step(): void {
    const dice = this.prng.between(1, 10);
    if (dice <= 5) this.append();
    else if (dice <= 6) this.conflict();
    else if (dice <= 7) this.vote();
    else if (dice <= 8) this.install();
    else this.compact();
    const end = this.end(this.last).index;
    if (end > this.commit) this.commit = this.prng.between(this.commit, end);
  }

  private end(model: Model): Place {
    return model.entries.at(-1) ?? model.base;
  }

  private write(record: JournalRecord, change: Partial<Model>): void {
    this.records.push(record);
    this.models.push({ ...this.last, ...change });
  }

  private append(from = this.end(this.last).index + 1): void {
    const { entries, term: inTerm } = this.last;
    const kept = entries.filter((entry) => entry.index < from);
    const sequence = this.records.length + 1;
    const isChange = this.prng.chance(1, 4);
    const before = (kept.at(-1) ?? this.last.base).configuration;
    const configuration = isChange ? sequence : before;
    // Several entries that were handed over at once are one record.
    const count = this.prng.between(1, 3);
    const added = Array.from({ length: count }, (_, i) => {
      return { index: from + i, term: inTerm, configuration, sequence };
    });
    const made = added.map(({ index }, i) =>
      isChange && i === 0 ? change(index, inTerm, sequence) : noop(index, inTerm),
    );
    this.write(entriesRecord(...made), { entries: [...kept, ...added] });
  }

  /** A new leader replaces what is not committed. */
  private conflict(): void {
    const first = Math.max(this.commit, this.last.base.index) + 1;
    const end = this.end(this.last).index;
    if (end < first) return;
    // It leads another term: an index and a term name one entry (§5.3).
    this.hardState(this.last.term + this.prng.between(1, 2), undefined, {});
    this.append(this.prng.between(first, end));
  }

  private vote(): void {
    const votedFor = this.prng.pick([undefined, 'n1', 'n2']);
    this.hardState(this.last.term + this.prng.between(0, 2), votedFor, {});
  }

  private hardState(inTerm: number, votedFor: string | undefined, change: Partial<Model>): void {
    const vote = votedFor === undefined ? undefined : nodeId(votedFor);
    const record = encodeRecord({ kind: 'hard_state', term: term(inTerm), votedFor: vote });
    this.write(record, { ...change, term: inTerm, votedFor });
  }

  /** A snapshot of our own was saved before these records; some of its log is kept. */
  private compact(): void {
    const { entries, base } = this.last;
    const committed = entries.filter((entry) => entry.index <= this.commit);
    const newest = committed.at(-1);
    if (newest === undefined) return;
    this.snapshotSaved(newest);
    this.compactTo(this.prng.pick([base, ...committed]));
  }

  /** A snapshot of the leader was saved: behind our log, or of another history than ours. */
  private install(): void {
    const { entries } = this.last;
    const index = this.end(this.last).index + this.prng.between(1, 3);
    // The leader's configuration may be one that was never in our log.
    const configuration = 1_000_000 + this.records.length;
    const snapshot = { index, term: this.last.term, configuration };
    if (this.prng.chance(1, 2) && entries.length > 0) return;
    this.snapshotSaved(snapshot);
    this.commit = index;
    const record = { kind: 'reset', index: logIndex(index), term: term(snapshot.term) } as const;
    this.write(encodeRecord(record), { base: snapshot, entries: [] });
    this.compactTo(snapshot);
  }

  private snapshotSaved({ index, term: inTerm, configuration }: Place): void {
    const at = this.models.length - 1;
    this.models[at] = { ...this.last, snapshot: { index, term: inTerm, configuration } };
  }

  private compactTo({ index, term: inTerm, configuration }: Place): void {
    const base = { index, term: inTerm, configuration };
    const entries = this.last.entries.filter((entry) => entry.index > base.index);
    const record = {
      kind: 'compacted',
      index: logIndex(base.index),
      term: term(base.term),
    } as const;
    this.write(encodeRecord(record), { base, entries });
    const compacted = this.records.length;
    this.hardState(this.last.term, this.last.votedFor, {
      deletable: Math.min(entries[0]?.sequence ?? compacted, compacted),
    });
  }
}

const noop = (index: number, inTerm: number) =>
  makeEntry('noop', logIndex(index), term(inTerm), millis(0), new Uint8Array(0));

/** A configuration that is told from others by its number. */
const numbered = (n: number): Configuration => ({
  voters: [{ id: id(1), storage: storageId(n) }],
  outgoing: [],
  learners: [],
});

function change(index: number, inTerm: number, n: number) {
  const data = encodeConfiguration(numbered(n));
  return makeEntry('configuration', logIndex(index), term(inTerm), millis(0), data);
}

/** The content of a machine that has applied nothing. */
const CONTENT = (() => {
  const cursor = empty().beginSnapshot();
  const slices: Uint8Array[] = [];
  for (let slice = cursor.next(10); slice !== undefined; slice = cursor.next(10))
    slices.push(slice);
  return slices;
})();

function storedSnapshot(at: Model['snapshot']): RecoveredSnapshot | undefined {
  if (at === undefined) return undefined;
  const place = { index: logIndex(at.index), term: term(at.term) };
  const configuration = numbered(at.configuration);
  const meta = encodeSnapshotMeta({ ...place, time: millis(5), configuration });
  const size = CONTENT.reduce((sum, slice) => sum + slice.length, 0);
  return { name: snapshotName('s'), meta, size, chunks: CONTENT };
}

function recoverFrom(
  records: readonly JournalRecord[],
  first: number,
  at: Model['snapshot'],
): InitialState {
  const snapshot = storedSnapshot(at);
  return recover(MEMBERS, { snapshot, records, firstSequence: journalSequence(first) }, empty());
}

/** The recovered log in the shape of the model, places from `from` on with their configuration. */
function logOf(
  { log }: InitialState,
  from: number,
): {
  base: Omit<Place, 'configuration'>;
  entries: ModelEntry[];
} {
  const entries: ModelEntry[] = [];
  for (let index = log.firstIndex as number; index <= log.lastIndex; index++) {
    const { term: inTerm } = log.entryAt(index);
    const known = index >= from && log.configurationAt(logIndex(index));
    const configuration = known ? numberOf(known) : -1;
    entries.push({ index, term: inTerm, configuration, sequence: log.sequenceAt(index) });
  }
  return { base: { index: log.baseIndex, term: log.baseTerm }, entries };
}

/** 0 for that of a new cluster, in which no disk is known. */
const numberOf = ({ voters }: Configuration): number => voters[0]?.storage ?? 0;

/** The rule of installation, as the paper has it. */
function withSnapshot(model: Model, snapshot: Model['snapshot']): Pick<Model, 'base' | 'entries'> {
  const { base, entries } = model;
  if (snapshot === undefined) return { base, entries };
  const held = [base, ...entries].find((each) => each.index === snapshot.index);
  return held?.term === snapshot.term ? { base, entries } : { base: snapshot, entries: [] };
}

/** Of what lies before a snapshot nobody needs the configuration: it is not compared. */
function comparable(
  { base, entries }: { base: Omit<Place, 'configuration'>; entries: readonly ModelEntry[] },
  from: number,
) {
  const known = entries.map((each) => (each.index < from ? { ...each, configuration: -1 } : each));
  return { base: { index: base.index, term: base.term }, entries: known };
}

test('every crash and every deletion of old records recovers to what was durable', () => {
  let cuts = 0;
  let refused = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const history = new History(new Prng(seed, 'journal'), 40);
    for (let through = 0; through < history.models.length; through++) {
      const model = history.models[through] as Model;
      // A snapshot may have become durable while later records did not.
      const ahead = history.models[Math.min(through + 3, history.models.length - 1)] as Model;
      for (const snapshot of new Set([model.snapshot, ahead.snapshot])) {
        for (
          let first = 1;
          first <= model.deletable;
          first += first < model.deletable - 3 ? 3 : 1
        ) {
          const kept = history.records.slice(first - 1, through);
          // But not before its term is: no node makes that.
          if ((snapshot?.term ?? 0) > (through > 0 ? model.term : 0)) {
            refused++;
            expect(() => recoverFrom(kept, first, snapshot)).toThrow('the snapshot is of term');
            continue;
          }
          const initial = recoverFrom(kept, first, snapshot);
          const expected = withSnapshot(model, snapshot);
          const newest = numberOf(initial.log.configuration);
          const { term: foundTerm, votedFor: foundVote } = initial;
          const from = snapshot?.index ?? 0;
          const log = comparable(logOf(initial, from), from);
          const found = { ...log, newest, term: foundTerm, votedFor: foundVote };
          const { term: inTerm, votedFor } = through > 0 ? model : initial;
          const last = (expected.entries.at(-1) ?? expected.base).configuration;
          const wanted = { ...comparable(expected, from), newest: last, term: inTerm, votedFor };
          // Only a difference is worth a matcher, which is slow.
          if (JSON.stringify(found) !== JSON.stringify(wanted)) {
            expect({ seed, through, first, ...found }).toEqual({ seed, through, first, ...wanted });
          }
          // The log may be compacted at any place, and its newest configuration stays.
          const { log: whole } = initial;
          if (whole.length > 0) whole.compactTo(logIndex(whole.baseIndex + 1));
          if (numberOf(whole.configuration) !== newest)
            throw new Error('the configuration changed');
          cuts++;
        }
      }
    }
  }
  expect(cuts).toBeGreaterThan(3000);
  expect(refused).toBeGreaterThan(0);
});

describe('what cannot be', () => {
  const hard = (inTerm: number) =>
    encodeRecord({ kind: 'hard_state', term: term(inTerm), votedFor: undefined });
  const entry = (index: number, inTerm = 1) => entriesRecord(noop(index, inTerm));
  const compacted = (index: number) =>
    encodeRecord({ kind: 'compacted', index: logIndex(index), term: term(1) });

  test.each<[string, JournalRecord[], Model['snapshot'], string]>([
    [
      'a gap that nothing explains',
      [hard(1), entry(1), entry(3)],
      undefined,
      'entries before 3 are missing',
    ],
    ['a term that goes back', [hard(2), hard(1)], undefined, 'a term goes back'],
    [
      'a log behind a snapshot that is gone',
      [hard(1), entry(1), compacted(1)],
      undefined,
      'is missing',
    ],
    [
      'an older snapshot than the log needs',
      [compacted(5), hard(1)],
      { index: 3, term: 1, configuration: 0 },
      'ends at 3',
    ],
  ])('%s', (_what, records, snapshot, message) => {
    expect(() => recoverFrom(records, 1, snapshot)).toThrow(RecoveryError);
    expect(() => recoverFrom(records, 1, snapshot)).toThrow(message);
    expect(() => recoverFrom(records, 1, snapshot)).toThrow('move the data folder away');
  });

  test('a snapshot that cannot be read says so, and what to do', () => {
    const stored = storedSnapshot({ index: 1, term: 1, configuration: 0 }) as RecoveredSnapshot;
    for (const broken of [
      { ...stored, meta: Uint8Array.of(9) },
      { ...stored, chunks: CONTENT.slice(0, 1) },
    ]) {
      const recovered = { snapshot: broken, records: [], firstSequence: journalSequence(1) };
      expect(() => recover(MEMBERS, recovered, empty())).toThrow(RecoveryError);
    }
  });
});
