/**
 * What the disks of the nodes hold for certain, followed from outside: the records that were handed
 * over, and how far each disk has said that they are durable.
 */

import { type DynamoRecord, decodeRecord } from '../../core/dynamo/journal';
import type { Store } from '../../core/dynamo/store';
import { lackedBy, type Versions } from '../../core/dynamo/versions';
import type { NodeId, StorageId } from '../../core/ids';
import type { JournalRecord } from '../../core/protocol';
import { Violation } from '../violation';

interface Shadow {
  readonly storage: StorageId;
  readonly pending: { readonly sequence: number; readonly record: DynamoRecord }[];
  readonly held: Map<string, Versions>;
}

export class DynamoDisks {
  private readonly shadows = new Map<NodeId, Shadow>();

  /**
   * A node has started: it must have all that its disk has said to be durable. With another disk it
   * need not: then what was on the former one is returned.
   */
  started(node: NodeId, storage: StorageId, store: Store): ReadonlyMap<string, Versions> {
    const before = this.shadows.get(node);
    const held = new Map([...store.keys()].map((key) => [key, store.versionsOf(key)] as const));
    this.shadows.set(node, { storage, pending: [], held });
    if (before?.storage !== storage) return before?.held ?? NOTHING;
    for (const [key, versions] of before.held) {
      // What was handed over and not reported may have reached the disk.
      if (before.pending.some(({ record }) => isAbout(record, key))) continue;
      if (lackedBy(held.get(key) ?? [], versions).length === 0) continue;
      throw new Violation('recovery', `${node} has lost versions of ${key} that were durable`);
    }
    return NOTHING;
  }

  hand(node: NodeId, records: readonly JournalRecord[], through: number): DynamoRecord[] {
    const decoded = records.map(decodeRecord);
    const first = through - records.length + 1;
    const pending = this.shadows.get(node)?.pending ?? [];
    decoded.forEach((record, i) => void pending.push({ sequence: first + i, record }));
    return decoded;
  }

  persisted(node: NodeId, through: number): void {
    const shadow = this.shadows.get(node);
    if (shadow === undefined) return;
    const later = shadow.pending.findIndex(({ sequence }) => sequence > through);
    const due = shadow.pending.splice(0, later < 0 ? shadow.pending.length : later);
    for (const { record } of due) apply(shadow, record);
  }

  /** What is durable of a key on the disk of a node, whether its process runs or not. */
  heldBy(node: NodeId, key: string): Versions {
    return this.shadows.get(node)?.held.get(key) ?? [];
  }

  keysOf(node: NodeId): readonly string[] {
    return [...(this.shadows.get(node)?.held.keys() ?? [])];
  }

  get nodes(): readonly NodeId[] {
    return [...this.shadows.keys()];
  }
}

const NOTHING: ReadonlyMap<string, Versions> = new Map();

const isAbout = (record: DynamoRecord, key: string): boolean =>
  record.kind === 'cleared' || (record.kind === 'versions' && record.key === key);

function apply({ held }: Shadow, record: DynamoRecord): void {
  if (record.kind === 'cleared') held.clear();
  if (record.kind !== 'versions') return;
  if (record.versions.length === 0) held.delete(record.key);
  else held.set(record.key, record.versions);
}
