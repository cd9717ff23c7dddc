/**
 * Durable before said: what a node acknowledges to another is on disks already, and so is the
 * reservation from which it names a new version.
 */

import type { DynamoMessage, MessageOf } from '../../core/dynamo/messages';
import type { DynamoReply } from '../../core/dynamo/requests';
import { lackedBy, type Versions } from '../../core/dynamo/versions';
import type { NodeId } from '../../core/ids';
import type { Effect } from '../../core/protocol';
import { Violation } from '../violation';
import type { DynamoDisks } from './dynamo_disks';

type DynamoEffect = Effect<DynamoMessage, DynamoReply>;
type Entries = readonly { readonly key: string; readonly versions: Versions }[];

export class Said {
  /** What was sent to be kept, by sender, receiver and number. */
  private readonly asked = new Map<string, Entries>();

  constructor(private readonly disks: DynamoDisks) {}

  /** Looks at what a step wants to send, while the disks are as they were before it. */
  observe(node: NodeId, effects: readonly DynamoEffect[]): void {
    for (const effect of effects) {
      if (effect.kind !== 'send') continue;
      const { to, message } = effect;
      this.checkDots(node, message);
      if (message.kind === 'store') this.note(node, to, message.operation, [message]);
      if (message.kind === 'push') this.note(node, to, message.exchange, message.entries);
      if (message.kind === 'stored') this.checkStored(node, to, message);
      if (message.kind === 'pushed') this.check(node, to, message.exchange);
    }
  }

  /** D2: a dot is used only when its epoch is reserved for good: else a crash gives it away again. */
  private checkDots(node: NodeId, message: DynamoMessage): void {
    if (message.kind !== 'store') return;
    for (const version of message.versions) {
      if (!this.disks.isUnreserved(node, version)) continue;
      throw new Violation('dots', `${node} names a version of ${message.key} too early`);
    }
  }

  private note(from: NodeId, to: NodeId, number: number, entries: Entries): void {
    if (number !== 0) this.asked.set(`${from} ${to} ${number}`, entries);
  }

  private checkStored(node: NodeId, to: NodeId, { operation, result }: MessageOf<'stored'>): void {
    if (result === 'stored') this.check(node, to, operation);
  }

  private check(node: NodeId, to: NodeId, number: number): void {
    for (const { key, versions } of this.asked.get(`${to} ${node} ${number}`) ?? []) {
      const isHere = lackedBy(this.disks.heldBy(node, key), versions).length === 0;
      if (isHere || this.wasGivenAway(node, key, versions)) continue;
      throw new Violation(
        'durable before said',
        `${node} acknowledges ${key}, which is not durable`,
      );
    }
  }

  /**
   * A slow disk, or a question that comes twice: the key was durable here, and has been handed over
   * and dropped before it could be said. Then somebody else has it.
   */
  private wasGivenAway(node: NodeId, key: string, versions: Versions): boolean {
    if (lackedBy(this.disks.everHeldBy(node, key), versions).length > 0) return false;
    return this.disks.nodes.some(
      (id) => lackedBy(this.disks.heldBy(id, key), versions).length === 0,
    );
  }
}
