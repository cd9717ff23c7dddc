/** The quorum rules against dumb enumeration, and the proof of `membership.ts` by trying all cases. */

import fc from 'fast-check';
import { DecodeError } from '../../../kv/core/bytes';
import { nodeId, storageId } from '../../../kv/core/ids';
import {
  allMembers,
  bootstrapConfiguration,
  type Configuration,
  decodeConfiguration,
  encodeConfiguration,
  findMember,
  isUnbound,
  isVoter,
  type Member,
  reachedByQuorum,
  rebind,
  voteOutcome,
} from '../../../kv/core/raft/membership';
import { damaged } from '../machine/support';

const member = (n: number, storage = n): Member => ({
  id: nodeId(`n${n}`),
  storage: storageId(storage),
});
const members = (from: number, to: number): Member[] =>
  Array.from({ length: to - from + 1 }, (_, i) => member(from + i));

/** All subsets of a list. */
function subsets<T>(list: readonly T[]): T[][] {
  return Array.from({ length: 2 ** list.length }, (_, bits) =>
    list.filter((_each, i) => (bits >> i) & 1),
  );
}

/** A majority, counted on fingers. */
const isMajority = (some: readonly Member[], of: readonly Member[]): boolean =>
  of.length === 0 ||
  of.filter((each) => some.some((one) => one.id === each.id)).length * 2 > of.length;

/** A quorum: a majority of both configurations in a joint phase. */
const isQuorum = (some: readonly Member[], { voters, outgoing }: Configuration): boolean =>
  isMajority(some, voters) && isMajority(some, outgoing);

/** Configurations of every shape: plain, joint with any overlap, with learners. */
function configurations(): Configuration[] {
  const all: Configuration[] = [];
  for (let n = 1; n <= 5; n++) {
    all.push({ voters: members(1, n), outgoing: [], learners: members(n + 1, n + 1) });
    for (let from = 1; from <= 4; from++) {
      all.push({ voters: members(1, n), outgoing: members(from, from + 2), learners: [] });
    }
  }
  return all;
}

const everybody = ({ voters, outgoing }: Configuration): Member[] =>
  allMembers({ voters, outgoing, learners: [] }).map((id) => ({ id, storage: storageId(0) }));

test('a vote is won by a quorum and lost when no quorum is possible any more', () => {
  for (const configuration of configurations()) {
    for (const granted of subsets(everybody(configuration))) {
      const rest = everybody(configuration).filter(
        (each) => !granted.some((one) => one.id === each.id),
      );
      for (const refused of subsets(rest)) {
        const votes = new Map([
          ...granted.map((each) => [each.id, true] as const),
          ...refused.map((each) => [each.id, false] as const),
        ]);
        const possible = everybody(configuration).filter((each) => votes.get(each.id) !== false);
        const expected = isQuorum(granted, configuration)
          ? 'won'
          : isQuorum(possible, configuration)
            ? 'open'
            : 'lost';
        const outcome = voteOutcome(configuration, ({ id }) => votes.get(id));
        if (outcome !== expected)
          expect({ configuration, granted, refused, outcome }).toBe(expected);
      }
    }
  }
});

test('what a quorum has reached is the largest value that a quorum has reached', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...configurations()),
      fc.array(fc.nat(5), { minLength: 12, maxLength: 12 }),
      (configuration, values) => {
        const reached = (each: Member) => values[Number(each.id.slice(1))] as number;
        const dumb = Math.max(
          ...[0, 1, 2, 3, 4, 5].filter((value) =>
            isQuorum(
              everybody(configuration).filter((each) => reached(each) >= value),
              configuration,
            ),
          ),
        );
        expect(reachedByQuorum(configuration, reached)).toBe(dumb);
      },
    ),
    { numRuns: 500 },
  );
});

describe('the proof in the head comment of membership.ts, for n from 1 to 7', () => {
  /** n1 comes back with disk 99; its disk 1 is dead, but a vote that it gave may still arrive. */
  const lost = member(1);
  const live = (some: readonly Member[]) => some.filter((each) => each.id !== lost.id);
  const majoritiesOf = (of: readonly Member[]) =>
    subsets(of).filter((some) => isMajority(some, of));
  const share = (one: readonly Member[], other: readonly Member[]) =>
    one.some((each) => other.some(({ id }) => id === each.id));

  test.each([1, 2, 3, 4, 5, 6, 7])(
    '%d members: the joint phase shares a live member with any old majority',
    (n) => {
      const old = members(1, n);
      const joint = rebind(
        { voters: old, outgoing: [], learners: [] },
        new Map([[lost.id, storageId(99)]]),
      );
      expect(joint.outgoing).toEqual(old);
      // Whoever has the dead disk's vote needs a majority of the old configuration besides.
      const candidates = majoritiesOf(old);
      // A commit in the joint phase has both majorities, that of the old one without the dead disk.
      const commits = subsets(live(old)).filter((some) => isMajority(some, old));
      for (const commit of commits) {
        for (const votes of candidates) {
          if (!share(commit, live(votes))) expect({ commit, votes }).toBe('a shared live member');
        }
      }
      // A lone member, or one of two, cannot be replaced like this: nobody else is a majority.
      expect(commits.length > 0).toBe(n >= 3);
    },
  );

  test.each([3, 5, 7])('%d members: without it, one side could elect and the other commit', (n) => {
    const old = members(1, n);
    const fresh = [member(1, 99), ...live(old)];
    const disjoint = majoritiesOf(old).some((votes) =>
      majoritiesOf(fresh).some((commit) => !share(live(votes), live(commit))),
    );
    // This is why the phase is there: n1 would be counted by both, with either disk.
    expect(disjoint).toBe(true);
  });
});

test('a disk that was never known is bound without a joint phase', () => {
  const fresh = bootstrapConfiguration(members(1, 3).map((each) => each.id));
  expect(rebind(fresh, new Map([[nodeId('n2'), storageId(7)]])).outgoing).toEqual([]);
});

test('who is who', () => {
  const configuration: Configuration = {
    voters: members(1, 2),
    outgoing: members(2, 3),
    learners: members(4, 4),
  };
  expect(allMembers(configuration)).toEqual(['n1', 'n2', 'n3', 'n4']);
  expect(['n1', 'n2', 'n3', 'n4', 'n5'].map((id) => isVoter(configuration, nodeId(id)))).toEqual([
    true,
    true,
    true,
    false,
    false,
  ]);
  expect(findMember(configuration, nodeId('n4'))).toEqual(member(4));
  expect(findMember(configuration, nodeId('n5'))).toBeUndefined();
});

test('a new cluster knows no disk; binding names the disks of some and keeps the others', () => {
  const fresh = bootstrapConfiguration(['n2', 'n1'] as never);
  expect(isUnbound(fresh)).toBe(true);
  const bound = rebind(fresh, new Map([[nodeId('n2'), storageId(7)]]));
  expect(bound.voters).toEqual([member(1, 0), member(2, 7)]);
  expect(isUnbound(bound)).toBe(false);
});

test('the encoding comes back, and damage is refused or is another configuration', () => {
  for (const configuration of configurations()) {
    const bytes = encodeConfiguration(configuration);
    expect(decodeConfiguration(bytes)).toEqual(configuration);
  }
  for (const bytes of damaged(encodeConfiguration(configurations()[6] as Configuration))) {
    try {
      expect(Buffer.from(encodeConfiguration(decodeConfiguration(bytes)))).toEqual(
        Buffer.from(bytes),
      );
    } catch (error) {
      expect(error).toBeInstanceOf(DecodeError);
    }
  }
});
