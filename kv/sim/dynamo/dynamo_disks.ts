/**
 * What the disks of the nodes hold for certain, followed from outside: the records that were handed
 * over, and how far each disk has said that they are durable.
 */

import { type DynamoRecord, decodeRecord } from '../../core/dynamo/journal';
import type { DynamoState } from '../../core/dynamo/state';
import { lackedBy, mergeVersions, type Version, type Versions } from '../../core/dynamo/versions';
import type { NodeId, StorageId } from '../../core/ids';
import type { JournalRecord } from '../../core/protocol';
import { Violation } from '../violation';

interface Shadow {
  readonly storage: StorageId;
  readonly pending: { readonly sequence: number; readonly record: DynamoRecord }[];
  readonly held: Map<string, Versions>;
  /** All versions of a key that this disk has ever held. */
  readonly everHeld: Map<string, Versions>;
  /** By home and key. */
  readonly hints: Map<string, { readonly home: NodeId; readonly key: string }>;
  /** Dots may come from epochs up to this one. */
  epochs: number;
}

export class DynamoDisks {
  private readonly shadows = new Map<NodeId, Shadow>();

  /**
   * A node has started: it must have all that its disk has said to be durable. With another disk it
   * need not: then what was on the former one is returned.
   */
  started(
    node: NodeId,
    storage: StorageId,
    { store, deliveries }: Pick<Readonly<DynamoState>, 'store' | 'deliveries'>,
  ): ReadonlyMap<string, Versions> {
    const before = this.shadows.get(node);
    const held = new Map([...store.keys()].map((key) => [key, store.versionsOf(key)] as const));
    const everHeld = new Map(held);
    const shadow: Shadow = { storage, pending: [], held, everHeld, hints: new Map(), epochs: 0 };
    for (const home of deliveries.creditors) {
      for (const [key, debt] of deliveries.owedTo(home)) {
        if (debt === 'hint') apply(shadow, { kind: 'hint', key, home });
      }
    }
    this.shadows.set(node, shadow);
    if (before?.storage !== storage) return before?.held ?? NOTHING;
    for (const [name, { home, key }] of before.hints) {
      if (shadow.hints.has(name) || before.pending.some(({ record }) => isAbout(record, key)))
        continue;
      throw new Violation('recovery', `${node} has forgotten that it owes ${key} to ${home}`);
    }
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

  /** All that was ever durable of a key on this disk, since its node was started. */
  everHeldBy(node: NodeId, key: string): Versions {
    return this.shadows.get(node)?.everHeld.get(key) ?? [];
  }

  /** Whether a version was named by this node, from an epoch that its disk does not know to be taken. */
  isUnreserved(node: NodeId, { dot }: Version): boolean {
    const shadow = this.shadows.get(node);
    return shadow !== undefined && dot.storage === shadow.storage && dot.epoch > shadow.epochs;
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
  record.kind === 'cleared' || ('key' in record && record.key === key);

function apply(shadow: Shadow, record: DynamoRecord): void {
  const { held, hints } = shadow;
  if (record.kind === 'epochs') shadow.epochs = Math.max(shadow.epochs, record.through);
  if (record.kind === 'hint') hints.set(`${record.home} ${record.key}`, record);
  if (record.kind === 'hint_done') hints.delete(`${record.home} ${record.key}`);
  if (record.kind === 'cleared') {
    held.clear();
    hints.clear();
  }
  if (record.kind !== 'versions') return;
  shadow.everHeld.set(record.key, [...(shadow.everHeld.get(record.key) ?? []), ...record.versions]);
  if (record.versions.length === 0) held.delete(record.key);
  else held.set(record.key, mergeVersions(held.get(record.key) ?? [], record.versions));
}
