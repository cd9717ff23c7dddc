/** What the Raft paper claims of terms and elections, section by section. */

import { RaftCluster } from '../../support/raft_cluster';
import { accepted, appendEntries, heartbeat, preVote, requestVote, Solo, sent } from './solo';

const follower = () => new Solo({ log: [1, 1], term: 3 });
const granted = (solo: Solo, from: number, ask: ReturnType<typeof requestVote>) =>
  sent(solo.receive(from, ask), 'request_vote_reply')[0]?.granted;

/** Time after which a node does not protect a leader that it may have heard. */
const FORGET = 150;

describe('§5.1 terms', () => {
  test('§5.1 a server that sees a higher term takes it over and becomes follower', () => {
    for (const make of ['follower', 'pre_candidate', 'candidate', 'leader'] as const) {
      const solo = follower();
      if (make === 'pre_candidate') solo.becomePreCandidate();
      if (make === 'candidate') solo.becomeCandidate();
      if (make === 'leader') solo.becomeLeader();
      expect(solo.role).toBe(make);
      solo.receive(2, heartbeat(9));
      expect([solo.role, solo.raft.term]).toEqual(['follower', 9]);
    }
  });

  test('§5.1 a reply with a higher term deposes too', () => {
    const solo = follower().becomeLeader();
    solo.receive(2, accepted(9, 0, 2));
    expect([solo.role, solo.raft.term]).toEqual(['follower', 9]);
  });

  test('§5.1 a server rejects a request with a stale term, and tells its own', () => {
    const solo = follower();
    expect(
      sent(solo.receive(2, appendEntries(2, [2, 1], [2])), 'append_entries_reject'),
    ).toMatchObject([{ term: 3 }]);
    expect(sent(solo.receive(2, heartbeat(2)), 'heartbeat_reply')).toMatchObject([{ term: 3 }]);
    expect(sent(solo.receive(2, requestVote(2, [9, 2])), 'request_vote_reply')).toMatchObject([
      { term: 3, granted: false },
    ]);
    expect(sent(solo.receive(2, preVote(2, [9, 2])), 'pre_vote_reply')).toMatchObject([
      { term: 3, granted: false },
    ]);
    expect(solo.terms).toEqual([1, 1]);
  });

  test('§5.1 the current term is durable before anything is said in it', () => {
    const solo = follower();
    solo.wait(FORGET);
    solo.slow = true;
    expect(solo.receive(2, requestVote(4, [2, 1]))).toEqual([]);
    expect(solo.receive(3, preVote(4, [2, 1]))).toEqual([]);
    const late = solo.persist();
    expect(sent(late, 'request_vote_reply')).toMatchObject([{ term: 4, granted: true }]);
    expect(sent(late, 'pre_vote_reply')).toHaveLength(1);
  });

  test('§5.1 so much waits for a stalled disk and no more: the oldest messages are dropped', () => {
    const solo = follower();
    solo.slow = true;
    const rounds = Array.from({ length: 3000 }, (_, i) => i + 1);
    for (const round of rounds) expect(solo.receive(2, heartbeat(9, 0, round))).toEqual([]);
    const late = solo.persist();
    expect(late).toHaveLength(1024);
    const answered = sent(late, 'heartbeat_reply').map((reply) => reply.round);
    expect(answered.length).toBeGreaterThan(1000);
    expect(answered).toEqual(rounds.slice(-answered.length));
  });
});

