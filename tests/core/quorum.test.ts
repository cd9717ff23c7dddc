import { majority, reachedByMajority, tally } from '../../kv/core/quorum';

/** All lists of `length` values from 0 to `max`. */
function* lists(length: number, max: number): Generator<number[]> {
  if (length === 0) {
    yield [];
    return;
  }
  for (const rest of lists(length - 1, max)) {
    for (let value = 0; value <= max; value++) yield [...rest, value];
  }
}

test('two majorities share a member, and no smaller group is safe', () => {
  for (let members = 1; members <= 100; members++) {
    expect(2 * majority(members)).toBeGreaterThan(members);
    expect(2 * (majority(members) - 1)).toBeLessThanOrEqual(members);
  }
});

test('what a majority has reached: all lists of up to six members, against counting', () => {
  for (let length = 1; length <= 6; length++) {
    for (const values of lists(length, 4)) {
      let dumb = 0;
      for (let value = 0; value <= 4; value++) {
        const reached = values.filter((one) => one >= value).length;
        if (reached > length / 2) dumb = value;
      }
      const before = [...values];
      if (reachedByMajority(values) !== dumb) throw new Error(`wrong for ${values}`);
      expect(values).toEqual(before);
    }
  }
});

test('values are compared as numbers, not as text', () => {
  expect(reachedByMajority([9, 10, 100])).toBe(10);
});

test('an empty group has reached everything', () => {
  expect(reachedByMajority([])).toBe(Number.POSITIVE_INFINITY);
});

test('a vote is decided exactly when the voters still out cannot change it', () => {
  for (let members = 1; members <= 9; members++) {
    for (let granted = 0; granted <= members; granted++) {
      for (let refused = 0; refused <= members - granted; refused++) {
        const out = members - granted - refused;
        const canWin = granted + out > members / 2;
        const canLose = granted <= members / 2;
        const expected = canWin && canLose ? 'open' : canWin ? 'won' : 'lost';
        expect([members, granted, refused, tally(members, granted, refused)]).toEqual([
          members,
          granted,
          refused,
          expected,
        ]);
      }
    }
  }
});
