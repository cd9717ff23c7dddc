/**
 * A snapshot on its way to a follower whose disk is slow, or whose network loses and repeats: one
 * slice is under way, each is sent about once, and nothing piles up. Counted, not timed.
 */

import { type InFlight, put, RaftCluster } from '../../support/raft_cluster';

const SLICE = 1024;
const OPTIONS = { snapshotLogBytes: 100_000, snapshotSliceBytes: SLICE };
/** More milliseconds than any transfer here needs. */
const PATIENCE_MS = 60_000;
const STALL_MS = 200;

const isForSlow = ({ to, message }: InFlight): boolean =>
  to === 'n3' && message.kind === 'install_snapshot';
const isAnswer = ({ message }: InFlight): boolean => message.kind === 'install_snapshot_reply';

/** A leader whose follower n3 was away until the log that it needs was compacted. */
class Transfer {
  readonly cluster = new RaftCluster({ nodes: 3, options: OPTIONS });
  readonly slices: number;
  /** How many copies of the slice at each offset were sent. */
  readonly copies = new Map<number, number>();
  /** The most slices that ever waited for the disk of n3 at once. */
  mostWaiting = 0;
  private seen = new Set<InFlight>();

  constructor() {
    const { cluster } = this;
    cluster.elect('n1');
    cluster.stabilize();
    cluster.crash('n3');
    for (let i = 0; cluster.node('n1').status().snapshotIndex === 0; i++) {
      cluster.propose('n1', put(`k${i}`, `"${'v'.repeat(300)}"`));
      cluster.stabilize();
    }
    this.slices = Math.ceil(cluster.node('n1').status().snapshotBytes / SLICE);
    cluster.restart('n3');
    cluster.link('n1', 'n3', true);
  }

  get sent(): number {
    return [...this.copies.values()].reduce((sum, each) => sum + each, 0);
  }
  get mostCopies(): number {
    return Math.max(...this.copies.values());
  }

  /**
   * Lets one millisecond after the other pass until n3 has the snapshot. Its disk needs as many of
   * them for a piece of work as `work` says, given how many slices have been sent.
   */
  run(work: (slice: number) => number, bend: (ms: number) => void = () => undefined): void {
    const { cluster } = this;
    cluster.slowDisk('n3');
    let freeAt = 0;
    for (let ms = 0; cluster.node('n3').inspect.snapshot === undefined; ms++) {
      if (ms > PATIENCE_MS) throw new Error(`after ${this.sent} of ${this.slices} slices`);
      this.count();
      bend(ms);
      cluster.deliver();
      cluster.advance(1);
      this.mostWaiting = Math.max(this.mostWaiting, cluster.disk('n3').waitingSlices);
      if (!cluster.disk('n3').busy || cluster.now < freeAt) continue;
      cluster.persist('n3', 1);
      freeAt = cluster.now + work(this.copies.size);
    }
    cluster.slowDisk('n3', false);
    cluster.stabilize();
    expect(cluster.stateOf('n3')).toBe(cluster.stateOf('n1'));
  }

  private count(): void {
    for (const each of this.cluster.inflight) {
      if (!isForSlow(each) || this.seen.has(each)) continue;
      this.seen.add(each);
      if (each.message.kind !== 'install_snapshot') continue;
      const { offset } = each.message;
      this.copies.set(offset, (this.copies.get(offset) ?? 0) + 1);
    }
  }
}

test('to a fast disk each slice is sent once', () => {
  const transfer = new Transfer();
  transfer.run(() => 1);
  expect(transfer.slices).toBeGreaterThan(50);
  expect(transfer.sent).toBe(transfer.slices);
  expect(transfer.mostWaiting).toBe(1);
});

test('a stall costs a copy of the slice that it holds up, and of no later one', () => {
  const transfer = new Transfer();
  let stalls = 0;
  transfer.run((slice) => {
    if (slice % 15 !== 14) return 1;
    stalls++;
    return STALL_MS;
  });
  expect(stalls).toBeGreaterThanOrEqual(4);
  expect(transfer.sent).toBeLessThanOrEqual(transfer.slices + stalls);
  expect(transfer.mostCopies).toBe(2);
  expect(transfer.mostWaiting).toBe(1);
});

test('to a disk that needs longer for each slice than the leader waits, one slice waits at a time', () => {
  const transfer = new Transfer();
  transfer.run(() => STALL_MS);
  // The leader sends again after 150 ms: once for each slice but the first, which was taken before
  // the disk was busy, and once more for the last, which is answered when the whole is durable.
  expect(transfer.sent).toBeLessThanOrEqual(2 * transfer.slices);
  expect(transfer.mostWaiting).toBe(1);
});

test.each([
  ['slice', isForSlow],
  ['answer', isAnswer],
])('a repeated %s asks for nothing that is under way already', (_, isRepeated) => {
  const transfer = new Transfer();
  const { cluster } = transfer;
  let copied = 0;
  transfer.run(
    () => 1,
    () => {
      copied += cluster.duplicate(isRepeated);
    },
  );
  expect(copied).toBeGreaterThanOrEqual(transfer.slices - 1);
  // What the leader sent is counted before the network makes its copies.
  expect(transfer.sent).toBe(transfer.slices);
  expect(transfer.mostWaiting).toBe(1);
});

test.each([
  ['slices', isForSlow],
  ['answers', isAnswer],
])('lost %s are made good, one after the other', (_, isLost) => {
  const transfer = new Transfer();
  const { cluster } = transfer;
  let [met, lost] = [0, 0];
  transfer.run(
    () => 1,
    () => {
      cluster.drop((each) => {
        if (!isLost(each) || met++ % 10 !== 0) return false;
        lost++;
        return true;
      });
    },
  );
  expect(lost).toBeGreaterThanOrEqual(5);
  expect(transfer.sent).toBeLessThanOrEqual(transfer.slices + lost);
});