describe('§5.2 leader election', () => {
  test('§5.2 servers start as followers', () => {
    expect(new Solo().role).toBe('follower');
    expect(follower().role).toBe('follower');
  });

  test('§5.2 a follower that hears a leader stays a follower', () => {
    const solo = follower().follow(2);
    for (let i = 0; i < 20; i++) {
      solo.wait(100);
      solo.receive(2, heartbeat(3, 0, i));
      expect(solo.role).toBe('follower');
    }
    expect(solo.raft.term).toBe(3);
  });

  test('§5.2 a leader sends heartbeats to all, at its interval', () => {
    const solo = follower().becomeLeader();
    for (let i = 0; i < 4; i++) {
      const beats = solo.wait(50).filter((each) => each.message.kind === 'heartbeat');
      expect(beats.map((each) => each.to)).toEqual(['n2', 'n3']);
      for (const { message } of beats) {
        const { round } = message as ReturnType<typeof heartbeat>;
        for (const voter of [2, 3]) {
          solo.receive(voter, {
            kind: 'heartbeat_reply',
            term: solo.raft.term,
            round,
            clock: solo.raft.now,
            match: 0 as never,
            storage: voter as never,
          });
        }
      }
    }
    expect(solo.role).toBe('leader');
  });

  test('§5.2 without a leader it asks all others, then raises its term, votes for itself and asks for votes', () => {
    const solo = follower();
    const questions = solo.timeOut();
    expect(questions.map((each) => [each.to, each.message.kind])).toEqual([
      ['n2', 'pre_vote'],
      ['n3', 'pre_vote'],
    ]);
    expect(solo.raft.term).toBe(3);
    const term3 = solo.raft.term;
    const requests = solo.receive(2, {
      kind: 'pre_vote_reply',
      term: term3,
      asked: term3,
      granted: true,
    });
    expect(sent(requests, 'request_vote')).toMatchObject([
      { term: 4, lastIndex: 2, lastTerm: 1 },
      { term: 4, lastIndex: 2, lastTerm: 1 },
    ]);
    expect([solo.role, solo.raft.term, solo.raft.votedFor]).toEqual(['candidate', 4, 'n1']);
  });

  test.each([
    [3, 1, 0, 'leader'],
    [3, 0, 1, 'candidate'],
    [3, 0, 2, 'follower'],
    [5, 1, 0, 'candidate'],
    [5, 2, 0, 'leader'],
    [5, 2, 2, 'leader'],
    [5, 1, 2, 'candidate'],
    [5, 1, 3, 'follower'],
    [7, 2, 3, 'candidate'],
    [7, 3, 0, 'leader'],
    [7, 0, 4, 'follower'],
  ])(
    '§5.2 of %d servers, %d votes besides its own and %d refusals make a %s',
    (nodes, yes, no, role) => {
      const solo = new Solo({ nodes, log: [1], term: 3 }).becomeCandidate();
      for (let i = 0; i < no; i++) solo.receive(2 + i, solo.vote(2 + i, false));
      for (let i = 0; i < yes && solo.role === 'candidate'; i++) {
        const voter = nodes - i;
        // Its own vote comes first, and each vote counts once.
        solo.receive(voter, solo.vote(voter));
        if (solo.role === 'candidate') solo.receive(voter, solo.vote(voter));
      }
      expect(solo.role).toBe(role);
    },
  );

  test('§5.2 its own vote counts only once it is durable', () => {
    const solo = follower();
    solo.timeOut();
    solo.slow = true;
    const { term } = solo.raft;
    expect(solo.receive(2, { kind: 'pre_vote_reply', term, asked: term, granted: true })).toEqual(
      [],
    );
    solo.receive(2, solo.vote(2));
    expect(solo.role).toBe('candidate');
    solo.persist();
    expect(solo.role).toBe('leader');
  });

  test('§5.2 votes are first come, first served, one for each term, also after a restart', () => {
    const solo = follower();
    solo.wait(FORGET);
    expect(granted(solo, 2, requestVote(4, [2, 1]))).toBe(true);
    expect(granted(solo, 3, requestVote(4, [9, 3]))).toBe(false);
    expect(granted(solo, 2, requestVote(4, [2, 1]))).toBe(true);
    const again = new Solo({ log: [1, 1], term: 4, votedFor: 'n2' });
    again.wait(FORGET);
    expect(granted(again, 3, requestVote(4, [9, 3]))).toBe(false);
    expect(granted(again, 2, requestVote(4, [2, 1]))).toBe(true);
    expect(granted(again, 3, requestVote(5, [9, 3]))).toBe(true);
  });

  test('§5.2 a candidate or leader has voted for itself', () => {
    for (const solo of [follower().becomeCandidate(), follower().becomeLeader()]) {
      expect(granted(solo, 2, requestVote(4, [9, 3]))).toBe(false);
    }
  });

  test('§5.2 a candidate that hears the leader of its term follows it', () => {
    for (const message of [heartbeat(4), appendEntries(4, [2, 1])]) {
      const solo = follower().becomeCandidate();
      solo.receive(2, message);
      expect([solo.role, solo.raft.term]).toEqual(['follower', 4]);
    }
  });

  test('§5.2 a candidate is not impressed by the leader of an older term', () => {
    const solo = follower().becomeCandidate();
    solo.receive(2, heartbeat(3));
    solo.receive(2, appendEntries(3, [2, 1]));
    expect([solo.role, solo.raft.term]).toEqual(['candidate', 4]);
  });

  test('§5.2 a candidate whose election comes to nothing begins another', () => {
    const solo = follower().becomeCandidate();
    solo.timeOut();
    solo.timeOut();
    expect(solo.role).toBe('pre_candidate');
    expect(solo.raft.term).toBe(4);
  });

  test('§5.2 election timeouts are random, within their range', () => {
    const waits = new Set<number>();
    for (let seed = 1; seed <= 200; seed++) {
      const { role, now } = new Solo({ log: [1], options: { seed } }).raft;
      if (role.kind !== 'leader') waits.add(role.electionDeadline - now);
    }
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(150);
    expect(Math.max(...waits)).toBeLessThanOrEqual(300);
    expect(waits.size).toBeGreaterThan(60);
  });

  test('§5.2 only granting a vote or hearing a leader restarts the timeout', () => {
    const deadline = (solo: Solo) =>
      (solo.raft.role as { electionDeadline: number }).electionDeadline;
    const solo = follower();
    solo.wait(FORGET);
    const before = deadline(solo);
    solo.receive(2, requestVote(4, [1, 1]));
    solo.receive(2, preVote(4, [2, 1]));
    solo.receive(2, heartbeat(3));
    expect(deadline(solo)).toBe(before);
    solo.now += 100;
    solo.receive(2, requestVote(4, [2, 1]));
    expect(deadline(solo)).toBeGreaterThanOrEqual(solo.now + 150);
  });

  test('§5.2 at most one leader for each term, whoever stands together', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const cluster = new RaftCluster({ nodes: 5, seed });
      const leaders = new Map<number, string>();
      for (let i = 0; i < 60; i++) {
        cluster.advance(40);
        cluster.deliver(
          (each) => (each.from.charCodeAt(1) + each.to.charCodeAt(1) + i + seed) % 3 > 0,
        );
        for (const id of cluster.leaders) {
          const { term } = cluster.node(id).inspect;
          expect(leaders.get(term) ?? id).toBe(id);
          leaders.set(term, id);
        }
      }
    }
  });
});

