/** A follower writes and acknowledges before it applies (`apply.ts`), but does not put it off for ever. */

import { millis, nodeId } from '../../../kv/core/ids';
import type { RaftMessage } from '../../../kv/core/raft/messages';
import { appendEntries, heartbeat, Solo } from './solo';

const LEADER = nodeId('n2');

/** One step of a follower that holds `entries` entries, all of them verified, and gets a message. */
function oneStep(entries: number, message: RaftMessage) {
  const solo = new Solo({ log: new Array<number>(entries).fill(1), term: 1 }).follow(2);
  solo.receive(2, appendEntries(1, [entries, 1]));
  const event = { kind: 'message', from: LEADER, message } as const;
  const effects = solo.core.step(millis(solo.now), [event]).map(({ kind }) => kind);
  return { solo, effects, applied: solo.raft.applied };
}

test.each([
  ['entries to write', appendEntries(1, [5, 1], [1], 5), ['persist']],
  ['something to acknowledge', appendEntries(1, [5, 1], [], 5), ['send']],
  ['something to answer', heartbeat(1, 5), ['send']],
])('one that has %s applies in the next step, which it wants at once', (_, message, expected) => {
  const { solo, effects, applied } = oneStep(5, message);
  expect(effects).toEqual(expected);
  expect([applied, solo.raft.commit, solo.core.wakeAt]).toEqual([0, 5, solo.now]);
  solo.core.step(millis(solo.now), [{ kind: 'wake' }]);
  expect(solo.raft.applied).toBe(5);
});

test('one that always has something else to do applies in the third step', () => {
  const { solo, applied } = oneStep(5, appendEntries(1, [5, 1], [1], 5));
  const seen = [applied];
  for (const index of [6, 7, 8, 9, 10]) {
    const message = appendEntries(1, [index, 1], [1], index);
    solo.core.step(millis(solo.now), [{ kind: 'message', from: LEADER, message }]);
    seen.push(solo.raft.applied);
  }
  expect(seen).toEqual([0, 0, 7, 7, 7, 10]);
});
