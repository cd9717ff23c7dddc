/**
 * When a node stands for election, what a closed link changes of it, and what it must not change:
 * the promises that leases rest on (DESIGN.md, "A closed link" and "Leases").
 */

import { millis } from '../../../kv/core/ids';
import type { MessageOf } from '../../../kv/core/raft/messages';
import type { RaftOptions } from '../../../kv/core/raft/options';
import { heartbeat, id, preVote, requestVote, Solo, sent } from './solo';

const [MIN, MAX] = [150, 300];
const SEEDS = Array.from({ length: 60 }, (_, i) => i + 1);

/** n1 follows n2 in term 3 of a cluster in which a round trip takes `roundTrip`. */
function follower(roundTrip: number, lease = false, options: Partial<RaftOptions> = {}): Solo {
  const all = { electionSpreadMinMs: millis(20), ...options };
  const solo = new Solo({ log: [1, 1], term: 3, options: all });
  solo.wait(MIN);
  solo.receive(2, { ...heartbeat(3), roundTrip: millis(roundTrip), lease });
  return solo;
}

const close = (solo: Solo, peer: number) => solo.step({ kind: 'link', peer: id(peer), up: false });

function untilStanding({ raft, now }: Solo): number {
  if (raft.role.kind === 'leader') throw new Error('a leader does not stand');
  return raft.role.electionDeadline - now;
}

/** The least and the most over many seeds. */
function range(measure: (options: Partial<RaftOptions>) => number): [number, number] {
  const all = SEEDS.map((seed) => measure({ seed }));
  return [Math.min(...all), Math.max(...all)];
}

const grants = (solo: Solo) => ({
  preVote: sent(solo.receive(3, preVote(3, [2, 1])), 'pre_vote_reply')[0]?.granted ?? false,
  vote: sent(solo.receive(3, requestVote(4, [2, 1])), 'request_vote_reply')[0]?.granted ?? false,
});

describe('the spread of candidates', () => {
  test.each([
    ['not measured', -1, 150],
    ['at once', 0, 20],
    ['2 ms', 2, 20],
    ['5 ms', 5, 50],
    ['a second', 1000, 150],
  ])(
    'where a round trip is %s, silence is taken for the end within the agreed bounds',
    (_, roundTrip, spread) => {
      const [least, most] = range((options) => untilStanding(follower(roundTrip, false, options)));
      expect(least).toBeGreaterThanOrEqual(MIN);
      expect(most).toBeLessThanOrEqual(MIN + spread);
      expect(most - least).toBeGreaterThan(spread * 0.8);
    },
  );

  test('a leader tells how long its rounds take, once it knows', () => {
    const solo = new Solo({ log: [1], term: 3 }).becomeLeader();
    const told = () => sent(solo.wait(50), 'heartbeat')[0];
    const answer = (round: number) => {
      const clock = { clock: millis(0), match: solo.raft.commit, storage: 2 as never };
      solo.receive(2, { kind: 'heartbeat_reply', term: solo.raft.term, round, ...clock });
    };
    expect(told()?.roundTrip).toBe(-1);
    solo.wait(8);
    answer(solo.raft.role.kind === 'leader' ? solo.raft.role.round : 0);
    const first = told();
    expect(first?.roundTrip).toBe(8);
    solo.wait(16);
    answer(first?.round ?? 0);
    expect(told()?.roundTrip).toBe(9);
  });
});

