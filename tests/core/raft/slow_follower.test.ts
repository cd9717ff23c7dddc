/**
 * One follower is ten times slower than the others, or its disk is: the others are not slowed, and
 * what the leader keeps and sends for its sake stays within the caps. Counted, not timed.
 */

import type { Command } from '../../../kv/core/command';
import { type InFlight, RaftCluster } from '../../support/raft_cluster';

const KIB = 1024;
const OPTIONS = {
  maxInflightMessages: 8,
  maxInflightBytes: 256 * KIB,
  maxBytesPerMessage: 64 * KIB,
  maxUncommittedBytes: 8 * 1024 * KIB,
  snapshotLogBytes: 512 * KIB,
  keepLogBytes: 64 * KIB,
  snapshotSliceBytes: 16 * KIB,
};
/** A leader that sends a snapshot lets its log grow to four times its share (`snapshot_taking.ts`). */
const MOST_LOG = 4 * OPTIONS.snapshotLogBytes + OPTIONS.keepLogBytes;

/**
 * A leader that begins anew (with a snapshot, with a probe) takes what it sent before for lost, while
 * here it may still be under way.
 */
const BEFORE_AND_AFTER = 2;

const BULK = ['append_entries', 'install_snapshot'];
const isBulkForSlow = ({ to, message }: InFlight): boolean =>
  to === 'n3' && BULK.includes(message.kind);

const put = (i: number, bytes: number): Command => {
  return { kind: 'put', key: `k${i % 3}`, value: Buffer.from(`"${'v'.repeat(bytes - 2)}"`) };
};

class World {
  readonly cluster = new RaftCluster({ nodes: 3, options: OPTIONS });
  /** The most that was ever under way to the slow one, and in the log of the leader. */
  readonly most = { messages: 0, bytes: 0, log: 0 };
  private written = 0;

  constructor() {
    this.cluster.elect('n1');
    this.cluster.stabilize();
  }

  /** Puts one value; everybody but the slow one does what it can at once. Says if it is written. */
  round(valueBytes: number, held: (each: InFlight) => boolean): boolean {
    const { cluster } = this;
    const id = cluster.propose('n1', put(this.written++, valueBytes));
    while (cluster.deliver((each) => !held(each)) > 0) this.look();
    this.look();
    const kind = cluster.reply(id)?.kind;
    cluster.advance(5);
    return kind === 'written';
  }

  /** The slow one takes the oldest message that waits for it. */
  deliverOne(): void {
    let taken = 0;
    this.cluster.deliver((each) => isBulkForSlow(each) && taken++ === 0);
  }

  /** In peace everybody becomes equal. */
  settle(): void {
    const { cluster } = this;
    cluster.slowDisk('n3', false);
    for (let i = 0; i < 20; i++) cluster.run(100);
    cluster.stabilize();
    expect(cluster.stateOf('n3')).toBe(cluster.stateOf('n1'));
    cluster.checkCluster();
  }

  private look(): void {
    const waiting = this.cluster.inflight.filter(isBulkForSlow);
    const bytes = waiting.reduce((sum, each) => sum + bytesOf(each), 0);
    const { log } = this.cluster.node('n1').inspect;
    this.most.messages = Math.max(this.most.messages, waiting.length);
    this.most.bytes = Math.max(this.most.bytes, bytes);
    this.most.log = Math.max(this.most.log, log.bytes);
  }
}

function bytesOf({ message }: InFlight): number {
  if (message.kind === 'append_entries') return message.entries.size;
  return message.kind === 'install_snapshot' ? message.bytes.length : 0;
}

test('a follower that takes one message while ten values are written slows nobody', () => {
  const world = new World();
  for (let i = 0; i < 1500; i++) {
    expect(world.round(4 * KIB, isBulkForSlow)).toBe(true);
    if (i % 10 === 0) world.deliverOne();
  }
  expect(world.most.messages).toBeLessThanOrEqual(BEFORE_AND_AFTER * OPTIONS.maxInflightMessages);
  // The caps are looked at before a message is sent, so one may go past them.
  const cap = OPTIONS.maxInflightBytes + OPTIONS.maxBytesPerMessage;
  expect(world.most.bytes).toBeLessThanOrEqual(BEFORE_AND_AFTER * cap);
  expect(world.most.log).toBeLessThanOrEqual(MOST_LOG);
  // It was under way all the time, and the log was compacted meanwhile.
  expect(world.most.messages).toBeGreaterThan(1);
  expect(world.cluster.node('n1').status().snapshotIndex).toBeGreaterThan(0);
  world.settle();
});

test('a follower whose disk flushes once while ten values are written slows nobody', () => {
  const world = new World();
  const { cluster } = world;
  cluster.slowDisk('n3');
  let owed = 0;
  for (let i = 0; i < 1500; i++) {
    expect(world.round(4 * KIB, () => false)).toBe(true);
    const { log, durable } = cluster.node('n3').inspect;
    owed = Math.max(owed, log.bytesAfter(durable));
    if (i % 10 === 0) cluster.persist('n3');
  }
  // What its disk owes is what was sent and not acknowledged.
  const cap = OPTIONS.maxInflightBytes + OPTIONS.maxBytesPerMessage;
  expect(owed).toBeLessThanOrEqual(cap);
  expect(owed).toBeGreaterThan(8 * KIB);
  expect(world.most.log).toBeLessThanOrEqual(MOST_LOG);
  world.settle();
});

test('values larger than every cap go one by one to a slow follower', () => {
  const world = new World();
  const size = 300 * KIB;
  for (let i = 0; i < 30; i++) {
    expect(world.round(size, isBulkForSlow)).toBe(true);
    if (i % 10 === 0) world.deliverOne();
  }
  expect(world.most.bytes).toBeLessThan(BEFORE_AND_AFTER * (OPTIONS.maxInflightBytes + size));
  expect(world.most.log).toBeLessThanOrEqual(MOST_LOG + 2 * size);
  world.settle();
});
