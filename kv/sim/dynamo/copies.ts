/**
 * Where the copies of each version are, by what the disks have said: nothing is dropped that nobody
 * else has, and what is said to be written is on as many disks as was asked for.
 */

import type { DynamoMessage } from '../../core/dynamo/messages';
import type { DynamoReply } from '../../core/dynamo/requests';
import { lackedBy, mergeVersions, type Versions } from '../../core/dynamo/versions';
import type { NodeId } from '../../core/ids';
import type { Effect } from '../../core/protocol';
import { Violation } from '../violation';
import type { ClientMemory } from './client_memory';
import type { DynamoDisks } from './dynamo_disks';
import { type TrueHistory, textOf, type Write } from './true_history';

type Persist = Extract<Effect<DynamoMessage, DynamoReply>, { kind: 'persist' }>;

export class Copies {
  private hasLost = false;
  /** What those who left had until then, by node and key. */
  private readonly leftBehind = new Map<NodeId, Map<string, Versions>>();

  constructor(
    private readonly disks: DynamoDisks,
    private readonly history: TrueHistory,
    private readonly memory: ClientMemory,
    private readonly count: (name: string) => void,
  ) {}

  /** Whether all that is on this disk is also on others. */
  isSpare(node: NodeId): boolean {
    return this.disks.keysOf(node).every((key) => {
      const elsewhere = this.elsewhere(node, key, []);
      return lackedBy(elsewhere, this.disks.heldBy(node, key)).length === 0;
    });
  }

  /**
   * What is said to be written is on as many disks as the client has asked for. A disk that was
   * emptied because its node left counts for whoever cannot know that yet (`knowsGone`).
   */
  checkWritten(node: NodeId, reply: DynamoReply, knowsGone: (id: NodeId) => boolean): void {
    if (reply.kind !== 'written' || this.hasLost) return;
    const write = this.history.withMetadata(reply.metadata);
    const { key } = write;
    const wasOn = (id: NodeId): Versions =>
      knowsGone(id) ? [] : (this.leftBehind.get(id)?.get(key) ?? []);
    const isOn = (id: NodeId) =>
      this.history.isCovered(write, this.disks.heldBy(id, key)) ||
      this.history.isCovered(write, wasOn(id));
    const copies = this.disks.nodes.filter(isOn).length;
    if (copies >= write.quorum) return;
    const said = `${node} says that ${write.value} of ${key} is written at ${write.quorum}`;
    fail('durable before said', `${said}, it is on ${copies} disks`);
  }

  /**
   * A disk is gone with all that was on it. It was harmed while it held nothing that no other held,
   * but what came later and was acknowledged with a quorum of one is lost by one failure too many;
   * and so is everything if all others have left meanwhile, so that this was the only disk.
   */
  excuse(node: NodeId, lost: ReadonlyMap<string, Versions>, wasAlone: boolean): void {
    if (lost.size > 0) this.hasLost = true;
    for (const [key, versions] of lost) {
      const elsewhere = this.elsewhere(node, key, []);
      const held = this.namedOf(key, versions).flatMap(({ write }) => [write, ...write.ancestors]);
      for (const write of held) {
        if (this.history.isCovered(write, elsewhere)) continue;
        if (write.copies > 1 && !wasAlone)
          fail('lost write', `${write.value} of ${key} was on one disk only`);
        write.isExcused = true;
        this.count('writes of one copy lost with its disk');
      }
    }
  }

  /** What is durable of a key with all others, and these versions. */
  private elsewhere(node: NodeId, key: string, versions: Versions): Versions {
    const others = this.disks.nodes.filter((id) => id !== node);
    return others.map((id) => this.disks.heldBy(id, key)).reduce(mergeVersions, versions);
  }

  /** Records that are about to be written: is what they say true, and does nothing get lost? */
  look(node: NodeId, effect: Persist): void {
    for (const record of this.disks.hand(node, effect.records, effect.through)) {
      if (record.kind === 'cleared') {
        for (const key of this.disks.keysOf(node)) {
          this.checkReplaced(node, key, []);
          this.leaveBehind(node, key);
        }
      }
      if (record.kind !== 'versions') continue;
      const { key, versions } = record;
      this.history.checkSet(node, key, versions);
      const isDropped = versions.length === 0;
      const held = isDropped ? [] : mergeVersions(this.disks.heldBy(node, key), versions);
      this.checkReplaced(node, key, held);
    }
  }

  private leaveBehind(node: NodeId, key: string): void {
    const ofNode = this.leftBehind.get(node) ?? new Map<string, Versions>();
    this.leftBehind.set(node, ofNode);
    ofNode.set(key, mergeVersions(ofNode.get(key) ?? [], this.disks.heldBy(node, key)));
  }

  /** What is durable here and is replaced by this must be in it, or durable with somebody else. */
  private checkReplaced(node: NodeId, key: string, versions: Versions): void {
    const elsewhere = this.elsewhere(node, key, versions);
    for (const { write } of this.namedOf(key, this.disks.heldBy(node, key))) {
      if (this.history.isCovered(write, elsewhere)) continue;
      fail('lost write', `${node} drops ${write.value} of ${key}, which nobody else has`);
    }
  }

  private namedOf(key: string, versions: Versions): { readonly write: Write }[] {
    return versions.map((version) => ({ write: this.memory.writeOfValue(key, textOf(version)) }));
  }
}

function fail(checker: string, message: string): never {
  throw new Violation(checker, message);
}
