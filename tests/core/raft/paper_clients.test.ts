/** What the Raft paper claims of configurations (§6), snapshots (§7) and clients (§8). */

import { logIndex, millis, snapshotName, storageId, term } from '../../../kv/core/ids';
import { KeyValue } from '../../../kv/core/machine/key_value';
import { Sessions } from '../../../kv/core/machine/sessions';
import { makeEntry } from '../../../kv/core/raft/entry';
import { EntryRun } from '../../../kv/core/raft/entry_run';
import { type Configuration, encodeConfiguration } from '../../../kv/core/raft/membership';
import type { MessageOf } from '../../../kv/core/raft/messages';
import { encodeSnapshotMeta } from '../../../kv/core/raft/snapshot_meta';
import { put, RaftCluster } from '../../support/raft_cluster';
import { accepted, appendEntries, heartbeat, id, requestVote, Solo, sent } from './solo';

const configuration = (...storages: number[]): Configuration => ({
  voters: storages.map((storage, i) => ({ id: id(i + 1), storage: storageId(storage) })),
  outgoing: [],
  learners: [],
});

const storagesOf = (solo: Solo) => solo.raft.log.configuration.voters.map((each) => each.storage);

describe('§6 configurations', () => {
  const change = (index: number, inTerm: number, next: Configuration) => ({
    ...appendEntries(inTerm, [index - 1, 1]),
    entries: EntryRun.of(logIndex(index - 1), [
      makeEntry(
        'configuration',
        logIndex(index),
        term(inTerm),
        millis(0),
        encodeConfiguration(next),
      ),
    ]),
  });

  test('§6 a server uses the newest configuration in its log, committed or not', () => {
    const solo = new Solo({ log: [1, 1], term: 3 });
    solo.receive(2, change(3, 3, configuration(1, 2, 33)));
    expect(solo.raft.commit).toBe(0);
    expect(storagesOf(solo)).toEqual([1, 2, 33]);
  });

  test('§6 when the entry is truncated, the configuration before it is in force again', () => {
    const solo = new Solo({ log: [1, 1], term: 3 });
    solo.receive(2, change(3, 3, configuration(1, 2, 33)));
    solo.receive(3, appendEntries(4, [2, 1], [4]));
    expect(storagesOf(solo)).toEqual([1, 2, 3]);
  });

  test('§6 only who is a voter, with the disk it is known by, stands for election', () => {
    const unknown = new Solo({ log: [1, 1], term: 3 });
    unknown.receive(2, change(3, 3, configuration(11, 2, 3)));
    unknown.timeOut();
    unknown.wait(300);
    expect(unknown.role).toBe('follower');
    const learner = new Solo({ log: [1, 1], term: 3 });
    const { voters } = configuration(1, 2, 3);
    learner.receive(
      2,
      change(3, 3, { voters: voters.slice(1), outgoing: [], learners: voters.slice(0, 1) }),
    );
    learner.timeOut();
    learner.wait(300);
    expect(learner.role).toBe('follower');
  });

  test('§6 a voter with another disk than the one it is known by does not vote', () => {
    const solo = new Solo({ log: [1, 1], term: 3 });
    solo.wait(150);
    const [reply] = sent(
      solo.receive(2, requestVote(4, [2, 1], { voterStorage: 7 })),
      'request_vote_reply',
    );
    expect(reply).toMatchObject({ granted: false });
  });

  test('§6 the acknowledgement of a follower with another disk does not count', () => {
    const solo = new Solo({ log: [1, 1], term: 3 }).becomeLeader();
    solo.receive(3, { ...accepted(4, 3, 3), storage: storageId(33) });
    expect(solo.raft.commit).toBe(0);
    solo.receive(2, accepted(4, 3, 2));
    expect(solo.raft.commit).toBe(3);
  });

  test('§6 a new disk is bound once its member has caught up, by an entry', () => {
    const solo = new Solo({ log: [1, 1], term: 3 }).becomeLeader();
    solo.receive(2, accepted(4, 3, 2));
    solo.receive(3, { ...accepted(4, 2, 3), storage: storageId(33) });
    expect(solo.terms).toHaveLength(3);
    solo.receive(3, { ...accepted(4, 3, 3), storage: storageId(33) });
    expect(solo.terms).toHaveLength(4);
    expect(storagesOf(solo)).toEqual([1, 2, 33]);
  });
});

const NAME = snapshotName('000000000000005-000000000000002');

