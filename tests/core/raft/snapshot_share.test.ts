/**
 * When a snapshot is due: how much log lies between two of them, counted in entries of one size and
 * compared with what the options say in one line of arithmetic.
 */

import { logIndex, millis, snapshotName, term } from '../../../kv/core/ids';
import type { RaftOptions } from '../../../kv/core/raft/options';
import { encodeSnapshotMeta } from '../../../kv/core/raft/snapshot_meta';
import type { RaftState } from '../../../kv/core/raft/state';
import { type InFlight, put, RaftCluster } from '../../support/raft_cluster';
import { appendEntries, Solo } from './solo';

type Shares = Partial<
  Pick<RaftOptions, 'snapshotLogBytes' | 'snapshotLogPercent' | 'snapshotSpreadPercent'>
>;

const FIXED = 3000;
const SLICES = { snapshotSliceBytes: 1024 * 1024, maxBytesPerMessage: 64 * 1024 };

function leaderOf(world: World) {
  const { role } = world.inspect();
  if (role.kind !== 'leader') throw new Error('n1 does not lead any more');
  return role;
}

/** A leader whose entries all have one size, and whose state has a given number of keys. */
class World {
  readonly cluster: RaftCluster;
  readonly entryBytes: number;
  private written = 0;

  constructor(
    private readonly keys: number,
    shares: Shares,
    { nodes = 1, seed = 1 } = {},
  ) {
    const options = { ...SLICES, snapshotLogBytes: FIXED, ...shares };
    this.cluster = new RaftCluster({ nodes, seed, options });
    this.cluster.elect('n1');
    this.cluster.stabilize();
    this.write();
    const { log } = this.inspect();
    this.entryBytes = log.sizeAt(log.lastIndex);
  }

  inspect(node = 'n1'): Readonly<RaftState> {
    return this.cluster.node(node).inspect;
  }

  /** Overwrites the next key; every number has as many digits as every other. */
  write(): void {
    const n = 10_000 + (this.written++ % this.keys);
    this.cluster.propose('n1', put(`k${n}`, `"${'v'.repeat(90)}${n}"`));
    this.cluster.stabilize();
  }

  /** Writes until the node has taken a snapshot; says up to which entry, and how large it is. */
  nextSnapshot(node = 'n1'): { index: number; size: number } {
    const before = this.inspect(node).snapshot?.index ?? 0;
    for (let i = 0; i < 2000; i++) {
      const { snapshot } = this.inspect(node);
      if (snapshot !== undefined && snapshot.index > before) return snapshot;
      this.write();
    }
    throw new Error(`${node} takes no snapshot`);
  }

  /** Entries between each of the next snapshots and the one before it, and the size of that one. */
  gaps(count: number, node = 'n1'): { entries: number; size: number }[] {
    let last = this.nextSnapshot(node);
    return Array.from({ length: count }, () => {
      const next = this.nextSnapshot(node);
      const gap = { entries: next.index - last.index, size: last.size };
      last = next;
      return gap;
    });
  }

  /** How many entries are a share, if the last snapshot had this size. */
  entriesFor(size: number, percent: number): number {
    return Math.ceil(Math.max(FIXED, (size * percent) / 100) / this.entryBytes);
  }
}

describe('the log between two snapshots', () => {
  test.each([0, 100, 1000])('is the fixed share while the state is small (%d %%)', (percent) => {
    const world = new World(1, { snapshotLogPercent: percent });
    for (const { entries, size } of world.gaps(4)) {
      expect(size).toBeLessThan(FIXED / 10);
      expect(entries).toBe(Math.ceil(FIXED / world.entryBytes));
    }
  });

  test.each([50, 100, 250])('is %d %% of the last snapshot when that is more', (percent) => {
    const world = new World(100, { snapshotLogPercent: percent });
    const gaps = world.gaps(8);
    for (const { entries, size } of gaps) expect(entries).toBe(world.entriesFor(size, percent));
    const last = gaps.at(-1);
    expect(last?.size).toBeGreaterThan(10_000);
    expect(last?.entries).toBeGreaterThan(Math.ceil(FIXED / world.entryBytes));
  });

  test('does not depend on the state at 0 %', () => {
    const world = new World(100, { snapshotLogPercent: 0 });
    for (const { entries } of world.gaps(8)) {
      expect(entries).toBe(Math.ceil(FIXED / world.entryBytes));
    }
  });

  test('shrinks with the state, one snapshot later', () => {
    const world = new World(100, { snapshotLogPercent: 100 });
    world.gaps(6);
    for (let n = 0; n < 100; n++) {
      world.cluster.propose('n1', { kind: 'delete', key: `k${10_000 + n}` });
    }
    world.cluster.stabilize();
    const small = new World(1, { snapshotLogPercent: 100 });
    expect(world.nextSnapshot().size).toBeGreaterThan(small.nextSnapshot().size);
    const { entries, size } = world.gaps(3).at(-1) ?? { entries: 0, size: 0 };
    expect(entries).toBe(world.entriesFor(size, 100));
  });

  test('goes on over a restart: the size is known, and what is behind it counts', () => {
    const world = new World(100, { snapshotLogPercent: 100 });
    world.gaps(6);
    const last = world.nextSnapshot();
    for (let i = 0; i < 20; i++) world.write();
    world.cluster.restart('n1');
    world.cluster.elect('n1');
    world.cluster.stabilize();
    expect(world.inspect().snapshot).toMatchObject({ index: last.index, size: last.size });
    const share = world.entriesFor(last.size, 100);
    // The no-op of the new leader is one more entry, and a smaller one.
    const entries = world.nextSnapshot().index - last.index;
    expect([share, share + 1]).toContain(entries);
    expect(share).toBeGreaterThan(2 * Math.ceil(FIXED / world.entryBytes));
  });

  test('is by the size of a snapshot that was received', () => {
    const world = new World(100, { snapshotLogPercent: 100 }, { nodes: 3 });
    world.cluster.crash('n3');
    world.gaps(6);
    world.cluster.restart('n3', { wiped: true });
    for (let i = 0; i < 20; i++) world.cluster.run(100);
    world.cluster.stabilize();
    const received = world.inspect('n3').snapshot;
    expect(received).toEqual(world.inspect('n1').snapshot);
    const next = world.nextSnapshot('n3');
    const share = world.entriesFor(received?.size ?? 0, 100);
    // The entry that binds the new disk is among them.
    expect(Math.abs(next.index - (received?.index ?? 0) - share)).toBeLessThanOrEqual(2);
    expect(share).toBeGreaterThan(2 * Math.ceil(FIXED / world.entryBytes));
  });
});

