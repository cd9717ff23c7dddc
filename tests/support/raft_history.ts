/** Journals as a history would have left them, for tests that begin in the middle of one. */

import { logIndex, millis, type Term, term } from '../../kv/core/ids';
import { encodeCommand } from '../../kv/core/machine/command_codec';
import { encodePlain } from '../../kv/core/machine/envelope';
import type { JournalRecord } from '../../kv/core/protocol';
import { type Entry, makeEntry } from '../../kv/core/raft/entry';
import { EntryRun } from '../../kv/core/raft/entry_run';
import { encodeRecord } from '../../kv/core/raft/journal';
import { type Configuration, encodeConfiguration } from '../../kv/core/raft/membership';

/** Term and vote, then one entry for each of `terms`; the first entry is the configuration. */
export function historyRecords(
  terms: readonly number[],
  currentTerm: number,
  configuration: Configuration,
): JournalRecord[] {
  const hardState = { kind: 'hard_state', term: term(currentTerm), votedFor: undefined } as const;
  const entries = terms.map((each, i) => entryOf(i + 1, term(each), configuration));
  return [encodeRecord(hardState), ...entries.map((entry) => entriesRecord(entry))];
}

/** One record with these entries, which follow each other. */
export function entriesRecord(...entries: readonly Entry[]): JournalRecord {
  const base = logIndex((entries[0]?.index ?? 1) - 1);
  return encodeRecord({ kind: 'entries', entries: EntryRun.of(base, entries) });
}

/** Index and term decide what is in an entry, as in any history that Raft allows. */
function entryOf(index: number, inTerm: Term, configuration: Configuration): Entry {
  const at = logIndex(index);
  const time = millis(index);
  if (index === 1) {
    return makeEntry('configuration', at, inTerm, time, encodeConfiguration(configuration));
  }
  const value = Uint8Array.from(`"${inTerm}"`, (each) => each.charCodeAt(0));
  const command = encodeCommand({ kind: 'put', key: `k${index}`, value });
  return makeEntry('command', at, inTerm, time, encodePlain(command));
}