/** The content of a snapshot of an empty machine. */
function emptyState(): Uint8Array {
  const cursor = new Sessions(new KeyValue()).beginSnapshot();
  const parts: number[] = [];
  for (let slice = cursor.next(1000); slice !== undefined; slice = cursor.next(1000))
    parts.push(...slice);
  return Uint8Array.from(parts);
}

/** A snapshot that ends at 5@2, in slices. */
function slices(
  inTerm: number,
  size: number,
  storages = [1, 2, 3],
): MessageOf<'install_snapshot'>[] {
  const content = emptyState();
  const place = { index: logIndex(5), term: term(2) };
  const meta = encodeSnapshotMeta({
    ...place,
    time: millis(9),
    configuration: configuration(...storages),
  });
  const all: MessageOf<'install_snapshot'>[] = [];
  for (let offset = 0; offset < content.length; offset += size) {
    all.push({
      kind: 'install_snapshot',
      term: term(inTerm),
      snapshot: NAME,
      lastIndex: place.index,
      lastTerm: place.term,
      meta,
      size: content.length,
      offset,
      bytes: content.slice(offset, offset + size),
    });
  }
  return all;
}

/** Receives all slices; the file takes each at once. */
function install(
  solo: Solo,
  all: readonly MessageOf<'install_snapshot'>[],
): ReturnType<Solo['step']> {
  for (const slice of all) {
    solo.receive(2, slice);
    const through = slice.offset + slice.bytes.length;
    solo.step({ kind: 'snapshot_written', snapshot: NAME, through });
  }
  return solo.step({ kind: 'snapshot_saved', snapshot: NAME, size: all[0]?.size ?? 0 });
}

