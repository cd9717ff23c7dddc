/** The cap on what a leader has proposed and nobody has committed, counted entry by entry. */

import { entrySize } from '../../../kv/core/raft/entry';
import { Solo } from './solo';

/** The sizes of the entries that a leader takes of ten writes while nobody acknowledges any. */
function taken(maxUncommittedBytes: number): number[] {
  const solo = new Solo({ log: [1, 1], term: 3, options: { maxUncommittedBytes } }).becomeLeader();
  for (let i = 1; i <= 10; i++) {
    const before = solo.raft.log.lastIndex;
    const answer = solo.answer(solo.write('v'.repeat(i)));
    const refused = answer?.kind === 'failed' ? answer.error.code : undefined;
    expect(refused).toBe(solo.raft.log.lastIndex === before ? 'overloaded' : undefined);
  }
  const { log } = solo.raft;
  const sizes: number[] = [];
  for (let at = log.firstIndex as number; at <= log.lastIndex; at++) {
    sizes.push(entrySize(log.entryAt(at)));
  }
  return sizes;
}

const sum = (sizes: readonly number[]): number => sizes.reduce((all, size) => all + size, 0);

test('a leader takes what fits below the cap to the byte, and one byte less takes one less', () => {
  // Without a cap: the log as it was, the no-op, and all ten.
  const all = taken(1e6);
  expect(all).toHaveLength(3 + 10);
  for (let count = 4; count <= all.length; count++) {
    const exactly = sum(all.slice(0, count));
    expect(taken(exactly)).toEqual(all.slice(0, count));
    expect(taken(exactly - 1)).toEqual(all.slice(0, count - 1));
  }
});