describe('a snapshot that is given up', () => {
  test('leaves what was applied for the next one to count', () => {
    const log = [1, 1, 2];
    const bytes = new Solo({ log, term: 3 }).raft.log.bytes;
    const solo = new Solo({ log, term: 3, options: { snapshotLogBytes: bytes } }).follow(2);
    const opened = () => solo.effects.filter((each) => each.kind === 'snapshot_open').length;
    solo.receive(2, appendEntries(3, [3, 2], [], 3));
    expect([opened(), solo.raft.taking?.index]).toEqual([1, 3]);
    const configuration = solo.raft.log.configurationAt(logIndex(3));
    const place = { index: logIndex(5), term: term(3) };
    solo.receive(2, {
      ...{ kind: 'install_snapshot', term: term(3), snapshot: snapshotName('a-better-one') },
      ...{ lastIndex: place.index, lastTerm: place.term },
      meta: encodeSnapshotMeta({ ...place, time: millis(9), configuration }),
      ...{ size: 100, offset: 0, bytes: new Uint8Array(2) },
    });
    expect([opened(), solo.raft.taking, solo.raft.installing?.index]).toEqual([2, undefined, 5]);
    // The entries come by themselves. Alone they are less than a share.
    solo.receive(2, appendEntries(3, [3, 2], [3, 3], 5));
    expect(solo.raft.log.bytesAfter(logIndex(3))).toBeLessThan(bytes);
    // It begins before the two new entries are applied, which have something else to do first.
    expect([opened(), solo.raft.taking?.index]).toEqual([3, 3]);
  });
});

describe('a leader that sends its snapshot', () => {
  test.each([
    [1, 'four times the fixed share'],
    [200, 'twice the share that grows with the state'],
  ])('takes the next one late (%d keys): at %s', (keys) => {
    const world = new World(keys, { snapshotLogPercent: 100 }, { nodes: 3 });
    const { cluster } = world;
    cluster.crash('n3');
    world.gaps(8);
    const isSlice = ({ to, message }: InFlight) =>
      to === 'n3' && message.kind === 'install_snapshot';
    const { index, size } = world.nextSnapshot();
    cluster.restart('n3', { wiped: true });
    const sent = (): boolean =>
      [...leaderOf(world).progress.values()].some(({ mode }) => mode.kind === 'snapshot');
    let isSent = sent();
    for (let i = 0; world.inspect().snapshot?.index === index; i++) {
      expect(i).toBeLessThan(2000);
      cluster.propose('n1', put(`k${10_000 + (i % keys)}`, `"${'v'.repeat(90)}${10_000 + i}"`));
      for (let j = 0; j < 10; j++) {
        cluster.advance(1);
        while (cluster.deliver((each) => !isSlice(each)) > 0);
      }
      isSent ||= sent();
    }
    expect(isSent).toBe(true);
    const entries = (world.inspect().snapshot?.index ?? 0) - index;
    const share = Math.max(4 * FIXED, 2 * size);
    expect(Math.abs(entries - Math.ceil(share / world.entryBytes))).toBeLessThanOrEqual(1);
    expect(2 * size > 4 * FIXED).toBe(keys > 1);
  });
});

describe('nodes take turns', () => {
  const SPREAD = { snapshotLogPercent: 100, snapshotSpreadPercent: 50 };

  test('each snapshot comes at most so much earlier, and each time another part of that', () => {
    const world = new World(100, SPREAD);
    const gaps = world.gaps(30).slice(10);
    const parts = gaps.map(({ entries, size }) => entries / world.entriesFor(size, 100));
    expect(Math.max(...parts)).toBeLessThanOrEqual(1);
    expect(Math.min(...parts)).toBeGreaterThanOrEqual(0.5);
    expect(Math.max(...parts) - Math.min(...parts)).toBeGreaterThan(0.25);
  });

  test('without the spread all nodes take theirs at the same entry, with it they do not', () => {
    const meetings = (shares: Shares): number => {
      const world = new World(100, shares, { nodes: 3 });
      world.gaps(3);
      let met = 0;
      for (let i = 0; i < 10; i++) {
        const { index } = world.nextSnapshot('n1');
        const others = ['n2', 'n3'].map((node) => world.inspect(node).snapshot?.index);
        if (others.includes(index as never)) met++;
      }
      return met;
    };
    expect(meetings({ ...SPREAD, snapshotSpreadPercent: 0 })).toBe(10);
    expect(meetings(SPREAD)).toBeLessThan(4);
  });

  test('nothing but the seed decides', () => {
    const gaps = (seed: number) => new World(20, SPREAD, { seed }).gaps(6);
    expect(gaps(7)).toEqual(gaps(7));
    expect(gaps(7)).not.toEqual(gaps(8));
  });
});