describe('§7 log compaction', () => {
  test('§7 1. a snapshot of a stale term is refused', () => {
    const solo = new Solo({ log: [1, 1], term: 3 });
    const [reply] = sent(solo.receive(2, slices(2, 1000)[0] as never), 'install_snapshot_reply');
    expect(reply).toMatchObject({ term: 3, offset: 0, match: 0 });
    expect(solo.effects.some((each) => each.kind === 'snapshot_open')).toBe(false);
  });

  test('§7 2.-5. slices are written in order, each asked for by its offset, and the next one after the last', () => {
    const solo = new Solo({ log: [1, 1], term: 3 });
    const [first, second, third] = slices(3, 10) as [
      MessageOf<'install_snapshot'>,
      MessageOf<'install_snapshot'>,
      MessageOf<'install_snapshot'>,
    ];
    // The second one first: the answer says that it begins at 0.
    expect(sent(solo.receive(2, second), 'install_snapshot_reply')).toMatchObject([{ offset: 0 }]);
    expect(solo.receive(2, first)).toEqual([]);
    expect(
      sent(
        solo.step({ kind: 'snapshot_written', snapshot: NAME, through: 10 }),
        'install_snapshot_reply',
      ),
    ).toMatchObject([{ offset: 10 }]);
    expect(sent(solo.receive(2, third), 'install_snapshot_reply')).toMatchObject([{ offset: 10 }]);
    // A repeated slice is not written twice.
    expect(sent(solo.receive(2, first), 'install_snapshot_reply')).toMatchObject([{ offset: 10 }]);
    expect(solo.effects.filter((each) => each.kind === 'snapshot_append')).toHaveLength(1);
  });

  test.each([10, 37, 100_000])(
    '§7 6. a log that holds its last entry keeps what follows (slices of %d)',
    (size) => {
      const solo = new Solo({ log: [1, 1, 2, 2, 2, 2, 3], term: 3 });
      const replies = install(solo, slices(3, size));
      expect(sent(replies, 'install_snapshot_reply')).toMatchObject([{ match: 5 }]);
      expect([solo.raft.log.baseIndex, ...solo.terms]).toEqual([5, 2, 3]);
      expect([solo.raft.commit, solo.raft.applied]).toEqual([5, 5]);
    },
  );

  test('§7 7. and 8. else the whole log is discarded; state and configuration are the snapshot’s', () => {
    for (const log of [
      [1, 1],
      [1, 1, 1, 1, 1, 1, 1],
    ]) {
      const solo = new Solo({ log, term: 3 });
      install(solo, slices(3, 20, [1, 2, 77]));
      expect([solo.raft.log.baseIndex, solo.raft.log.baseTerm, ...solo.terms]).toEqual([5, 2]);
      expect([solo.raft.commit, solo.raft.applied]).toEqual([5, 5]);
      expect(storagesOf(solo)).toEqual([1, 2, 77]);
    }
  });

  test('§7 a snapshot that holds nothing new is not installed', () => {
    const solo = new Solo({ log: [1, 1, 2, 2, 2, 2], term: 3 }).follow(2);
    solo.receive(2, appendEntries(3, [6, 2], [], 6));
    expect(solo.raft.commit).toBe(6);
    const [reply] = sent(solo.receive(2, slices(3, 1000)[0] as never), 'install_snapshot_reply');
    expect(reply).toMatchObject({ match: 6 });
    expect(solo.effects.some((each) => each.kind === 'snapshot_open')).toBe(false);
  });

  test('§7 a snapshot that entries overtake while it is made durable is not taken once more', () => {
    const solo = new Solo({ log: [1, 1, 2, 2, 2], term: 3, options: { snapshotLogBytes: 100 } });
    solo.follow(2);
    solo.receive(2, slices(3, 100_000)[0] as never);
    solo.receive(2, appendEntries(3, [5, 2], [], 5));
    expect(solo.raft.applied).toBe(5);
    expect(solo.raft.installing?.loaded).toBeDefined();
    const size = slices(3, 100_000)[0]?.size ?? 0;
    solo.step({ kind: 'snapshot_saved', snapshot: NAME, size });
    expect(solo.raft.snapshot?.name).toBe(NAME);
    expect(solo.effects.filter((each) => each.kind === 'snapshot_open')).toHaveLength(1);
    // What comes after it counts again.
    solo.receive(2, appendEntries(3, [5, 2], [3, 3], 7));
    expect(solo.effects.filter((each) => each.kind === 'snapshot_open')).toHaveLength(2);
  });

  test('§7 entries behind the base are taken for matching', () => {
    const solo = new Solo({ log: [1, 1], term: 3 });
    install(solo, slices(3, 1000));
    const [reply] = sent(
      solo.receive(2, appendEntries(3, [3, 1], [2, 2, 3], 6)),
      'append_entries_reply',
    );
    expect(reply).toMatchObject({ match: 6 });
    expect([solo.raft.commit, ...solo.terms]).toEqual([6, 3]);
  });

  test('§7 each server snapshots on its own, and a leader sends one to who is too far behind', () => {
    const cluster = new RaftCluster({
      nodes: 3,
      options: { snapshotLogBytes: 500, snapshotSliceBytes: 50 },
    });
    cluster.elect('n1');
    cluster.stabilize();
    cluster.crash('n3');
    for (let i = 0; i < 30; i++) cluster.propose('n1', put(`key ${i}`, String(i)));
    cluster.run(100);
    for (const node of ['n1', 'n2'])
      expect(cluster.node(node).status().snapshotIndex).toBeGreaterThan(10);
    cluster.restart('n3');
    cluster.run(2000);
    expect(cluster.node('n3').status().snapshotIndex).toBeGreaterThan(10);
    for (let i = 0; i < 30; i++) expect(cluster.peek('n3', `key ${i}`)).toBe(String(i));
    cluster.checkCluster();
  });
});

