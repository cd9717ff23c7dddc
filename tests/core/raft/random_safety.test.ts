/**
 * Random schedules: what no engineer would think of. Messages are lost, repeated and overtaken,
 * nodes crash at any point of their disk's work and come back, once in a while with an empty disk;
 * disks are slow, clocks jump, clients write and read through any node. After every step the
 * cluster is checked, and at the end, when everything works again, so is what clients were told.
 *
 * A failure names its seed: `SEED=123 npx jest random_safety` runs that schedule alone, and
 * `SEEDS=5000` many more of them.
 */

import type { Answer } from '../../../kv/core/command';
import type { LogIndex, NodeId, RequestId } from '../../../kv/core/ids';
import { millis } from '../../../kv/core/ids';
import { Prng } from '../../../kv/core/prng';
import { raftCodec } from '../../../kv/core/raft/codec';
import type { RaftMessage } from '../../../kv/core/raft/messages';
import type { RaftReply } from '../../../kv/core/raft/requests';
import { stateText } from '../../support/raft_checks';
import { append, put, RaftCluster } from '../../support/raft_cluster';

const STEPS = 300;
const LISTS = ['a', 'b'] as const;
type List = (typeof LISTS)[number];

/** One append of a value that no other append has; it may be tried several times with one key. */
interface Append {
  readonly list: List;
  readonly value: number;
  readonly key: string | undefined;
  readonly attempts: RequestId[];
}

interface Read {
  readonly id: RequestId;
  readonly list: List;
  /** The answer must be at least this long: so much was known when it was asked. */
  readonly atLeast: number;
  /** And it must hold these, which were acknowledged by then. */
  readonly acknowledged: readonly number[];
}

class Schedule {
  readonly cluster: RaftCluster;
  private readonly prng: Prng;
  private readonly appends: Append[] = [];
  private readonly reads: Read[] = [];
  private readonly answers = new Map<RequestId, RaftReply<Answer>>();
  private seen = 0;
  private readonly longest: Record<List, number> = { a: 0, b: 0 };

  constructor(seed: number) {
    this.prng = new Prng(seed, 'schedule');
    const { prng } = this;
    this.cluster = new RaftCluster({
      nodes: prng.pick([3, 3, 5]),
      seed,
      options: {
        snapshotLogBytes: prng.pick([1500, 4000, 1e9]),
        keepLogBytes: prng.pick([0, 500]),
        snapshotSliceBytes: prng.pick([40, 200, 5000]),
        maxEntriesPerMessage: prng.pick([1, 3, 64]),
        maxInflightMessages: prng.pick([1, 2, 16]),
        maxPendingRequests: prng.pick([10, 1000]),
        maxUncommittedBytes: prng.pick([800, 1e6]),
        maxDiskStallMs: millis(prng.pick([100, 1000])),
      },
    });
    this.sendEncoded();
    // In one world of two every disk is slow, so that a crash finds much that is not durable.
    if (prng.chance(1, 2)) for (const id of this.cluster.ids) this.cluster.slowDisk(id);
  }

  run(): void {
    for (let step = 0; step < STEPS; step++) {
      this.act();
      this.note();
      // Each step of a node is checked against all that was committed before; comparing the nodes'
      // whole states with each other is dear, so that is done now and then.
      if (step % 10 === 0) this.cluster.checkCluster();
    }
    this.recover();
    this.checkClients();
  }

  /** Every message goes through the codec, as between real nodes. */
  private sendEncoded(): void {
    const codec = raftCodec();
    const { network } = this.cluster;
    const send = network.send.bind(network);
    network.send = (from: NodeId, to: NodeId, message: RaftMessage) => {
      send(from, to, codec.decode(new Uint8Array(Buffer.concat(codec.encode(message)))));
    };
  }

  private act(): void {
    const { prng } = this;
    const dice = prng.between(1, 100);
    if (dice <= 40) this.flow();
    else if (dice <= 55) this.deliverSome();
    else if (dice <= 58) this.cluster.advance(prng.pick([160, 400]));
    else if (dice <= 76) for (let i = prng.between(1, 4); i > 0; i--) this.append();
    else if (dice <= 83) this.read();
    else if (dice <= 90) this.persist();
    else this.disturb();
  }

  /** Things go well for a while. */
  private flow(): void {
    this.cluster.advance(this.prng.pick([1, 5, 20, 60]));
    for (let i = 0; i < 4; i++) {
      this.cluster.deliver();
      for (const id of this.cluster.ids) {
        if (this.cluster.isUp(id) && this.prng.chance(1, 3)) this.cluster.persist(id);
      }
    }
  }

