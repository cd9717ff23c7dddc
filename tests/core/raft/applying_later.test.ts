/** A follower writes and acknowledges before it applies (`apply.ts`), but does not put it off for ever. */

import { millis, nodeId } from '../../../kv/core/ids';
import type { RaftMessage } from '../../../kv/core/raft/messages';
import { MAX_APPLIED_LATER, MAX_APPLIED_PER_STEP } from '../../../kv/core/raft/options';
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

test('one that is far behind applies whatever else there is to do', () => {
  const behind = (entries: number) =>
    oneStep(entries, appendEntries(1, [entries, 1], [1], entries)).applied;
  expect([behind(MAX_APPLIED_LATER), behind(MAX_APPLIED_LATER + 1)]).toEqual([
    0,
    MAX_APPLIED_PER_STEP,
  ]);
});
