/** What the Raft paper claims of log replication and commitment: §5.3, §5.4.2, §5.5. */

import { append, put, RaftCluster } from '../../support/raft_cluster';
import { accepted, appendEntries, heartbeat, Solo, sent } from './solo';

const follower = (log: readonly number[] = [1, 1], term = 3) => new Solo({ log, term });

describe('§5.3 log replication', () => {
  test('§5.3 a leader appends a command to its log and sends it to all others, behind its base', () => {
    const solo = follower().becomeLeader();
    solo.receive(2, accepted(4, 3, 2));
    solo.receive(3, accepted(4, 3, 3));
    const from = solo.effects.length;
    solo.write();
    const messages = solo.effects.slice(from).filter((each) => each.kind === 'send');
    expect(messages.map((each) => each.to)).toEqual(['n2', 'n3']);
    for (const message of sent(messages, 'append_entries')) {
      expect(message).toMatchObject({ baseIndex: 3, baseTerm: 4, commit: 3 });
      expect([...message.entries].map((entry) => [entry.index, entry.term])).toEqual([[4, 4]]);
    }
  });

  test.each([
    [3, [2]],
    [5, [2, 3]],
    [7, [2, 5, 7]],
  ])('§5.3 of %d servers, an entry is committed once it is on a majority', (nodes, besides) => {
    const solo = new Solo({ nodes, log: [1, 1], term: 3 }).becomeLeader();
    besides.forEach((voter, i) => {
      expect(solo.raft.commit).toBe(0);
      solo.receive(voter, accepted(4, 3, voter));
      if (i < besides.length - 1) expect(solo.raft.commit).toBe(0);
    });
    expect(solo.raft.commit).toBe(3);
    expect(solo.raft.applied).toBe(3);
  });

  test('§5.3 a follower that acknowledges twice counts once', () => {
    const solo = new Solo({ nodes: 5, log: [1, 1], term: 3 }).becomeLeader();
    for (let i = 0; i < 5; i++) solo.receive(2, accepted(4, 3, 2));
    expect(solo.raft.commit).toBe(0);
  });

  test('§5.3 a leader counts itself only with what its own disk has', () => {
    const solo = follower().becomeLeader();
    solo.receive(2, accepted(4, 3, 2));
    solo.slow = true;
    const request = solo.write();
    solo.receive(2, accepted(4, 4, 2));
    expect(solo.raft.commit).toBe(3);
    expect(solo.answer(request)).toBeUndefined();
    solo.persist();
    expect(solo.raft.commit).toBe(4);
    expect(solo.answer(request)).toMatchObject({ kind: 'written', served: { index: 4, term: 4 } });
  });

  test('§5.3 but two others are a majority without its disk', () => {
    const solo = follower().becomeLeader();
    solo.receive(2, accepted(4, 3, 2));
    solo.slow = true;
    solo.write();
    solo.receive(2, accepted(4, 4, 2));
    solo.receive(3, accepted(4, 4, 3));
    expect(solo.raft.commit).toBe(4);
  });

  test('§5.3 a client is answered after commit and apply, never before', () => {
    const solo = follower().becomeLeader();
    const request = solo.write('"v"');
    expect(solo.answer(request)).toBeUndefined();
    solo.receive(2, accepted(4, 4, 2));
    expect(solo.answer(request)).toMatchObject({ kind: 'written' });
  });

  test('§5.3 the commit index travels in AppendEntries and heartbeats', () => {
    const solo = follower().follow(2);
    solo.receive(2, appendEntries(3, [2, 1], [3], 2));
    expect(solo.raft.commit).toBe(2);
    solo.receive(2, heartbeat(3, 3));
    expect(solo.raft.commit).toBe(3);
  });

  test('§5.3 a follower acknowledges what is durable, when it is', () => {
    const solo = follower().follow(2);
    solo.slow = true;
    expect(
      sent(solo.receive(2, appendEntries(3, [2, 1], [3, 3])), 'append_entries_reply').map(
        (each) => each.match,
      ),
    ).not.toContain(4);
    expect(sent(solo.persist(), 'append_entries_reply')).toMatchObject([
      { match: 4, term: 3, storage: 1 },
    ]);
  });

  test('§5.3 consistency check: entries are refused where the one before them does not match', () => {
    for (const [base, hint] of [
      [[5, 3], { hintIndex: 2, hintTerm: 1 }],
      [[2, 2], { hintIndex: 2, hintTerm: 1 }],
    ] as const) {
      const solo = follower();
      const [reject] = sent(solo.receive(2, appendEntries(3, base, [3])), 'append_entries_reject');
      expect(reject).toMatchObject({ baseIndex: base[0], ...hint });
      expect(solo.terms).toEqual([1, 1]);
      expect(solo.raft.commit).toBe(0);
    }
  });

  test('§5.3 Figure 7: the leader brings each follower in line with its own log', () => {
    const leaderLog = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
    const figure7: Record<string, number[]> = {
      a: [1, 1, 1, 4, 4, 5, 5, 6, 6],
      b: [1, 1, 1, 4],
      c: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
      d: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
      e: [1, 1, 1, 4, 4, 4, 4],
      f: [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
    };
    for (const [name, log] of Object.entries(figure7)) {
      const solo = new Solo({ log, term: 7 });
      const leader = new Solo({ log: leaderLog, term: 7 }).becomeLeader();
      expect(leader.raft.term).toBe(8);
      // The two talk until nothing is said any more; n1 plays both.
      let toFollower = leader
        .wait(50)
        .filter((each) => each.to === 'n2')
        .map((each) => each.message);
      const first = leader.effects.filter((each) => each.kind === 'send' && each.to === 'n2');
      toFollower = [...sent(first as never, 'append_entries'), ...toFollower];
      for (let i = 0; i < 20 && toFollower.length > 0; i++) {
        const replies = solo.receive(2, ...toFollower).map((each) => each.message);
        // The follower answers as n1 with disk 1; to this leader it is n2 with disk 2.
        const asN2 = replies.map((each) =>
          'storage' in each ? { ...each, storage: 2 as never } : each,
        );
        toFollower = leader
          .receive(2, ...asN2)
          .filter((each) => each.to === 'n2')
          .map((each) => each.message);
      }
      expect([name, ...solo.terms]).toEqual([name, ...leaderLog, 8]);
    }
  });

  test('§5.3 if entries conflict, the existing one and all behind it are deleted', () => {
    const solo = new Solo({ log: [1, 1, 2, 2, 2], term: 3 });
    solo.receive(2, appendEntries(3, [2, 1], [3]));
    expect(solo.terms).toEqual([1, 1, 3]);
  });

  test.each([
    ['a repeated message', [2, 1], [3, 3]],
    ['an older, shorter one', [2, 1], [3]],
    ['one without entries', [2, 1], []],
    ['one further back', [1, 1], [1, 3]],
  ] as [string, [number, number], number[]][])('§5.3 %s deletes nothing', (_what, base, terms) => {
    const solo = follower();
    solo.receive(2, appendEntries(3, [2, 1], [3, 3, 3]));
    solo.receive(2, appendEntries(3, base, terms));
    expect(solo.terms).toEqual([1, 1, 3, 3, 3]);
  });

  test('§5.3 and Figure 2: the commit index is at most the last entry that the message verified', () => {
    // 3@2 is of a former leader; the present one does not have it, and vouches for 2@1 only.
    const solo = new Solo({ log: [1, 1, 2], term: 3 });
    solo.receive(2, appendEntries(3, [2, 1], [], 3));
    expect(solo.raft.commit).toBe(2);
    solo.receive(2, heartbeat(3, 3));
    expect(solo.raft.commit).toBe(2);
    solo.receive(2, appendEntries(3, [2, 1], [3], 3));
    expect([solo.raft.commit, ...solo.terms]).toEqual([3, 1, 1, 3]);
  });

  test('§5.3 a leader never overwrites or deletes entries of its own log', () => {
    const solo = new Solo({ log: [1, 1, 2], term: 3 }).becomeLeader();
    solo.receive(2, {
      kind: 'append_entries_reject',
      term: 4 as never,
      baseIndex: 3 as never,
      hintIndex: 1 as never,
      hintTerm: 1 as never,
      storage: 2 as never,
    });
    solo.receive(3, accepted(4, 4, 3));
    expect(solo.terms).toEqual([1, 1, 2, 4]);
  });

  test('§5.3 a committed entry is never replaced: a message that would is a broken invariant', () => {
    const solo = follower().follow(2);
    solo.receive(2, appendEntries(3, [2, 1], [3], 3));
    expect(solo.raft.commit).toBe(3);
    expect(() => solo.receive(3, appendEntries(4, [2, 1], [4]))).toThrow(
      'a committed entry is never replaced',
    );
  });

  test('§5.3 the refused follower is probed further back, and streamed to once it matches', () => {
    const solo = new Solo({ log: [1, 1, 2, 2], term: 3 }).becomeLeader();
    const [probe] = sent(
      solo.receive(2, {
        kind: 'append_entries_reject',
        term: 4 as never,
        baseIndex: 4 as never,
        hintIndex: 2 as never,
        hintTerm: 1 as never,
        storage: 2 as never,
      }),
      'append_entries',
    );
    expect(probe).toMatchObject({ baseIndex: 2, baseTerm: 1 });
    expect([...(probe?.entries ?? [])].map((entry) => entry.index)).toEqual([3, 4, 5]);
    // The same refusal again is old news.
    expect(
      solo.receive(2, {
        kind: 'append_entries_reject',
        term: 4 as never,
        baseIndex: 4 as never,
        hintIndex: 1 as never,
        hintTerm: 1 as never,
        storage: 2 as never,
      }),
    ).toEqual([]);
  });

  test('§5.3 acknowledgements of an earlier term do not count', () => {
    const solo = follower().becomeLeader();
    solo.receive(2, accepted(3, 3, 2));
    expect(solo.raft.commit).toBe(0);
    solo.receive(2, accepted(4, 3, 2));
    expect(solo.raft.commit).toBe(3);
  });
});

test('what carries values goes by the bulk lane, and nothing else does', () => {
  const lanes = (solo: Solo) =>
    solo.effects.flatMap((each) => (each.kind === 'send' ? [[each.message.kind, each.lane]] : []));
  const leader = follower().becomeLeader();
  leader.wait(50);
  const forwarding = follower().follow(2);
  forwarding.write('1', 'key');
  forwarding.read();
  const all = [...lanes(leader), ...lanes(forwarding)];
  for (const [kind, lane] of all) {
    const bulk = ['append_entries', 'forward'].includes(kind as string);
    expect([kind, lane]).toEqual([kind, bulk ? 'bulk' : 'control']);
  }
  expect(new Set(all.map(([kind]) => kind)).size).toBeGreaterThanOrEqual(7);
});

describe('§5.4.2 committing entries of previous terms', () => {
  test('§5.4.2 Figure 8: an old entry on a majority is not committed by counting', () => {
    const solo = new Solo({ nodes: 5, log: [1, 2], term: 3 }).becomeLeader();
    solo.receive(2, accepted(4, 2, 2));
    solo.receive(3, accepted(4, 2, 3));
    solo.receive(4, accepted(4, 2, 4));
    expect(solo.raft.commit).toBe(0);
    solo.receive(2, accepted(4, 3, 2));
    expect(solo.raft.commit).toBe(0);
    solo.receive(3, accepted(4, 3, 3));
    expect(solo.raft.commit).toBe(3);
  });

  test('§5.4.2 and §5.4.3: what is committed survives any change of leader', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const cluster = new RaftCluster({ nodes: 3, seed });
      const written: string[] = [];
      for (let round = 0; round < 6; round++) {
        const next = cluster.ids[(round + seed) % 3] as string;
        const old = cluster.leaders[0];
        // The last leader has appended something that nobody heard of.
        if (old !== undefined && old !== next) {
          cluster.propose(old, put('lost', String(round)));
          cluster.drop();
        }
        cluster.elect(next);
        cluster.stabilize();
        cluster.run(300);
        const id = cluster.propose(cluster.leaders[0] as string, append('list', String(round)));
        cluster.stabilize();
        if (cluster.reply(id)?.kind === 'written') written.push(String(round));
        cluster.checkCluster();
      }
      expect(written.length).toBeGreaterThanOrEqual(5);
      expect(cluster.peek(cluster.leaders[0] as string, 'list')).toBe(`[${written.join(',')}]`);
    }
  });
});

describe('§5.5 follower and candidate crashes', () => {
  test('§5.5 requests are repeated until the server is back, and repetition harms nobody', () => {
    const cluster = new RaftCluster({ nodes: 3 });
    cluster.elect('n1');
    cluster.stabilize();
    cluster.crash('n3');
    const id = cluster.propose('n1', append('list', '1'));
    cluster.run(500);
    expect(cluster.reply(id)).toMatchObject({ kind: 'written' });
    cluster.restart('n3');
    cluster.duplicate();
    cluster.run(500);
    for (const node of cluster.ids) expect(cluster.peek(node, 'list')).toBe('[1]');
    cluster.checkCluster();
  });
});