  /** Messages overtake each other, or come in one step. */
  private deliverSome(): void {
    const { prng, cluster } = this;
    if (prng.chance(1, 4)) {
      cluster.reorder();
      cluster.deliverTogether();
      return;
    }
    for (let i = prng.between(1, 8); i > 0 && cluster.inflight.length > 0; i--) {
      const chosen = prng.pick(cluster.inflight);
      cluster.deliver((each) => each === chosen);
    }
  }

  private append(): void {
    const { prng, cluster } = this;
    const node = this.anyUp();
    if (node === undefined) return;
    if (prng.chance(1, 6)) {
      cluster.propose(node, put(prng.pick(['x', 'y']), String(prng.between(1, 99))));
      return;
    }
    const timeoutMs = prng.pick([50, 400, 3000]);
    const again = this.appends.at(-1);
    if (again?.key !== undefined && prng.chance(1, 4)) {
      const command = append(again.list, String(again.value));
      again.attempts.push(cluster.propose(node, command, { timeoutMs, idempotencyKey: again.key }));
      return;
    }
    const value = this.appends.length + 1;
    const key = prng.chance(1, 2) ? `key ${value}` : undefined;
    const list = prng.pick(LISTS);
    const attempts = [
      cluster.propose(node, append(list, String(value)), { timeoutMs, idempotencyKey: key }),
    ];
    this.appends.push({ list, value, key, attempts });
  }

  private read(): void {
    // Now and then ask the oldest of several leaders: it may have been replaced.
    const node = this.prng.chance(1, 3) ? this.cluster.leaders.at(-1) : this.anyUp();
    if (node === undefined) return;
    this.note();
    const list = this.prng.pick(LISTS);
    const acknowledged = this.appends
      .filter((each) => each.list === list && this.outcome(each) === 'written')
      .map((each) => each.value);
    const atLeast = this.longest[list];
    const id = this.cluster.read(node, list, { timeoutMs: this.prng.pick([100, 2000]) });
    this.reads.push({ id, list, atLeast, acknowledged });
  }

  private persist(): void {
    const node = this.anyUp();
    if (node !== undefined) this.cluster.persist(node, this.prng.between(1, 3));
  }

  private disturb(): void {
    const { prng, cluster } = this;
    const node = prng.pick(cluster.ids);
    switch (prng.between(1, 14)) {
      case 1:
        return void cluster.drop(() => prng.chance(1, 3));
      case 2:
        return void (cluster.inflight.length < 200 && cluster.duplicate(() => prng.chance(1, 3)));
      case 3:
        return this.partition();
      case 4:
        return this.cutLeaderOff();
      case 5:
      case 6:
        return cluster.heal();
      case 7:
        return this.crash(prng.chance(1, 2) ? (cluster.leaders[0] ?? node) : node);
      case 8:
      case 9:
      case 10:
        return this.restart(node);
      case 11:
        return cluster.slowDisk(node, cluster.isUp(node) && prng.chance(1, 2));
      case 12:
        if (cluster.isUp(node)) cluster.transfer(node, 500);
        return;
      case 13:
        if (cluster.isUp(node)) cluster.link(node, prng.pick(cluster.ids), prng.chance(1, 2));
        return;
      default:
        if (cluster.isUp(node)) cluster.advanceClock(node, prng.between(1, 100));
    }
  }

  private partition(): void {
    const left = this.cluster.ids.filter(() => this.prng.chance(1, 2));
    const right = this.cluster.ids.filter((id) => !left.includes(id));
    this.cluster.partition(left, right);
  }

  /** A leader goes on appending although nobody hears it: entries to be replaced later. */
  private cutLeaderOff(): void {
    const { cluster } = this;
    const [leader] = cluster.leaders;
    if (leader === undefined) return this.partition();
    cluster.partition(
      [leader],
      cluster.ids.filter((id) => id !== leader),
    );
    cluster.propose(leader, put('x', '0'));
  }

  /** With luck the disk finishes some of its work; half of the time the node is back at once. */
  private crash(node: NodeId): void {
    if (!this.cluster.isUp(node)) return;
    this.cluster.crash(node, { kept: this.prng.pick([0, 0, 1, 2]) });
    if (this.prng.chance(1, 2)) this.restart(node);
  }

  private restart(node: NodeId): void {
    const { cluster, prng } = this;
    // No node starts twice at the same moment.
    cluster.advance(1);
    if (prng.chance(1, 3) && this.mayWipe(node)) cluster.restart(node, { wiped: true });
    else if (!cluster.isUp(node)) cluster.restart(node);
  }