describe('§5.4.1 election restriction', () => {
  test.each([
    [[1], [1, 1], true],
    [[1], [2, 1], true],
    [[1, 1], [1, 1], false],
    [[1, 2], [2, 2], true],
    [[1, 2], [3, 1], false],
    [[1, 1, 1], [1, 2], true],
    [[1, 1, 3], [9, 2], false],
  ] as [number[], [number, number], boolean][])(
    '§5.4.1 a voter with the log %j and a candidate whose log ends at %j: %s',
    (log, last, vote) => {
      const solo = new Solo({ log, term: 3 });
      solo.wait(FORGET);
      expect(granted(solo, 2, requestVote(4, last))).toBe(vote);
      const other = new Solo({ log, term: 3 });
      other.wait(FORGET);
      const reply = sent(other.receive(2, preVote(4, last)), 'pre_vote_reply')[0];
      expect(reply?.granted).toBe(vote);
    },
  );
});

describe('§6 (end) and dissertation §9.6: who hears a leader helps nobody to replace it', () => {
  test('a vote or pre-vote is refused while a leader is heard, and its term ignored', () => {
    const solo = follower().follow(3);
    solo.wait(FORGET - 1);
    expect(solo.receive(2, requestVote(9, [9, 8]))).toEqual([]);
    expect(sent(solo.receive(2, preVote(9, [9, 8])), 'pre_vote_reply')).toMatchObject([
      { granted: false },
    ]);
    expect(solo.raft.term).toBe(3);
  });

  test('but not when the leader itself asks for the election', () => {
    const solo = follower().follow(3);
    expect(granted(solo, 2, requestVote(4, [2, 1], { transfer: true }))).toBe(true);
  });

  test('a pre-vote changes nothing at the voter', () => {
    const solo = follower();
    solo.wait(FORGET);
    const before = JSON.stringify([
      solo.raft.term,
      solo.raft.votedFor,
      solo.raft.role,
      solo.raft.contact,
    ]);
    expect(sent(solo.receive(2, preVote(3, [2, 1])), 'pre_vote_reply')).toMatchObject([
      { granted: true },
    ]);
    expect(sent(solo.receive(3, preVote(7, [2, 1])), 'pre_vote_reply')).toMatchObject([
      { granted: true },
    ]);
    expect(
      JSON.stringify([solo.raft.term, solo.raft.votedFor, solo.raft.role, solo.raft.contact]),
    ).toBe(before);
  });

  test('an isolated node does not raise its term', () => {
    const solo = follower();
    for (let i = 0; i < 20; i++) solo.wait(310);
    expect(solo.raft.term).toBe(3);
  });
});