describe('a closed link to the leader', () => {
  test('a follower stands within a spread, and not all followers at the same moment', () => {
    const [least, most] = range((options) => {
      const solo = follower(1, false, options);
      close(solo, 2);
      // It may stand in the very step in which it hears of the loss.
      return solo.role === 'pre_candidate' ? 0 : untilStanding(solo);
    });
    expect(least).toBeGreaterThanOrEqual(0);
    expect(most).toBeLessThanOrEqual(20);
    expect(most - least).toBeGreaterThan(15);
  });

  test('it asks for pre-votes first, and its term stays', () => {
    const solo = follower(1);
    close(solo, 2);
    expect(sent(solo.timeOut(), 'pre_vote')).toHaveLength(2);
    expect([solo.role, solo.raft.term]).toEqual(['pre_candidate', 3]);
  });

  test('the link to anybody else changes nothing', () => {
    const solo = follower(1);
    const before = untilStanding(solo);
    close(solo, 3);
    expect(untilStanding(solo)).toBe(before);
    expect(grants(solo)).toEqual({ preVote: false, vote: false });
  });

  test('a voter whose own link has closed helps at once; one that hears the leader does not', () => {
    expect(grants(follower(1))).toEqual({ preVote: false, vote: false });
    const solo = follower(1);
    close(solo, 2);
    expect(grants(solo)).toEqual({ preVote: true, vote: true });
  });

  test('a leader that is heard again is protected again', () => {
    const solo = follower(1);
    close(solo, 2);
    solo.receive(2, heartbeat(3));
    expect(grants(solo)).toEqual({ preVote: false, vote: false });
    expect(untilStanding(solo)).toBeGreaterThanOrEqual(MIN);
    // And the loss that is reported behind its last message counts.
    close(solo, 2);
    expect(grants(solo)).toEqual({ preVote: true, vote: true });
  });

  test('a leader and a candidate go on', () => {
    const leader = new Solo({ log: [1], term: 3 }).becomeLeader();
    close(leader, 2);
    expect(leader.role).toBe('leader');
    const candidate = follower(1);
    candidate.wait(MAX);
    candidate.timeOut();
    const before = untilStanding(candidate);
    close(candidate, 2);
    expect([candidate.role, untilStanding(candidate)]).toEqual(['pre_candidate', before]);
  });
});

describe('a promise', () => {
  test('outlives the link: neither pre-vote nor vote before it is over', () => {
    const solo = follower(1, true);
    close(solo, 2);
    expect(grants(solo)).toEqual({ preVote: false, vote: false });
    solo.now += MIN - 1;
    expect(grants(solo)).toEqual({ preVote: false, vote: false });
    expect(solo.raft.term).toBe(3);
    solo.now += 1;
    expect(grants(solo)).toEqual({ preVote: true, vote: true });
  });

  test('who has given it does not stand either', () => {
    const [least, most] = range((options) => {
      const solo = follower(1, true, options);
      solo.now += 40;
      close(solo, 2);
      return untilStanding(solo);
    });
    expect(least).toBeGreaterThanOrEqual(MIN - 40);
    expect(most).toBeLessThanOrEqual(MIN - 40 + 20);
  });

  test('is not renewed by heartbeats that do not ask for it', () => {
    const solo = follower(1, true);
    solo.now += 100;
    solo.receive(2, heartbeat(3));
    close(solo, 2);
    solo.now += MIN - 100;
    expect(grants(solo)).toEqual({ preVote: true, vote: true });
  });

  test('of a former life is kept: who starts may have given one', () => {
    const solo = new Solo({ log: [1, 1], term: 3 });
    close(solo, 2);
    solo.now += MIN - 1;
    expect(grants(solo)).toEqual({ preVote: false, vote: false });
    solo.now += 1;
    expect(grants(solo)).toEqual({ preVote: true, vote: true });
  });

  test('does not keep a node from standing when the leader itself asks', () => {
    const solo = follower(1, true);
    solo.receive(2, { kind: 'timeout_now', term: solo.raft.term });
    expect(solo.role).toBe('candidate');
  });

  test('ends with the leadership that is handed over, also when it takes several tries', () => {
    const solo = follower(1, true);
    solo.receive(2, { kind: 'timeout_now', term: solo.raft.term });
    solo.timeOut();
    const { term } = solo.raft;
    solo.receive(3, { kind: 'pre_vote_reply', term, asked: term, granted: true });
    expect([solo.role, solo.raft.term]).toEqual(['candidate', 5]);
  });

  test('and who was told to stand waits for its votes like any other', () => {
    const [least, most] = range((options) => {
      const solo = follower(1, false, options);
      solo.receive(2, { kind: 'timeout_now', term: solo.raft.term });
      return untilStanding(solo);
    });
    expect(least).toBeGreaterThanOrEqual(40);
    expect(most).toBeLessThanOrEqual(80);
  });
});