  /**
   * A disk may be lost while every other member is known by the disk that it has (DESIGN.md,
   * caveats): that is, all others hold a committed configuration which says so.
   */
  private mayWipe(lost: NodeId): boolean {
    const { cluster } = this;
    const others = cluster.ids.filter((id) => id !== lost);
    if (!others.every((id) => cluster.isUp(id))) return false;
    return others.every((id) => {
      const { log, commit } = cluster.node(id).inspect;
      const bound = log.configuration.voters.every((member) => {
        return member.storage === cluster.disk(member.id).storage;
      });
      const plain = log.configuration.outgoing.length === 0;
      return bound && plain && log.configurationIndex <= commit;
    });
  }

  /** Collects the answers that came since the last time. */
  private note(): void {
    const { replies } = this.cluster;
    for (; this.seen < replies.length; this.seen++) {
      const { id, reply } = replies[this.seen] as (typeof replies)[number];
      this.answers.set(id, reply);
      const read = this.reads.find((each) => each.id === id);
      if (read !== undefined && reply.kind === 'answer') this.checkRead(read, reply);
    }
  }

  private checkRead(read: Read, reply: Extract<RaftReply<Answer>, { kind: 'answer' }>): void {
    const list = JSON.parse(reply.answer ?? '[]') as number[];
    const missing = read.acknowledged.filter((value) => !list.includes(value));
    if (missing.length > 0) throw new Error(`a read lacks ${missing}, acknowledged before it`);
    if (list.length < read.atLeast) throw new Error('a read goes back behind an earlier one');
    this.longest[read.list] = Math.max(this.longest[read.list], list.length);
  }

  /** `absent` only if every try said that it was not applied. */
  private outcome({ attempts }: Append): 'written' | 'unknown' | 'absent' {
    const replies = attempts.map((id) => this.answers.get(id));
    if (replies.some((reply) => reply?.kind === 'written')) return 'written';
    const absent = replies.every(
      (reply) => reply?.kind === 'failed' && reply.error.outcome === 'not_applied',
    );
    return absent ? 'absent' : 'unknown';
  }

  /** Everything works again: within a few elections the cluster must be whole. */
  private recover(): void {
    const { cluster } = this;
    cluster.heal();
    for (const id of cluster.ids) {
      if (!cluster.isUp(id)) this.restart(id);
      cluster.slowDisk(id, false);
    }
    cluster.run(6000);
    this.note();
    cluster.checkCluster();
    expect(cluster.leaders).toHaveLength(1);
    const [first, ...others] = cluster.ids.map((id) => cluster.node(id));
    for (const other of others) {
      expect(other.inspect.applied).toBe(first?.inspect.applied as LogIndex);
      expect(stateText(other)).toBe(first && stateText(first));
    }
    for (const id of cluster.ids) expect(cluster.node(id).status().diskUnknown).toBe(false);
    // And it works: a write and a read through every node.
    for (const id of cluster.ids) {
      const write = cluster.propose(id, put('z', `"${id}"`));
      const read = cluster.read(id, 'z');
      cluster.run(400);
      expect(cluster.reply(write)).toMatchObject({ kind: 'written' });
      expect(cluster.reply(read)).toMatchObject({ kind: 'answer' });
    }
  }

  private checkClients(): void {
    for (const list of LISTS) {
      const text = this.cluster.peek(this.cluster.ids[0] as NodeId, list) ?? '[]';
      const values = JSON.parse(text) as number[];
      expect(new Set(values).size).toBe(values.length);
      const held = new Set(values);
      for (const each of this.appends.filter((one) => one.list === list)) {
        const outcome = this.outcome(each);
        if (outcome === 'written' && !held.has(each.value)) {
          throw new Error(`append ${each.value} was acknowledged and is lost`);
        }
        if (outcome === 'absent' && held.has(each.value)) {
          throw new Error(`append ${each.value} was said not to be applied, and is there`);
        }
      }
    }
  }

  private anyUp(): NodeId | undefined {
    const up = this.cluster.ids.filter((id) => this.cluster.isUp(id));
    return up.length > 0 ? this.prng.pick(up) : undefined;
  }
}

function runSeed(seed: number): void {
  const schedule = new Schedule(seed);
  try {
    schedule.run();
  } catch (error) {
    const { cluster } = schedule;
    const status = cluster.ids.map((id) => cluster.statusLine(id)).join('\n');
    throw new Error(`seed ${seed}: ${(error as Error).stack}\n${status}`);
  }
}

const { SEED, SEEDS = '150' } = process.env;

test('random schedules break no rule, lose nothing and end in one state', () => {
  if (SEED !== undefined) return runSeed(Number(SEED));
  for (let seed = 1; seed <= Number(SEEDS); seed++) runSeed(seed);
}, 300_000);