describe('§8 client interaction', () => {
  const quorumAnswers = (
    solo: Solo,
    from: readonly ReturnType<Solo['step']>[number][],
    voter: number,
  ) => {
    for (const { round, term: inTerm } of sent(from, 'heartbeat')) {
      solo.receive(voter, {
        kind: 'heartbeat_reply',
        term: inTerm,
        round,
        clock: millis(1),
        match: logIndex(0),
        storage: storageId(voter),
      });
    }
  };

  test('§8 a new leader commits a no-op at the start of its term', () => {
    const solo = new Solo({ log: [1, 1], term: 3 }).becomeLeader();
    expect(solo.terms).toEqual([1, 1, 4]);
    expect(solo.raft.log.entryAt(3).kind).toBe('noop');
  });

  test('§8 a read waits until the no-op is committed', () => {
    const solo = new Solo({ log: [1, 1], term: 3 }).becomeLeader();
    const read = solo.read();
    quorumAnswers(
      solo,
      solo.effects.filter((each) => each.kind === 'send'),
      2,
    );
    expect(solo.answer(read)).toBeUndefined();
    const from = solo.effects.length;
    solo.receive(2, accepted(4, 3, 2));
    expect(solo.answer(read)).toBeUndefined();
    quorumAnswers(
      solo,
      solo.effects.slice(from).filter((each) => each.kind === 'send'),
      2,
    );
    expect(solo.answer(read)).toMatchObject({ kind: 'answer', served: { index: 3 } });
  });

  test('§8 a leader answers a read only after a majority has answered a heartbeat sent after it', () => {
    const solo = new Solo({ log: [1, 1], term: 3 }).becomeLeader();
    solo.receive(2, accepted(4, 3, 2));
    const early = sent(solo.wait(50), 'heartbeat')[0]?.round ?? -1;
    const from = solo.effects.length;
    const read = solo.read();
    const answer = (round: number) =>
      solo.receive(2, {
        kind: 'heartbeat_reply',
        term: term(4),
        round,
        clock: millis(1),
        match: logIndex(3),
        storage: storageId(2),
      });
    answer(early);
    expect(solo.answer(read)).toBeUndefined();
    quorumAnswers(
      solo,
      solo.effects.slice(from).filter((each) => each.kind === 'send'),
      2,
    );
    expect(solo.answer(read)).toMatchObject({ kind: 'answer' });
  });

  test('§8 an answer to a heartbeat of a former term confirms no round of this one', () => {
    // Node 2 is asked by a leader of term 3 after it has come to term 4, which node 1 leads too.
    const follower = new Solo({ log: [1, 1], term: 4 });
    const [late] = sent(follower.receive(2, heartbeat(3, 0, 269)), 'heartbeat_reply');
    expect(late).toMatchObject({ term: 4, round: 0 });
    // And a leader believes no answer to a round that it has not begun.
    const solo = new Solo({ log: [1, 1], term: 3 }).becomeLeader();
    const before = solo.raft.role.kind === 'leader' ? solo.raft.role.quorumRound : -1;
    solo.receive(2, {
      ...(late as MessageOf<'heartbeat_reply'>),
      round: 269,
      storage: storageId(2),
    });
    expect(solo.raft.role).toMatchObject({ kind: 'leader', quorumRound: before });
  });

  test('a restarted node takes no echo of its former life for a moment of this one', () => {
    const shownBy = (seed: number) => {
      const solo = new Solo({ log: [1, 1], term: 3, options: { seed } });
      const [reply] = sent(solo.receive(2, heartbeat(3)), 'heartbeat_reply');
      return { solo, clock: reply?.clock ?? millis(-1) };
    };
    const age = ({ solo }: ReturnType<typeof shownBy>) => solo.raft.freshness.age(millis(solo.now));
    const [former, now] = [shownBy(1), shownBy(2)];
    now.solo.receive(2, { ...heartbeat(3), echo: former.clock });
    expect(age(now)).toBe(Number.POSITIVE_INFINITY);
    now.solo.receive(2, { ...heartbeat(3), echo: now.clock });
    expect(age(now)).toBe(0);
  });

  test('§8 a deposed leader does not answer a read', () => {
    const solo = new Solo({ log: [1, 1], term: 3 }).becomeLeader();
    solo.receive(2, accepted(4, 3, 2));
    const read = solo.read();
    solo.receive(3, heartbeat(5));
    solo.receive(2, {
      kind: 'heartbeat_reply',
      term: term(4),
      round: 99,
      clock: millis(1),
      match: logIndex(3),
      storage: storageId(2),
    });
    expect(solo.answer(read)).toBeUndefined();
  });

  test('§8 a command that is repeated with its serial number is executed once', () => {
    const cluster = new RaftCluster({ nodes: 3 });
    cluster.elect('n1');
    cluster.stabilize();
    const command = { kind: 'append', key: 'list', value: Uint8Array.of(0x31) } as const;
    for (const node of ['n1', 'n2', 'n3', 'n1']) {
      const request = cluster.propose(node, command, { idempotencyKey: 'once' });
      cluster.stabilize();
      expect(cluster.reply(request)).toMatchObject({ kind: 'written' });
    }
    expect(cluster.peek('n2', 'list')).toBe('[1]');
  });

  test('§8 any server takes a request and hands it to the leader', () => {
    const cluster = new RaftCluster({ nodes: 3 });
    cluster.elect('n2');
    cluster.stabilize();
    for (const node of cluster.ids) {
      const write = cluster.propose(node, put('k', `"${node}"`));
      cluster.stabilize();
      expect(cluster.reply(write)).toMatchObject({ kind: 'written', served: { leader: 'n2' } });
      const read = cluster.read(node, 'k');
      cluster.stabilize();
      expect(cluster.reply(read)).toMatchObject({ kind: 'answer', answer: `"${node}"` });
    }
  });
});