describe('further tries', () => {
  test('each waits twice as long as the one before, in the end as long as any timeout', () => {
    const solo = follower(1, false, { electionSpreadMinMs: millis(10) });
    close(solo, 2);
    const bounds: [number, number][] = [
      [10, 20],
      [20, 40],
      [40, 80],
      [80, 160],
      [MIN, MAX],
      [MIN, MAX],
    ];
    for (const [least, most] of bounds) {
      solo.timeOut();
      expect(untilStanding(solo)).toBeGreaterThanOrEqual(least);
      expect(untilStanding(solo)).toBeLessThanOrEqual(most);
    }
    expect([solo.role, solo.raft.term]).toEqual(['pre_candidate', 3]);
    solo.receive(2, heartbeat(3));
    close(solo, 2);
    solo.timeOut();
    expect(untilStanding(solo)).toBeLessThanOrEqual(20);
  });

  test('a candidate gives the voters twice as much time, for their disks', () => {
    const solo = follower(1);
    close(solo, 2);
    solo.timeOut();
    solo.receive(3, {
      ...{ kind: 'pre_vote_reply', term: solo.raft.term, asked: solo.raft.term, granted: true },
    });
    expect(solo.role).toBe('candidate');
    expect(untilStanding(solo)).toBeGreaterThanOrEqual(40);
    expect(untilStanding(solo)).toBeLessThanOrEqual(80);
  });
});

describe('a lease', () => {
  const leader = () => {
    const solo = new Solo({ log: [1], term: 3 }).becomeLeader();
    solo.receive(2, {
      ...{ kind: 'append_entries_reply', term: solo.raft.term, storage: 2 as never },
      match: solo.raft.log.lastIndex,
    });
    return solo;
  };
  const answer = (solo: Solo, beat: MessageOf<'heartbeat'> | undefined, from = 2) =>
    solo.receive(from, {
      ...{ kind: 'heartbeat_reply', term: solo.raft.term, round: beat?.round ?? 0 },
      ...{ clock: millis(0), match: solo.raft.log.lastIndex, storage: from as never },
    });
  const beatOf = (solo: Solo) => sent(solo.wait(50), 'heartbeat')[0];
  const isAnswered = (solo: Solo) => solo.answer(solo.read('lease')) !== undefined;

  test('rests on answers to rounds that asked for it, and on no others', () => {
    const solo = leader();
    const plain = beatOf(solo);
    expect(plain?.lease).toBe(false);
    answer(solo, plain);
    expect(isAnswered(solo)).toBe(false);
    const asking = beatOf(solo);
    expect(asking?.lease).toBe(true);
    // A late answer to the round before is no promise.
    answer(solo, plain, 3);
    expect(isAnswered(solo)).toBe(false);
    answer(solo, asking);
    expect(isAnswered(solo)).toBe(true);
  });

  test('ends with the wish for it, and a new wish needs new promises', () => {
    const solo = leader();
    solo.read('lease');
    for (let i = 0; i < 2; i++) {
      const beat = beatOf(solo);
      expect(beat?.lease).toBe(true);
      answer(solo, beat);
    }
    const last = beatOf(solo);
    expect(last?.lease).toBe(false);
    expect(isAnswered(solo)).toBe(false);
    answer(solo, last);
    const again = beatOf(solo);
    expect(again?.lease).toBe(true);
    answer(solo, again);
    expect(isAnswered(solo)).toBe(true);
  });

  test('a heartbeat that is said again says what its round said', () => {
    const solo = leader();
    const plain = beatOf(solo);
    answer(solo, plain);
    solo.slow = true;
    solo.read('lease');
    const repeated = solo.step({ kind: 'link', peer: id(3), up: true });
    for (const beat of sent(repeated, 'heartbeat')) {
      const { role } = solo.raft;
      const from = role.kind === 'leader' ? role.lease.fromRound : undefined;
      expect(beat.lease).toBe(from !== undefined && beat.round >= from);
    }
    expect(sent(repeated, 'heartbeat')).not.toHaveLength(0);
  });
});
