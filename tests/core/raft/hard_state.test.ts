/**
 * Term and vote beside the deletion of old records, which writes them once more: what is said waits
 * for the record of their last change, and the deletion for the record that repeats them.
 */

import {
  journalSequence,
  logIndex,
  millis,
  type SnapshotName,
  snapshotName,
  term,
} from '../../../kv/core/ids';
import { decodeRecord } from '../../../kv/core/raft/journal';
import { encodeSnapshotMeta } from '../../../kv/core/raft/snapshot_meta';
import { appendEntries, contentOf, requestVote, Solo, sent } from './solo';

/** A follower in term 3 whose disk waits, with a log of the configuration and one entry, all applied. */
function follower(): Solo {
  const solo = new Solo({ log: [1, 1], term: 3 }).follow(2);
  solo.receive(2, appendEntries(3, [2, 1], [], 2));
  solo.slow = true;
  return solo;
}

/** It has been sent the whole snapshot at `index`, and makes it durable. */
function receiveSnapshot(solo: Solo, index: number): SnapshotName {
  const name = snapshotName(`snapshot-${index}`);
  const place = { index: logIndex(index), term: term(3) };
  const { configuration } = solo.raft.log;
  const content = contentOf(solo);
  solo.receive(2, {
    ...{ kind: 'install_snapshot', term: solo.raft.term, snapshot: name },
    ...{ lastIndex: place.index, lastTerm: place.term },
    meta: encodeSnapshotMeta({ ...place, time: millis(9), configuration }),
    ...{ size: content.length, offset: 0, bytes: content },
  });
  return name;
}

/** The snapshot is durable: old records may go as soon as what replaces them is. */
const saved = (solo: Solo, snapshot: SnapshotName): unknown =>
  solo.step({ kind: 'snapshot_saved', snapshot, size: 1 });

const install = (solo: Solo, index: number): unknown => saved(solo, receiveSnapshot(solo, index));

/** The number of the last record that n1 has handed to its disk. */
const written = (solo: Solo): number => solo.raft.journal.sequence;
const persisted = (solo: Solo, through: number) =>
  solo.step({ kind: 'persisted', through: journalSequence(through) });
const released = (solo: Solo): number[] =>
  solo.effects.flatMap((each) => (each.kind === 'release' ? [each.before] : []));

/** The terms and votes that n1 has handed to its disk, oldest first. */
const hardStates = (solo: Solo): string[] =>
  solo.effects
    .flatMap((each) => (each.kind === 'persist' ? each.records : []))
    .map(decodeRecord)
    .flatMap((each) => (each.kind === 'hard_state' ? [`${each.term} ${each.votedFor}`] : []));

const candidateOf = (inTerm: number) => requestVote(inTerm, [9, 3], { transfer: true });
const votes = (all: ReturnType<Solo['step']>) => sent(all, 'request_vote_reply');

test('a vote that is given while old records wait is told when it is durable, no earlier', () => {
  const solo = follower();
  install(solo, 5);
  const repeated = written(solo);
  expect(votes(solo.receive(3, candidateOf(4)))).toEqual([]);
  const changed = written(solo);
  expect(changed).toBeGreaterThan(repeated);
  expect(votes(persisted(solo, repeated))).toEqual([]);
  expect(released(solo)).toHaveLength(1);
  expect(votes(persisted(solo, changed))).toMatchObject([{ term: 4, granted: true }]);
  expect(hardStates(solo).at(-1)).toBe('4 n3');
});

test('a vote is told when it is durable, although old records wait for one that repeats it', () => {
  const solo = follower();
  const snapshot = receiveSnapshot(solo, 5);
  expect(votes(solo.receive(3, candidateOf(4)))).toEqual([]);
  const changed = written(solo);
  saved(solo, snapshot);
  expect(hardStates(solo).slice(-2)).toEqual(['4 n3', '4 n3']);
  expect(votes(persisted(solo, changed))).toMatchObject([{ term: 4, granted: true }]);
  expect(released(solo)).toEqual([]);
  persisted(solo, written(solo));
  expect(released(solo)).toHaveLength(1);
});

test('of two deletions that wait at once the later one is done, once its own record is durable', () => {
  const solo = follower();
  install(solo, 5);
  const first = written(solo);
  install(solo, 7);
  const second = written(solo);
  persisted(solo, first);
  expect(released(solo)).toEqual([]);
  persisted(solo, second);
  expect(released(solo)).toHaveLength(1);
  // The record that repeats term and vote stays, and the one before it says where the log begins.
  expect(released(solo)[0]).toBeLessThan(second);
});
