/**
 * A node whose disk is behind takes in nothing further (`maxDiskLagMs`): followed from outside, by
 * what was handed to the disk, when, and what the disk has reported.
 */

import { decodeRecord } from '../../core/dynamo/journal';
import type { Millis, NodeId } from '../../core/ids';
import type { JournalRecord } from '../../core/protocol';
import { Violation } from '../violation';

interface Handed {
  readonly through: number;
  readonly at: Millis;
}

export class DiskLag {
  private readonly waiting = new Map<NodeId, Handed[]>();

  constructor(private readonly maxLagMs: number) {}

  started(node: NodeId): void {
    this.waiting.set(node, []);
  }

  /** `at` is the node's own clock, by which it judges its disk. */
  hand(node: NodeId, at: Millis, records: readonly JournalRecord[], through: number): void {
    const waiting = this.waiting.get(node) ?? [];
    const lag = at - (waiting[0]?.at ?? at);
    const taken = lag > this.maxLagMs ? records.find(isTakenIn) : undefined;
    if (taken !== undefined) {
      throw new Violation('disk lag', `${node} takes in more while its disk is ${lag} ms behind`);
    }
    waiting.push({ through, at });
  }

  persisted(node: NodeId, through: number): void {
    const waiting = this.waiting.get(node) ?? [];
    while ((waiting[0]?.through ?? Number.POSITIVE_INFINITY) <= through) waiting.shift();
  }
}

/** Something that came from a client or another node, and not what follows from what is there. */
function isTakenIn(encoded: JournalRecord): boolean {
  const record = decodeRecord(encoded);
  return record.kind === 'hint' || (record.kind === 'versions' && record.versions.length > 0);
}
