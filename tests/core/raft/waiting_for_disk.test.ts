/** Who may stand still while its disk writes: only a node whose disk is all that others wait for. */

import { Solo } from './solo';

test('a follower may', () => {
  expect(new Solo({ term: 5 }).follow(2).core.mayWaitForDisk).toBe(true);
});

test.each([
  ['a pre-candidate', (solo: Solo) => solo.becomePreCandidate()],
  ['a candidate', (solo: Solo) => solo.becomeCandidate()],
  ['a leader', (solo: Solo) => solo.becomeLeader()],
])('%s may not', (_, become) => {
  expect(become(new Solo({ term: 5 })).core.mayWaitForDisk).toBe(false);
});
