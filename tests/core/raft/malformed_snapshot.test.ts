/**
 * A snapshot from a leader that cannot be loaded, wherever that shows: it is thrown away before it
 * becomes durable, since a node could not start with it, and the node goes on with what it had.
 */

import { logIndex, millis, snapshotName, term } from '../../../kv/core/ids';
import { encodeSnapshotMeta } from '../../../kv/core/raft/snapshot_meta';
import { appendEntries, contentOf, Solo, sent } from './solo';

const AT = logIndex(9);
const NAME = snapshotName('snapshot-9');

/** A follower in term 3, with a log of the configuration and one entry, all applied. */
function follower(): Solo {
  const solo = new Solo({ log: [1, 1], term: 3 }).follow(2);
  solo.receive(2, appendEntries(3, [2, 1], [], 2));
  return solo;
}

/** Sends the content in two slices; returns what n1 said and did. */
function send(solo: Solo, content: Uint8Array) {
  const from = solo.effects.length;
  const { configuration } = solo.raft.log;
  const meta = { index: AT, term: term(3), time: millis(9), configuration };
  const cut = content.length >> 1;
  for (const [offset, end] of [
    [0, cut],
    [cut, content.length],
  ] as const) {
    solo.receive(2, {
      ...{ kind: 'install_snapshot', term: solo.raft.term, snapshot: NAME },
      ...{ lastIndex: AT, lastTerm: term(3), meta: encodeSnapshotMeta(meta) },
      ...{ size: content.length, offset, bytes: content.subarray(offset, end) },
    });
    solo.step({ kind: 'snapshot_written', snapshot: NAME, through: end });
  }
  return solo.effects.slice(from);
}

const kinds = (effects: ReturnType<typeof send>): string[] =>
  effects.map((each) => each.kind).filter((kind) => kind.startsWith('snapshot_'));

test('a sound one is made durable', () => {
  const solo = follower();
  expect(kinds(send(solo, contentOf(solo)))).toEqual([
    'snapshot_open',
    'snapshot_append',
    'snapshot_append',
    'snapshot_commit',
  ]);
  solo.step({ kind: 'snapshot_saved', snapshot: NAME, size: 1 });
  expect(solo.raft.applied).toBe(AT);
});

test.each([
  ['ends too early', (content: Uint8Array) => content.subarray(0, content.length - 1)],
  ['goes on after its end', (content: Uint8Array) => Buffer.concat([content, Buffer.alloc(1)])],
])('one that %s is begun again and never made durable', (_, spoil) => {
  const solo = follower();
  const effects = send(solo, spoil(contentOf(solo)));
  expect(kinds(effects)).not.toContain('snapshot_commit');
  expect(kinds(effects).at(-1)).toBe('snapshot_abort');
  expect(solo.raft).toMatchObject({ applied: 2, installing: undefined });

  send(solo, contentOf(solo));
  const saved = solo.step({ kind: 'snapshot_saved', snapshot: NAME, size: 1 });
  expect(sent(saved, 'install_snapshot_reply').at(-1)).toMatchObject({ match: AT });
  expect(solo.raft.applied).toBe(AT);
});
