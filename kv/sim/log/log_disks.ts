/**
 * What the disks of the nodes hold for certain, followed from outside: the records that were handed
 * over, and how far each disk has said that they are durable. How records make a log is told here a
 * second time, plainly.
 */

import type { NodeId, StorageId } from '../../core/ids';
import { messageOf } from '../../core/log/entry';
import { decodeRecord, type LogRecord } from '../../core/log/journal';
import { textOfName } from '../../core/log/log_name';
import type { JournalRecord } from '../../core/protocol';

/** A message as a text, so that two of them are the same if their texts are. */
export interface Said {
  readonly id: string;
  readonly body: string;
}

export interface Pending {
  readonly sequence: number;
  readonly record: LogRecord;
  /** The oldest message that the node had kept when it wrote this. */
  readonly first: number;
}

/** Is told of each record that becomes durable, once it is applied. */
type Compare = (record: Pending) => void;

/** A log that was on a disk before, until the record with this number. */
interface Former extends Pick<Shadow, 'name' | 'base' | 'messages'> {
  readonly until: number;
}

/** One disk, and the log on it. */
export interface Shadow {
  readonly storage: StorageId;
  readonly pending: Pending[];
  /** The last record that is durable. */
  through: number;
  /** Counts the logs that began on it. */
  life: number;
  name: string;
  /** Where that log began here; a message that was dropped since is still in the list. */
  base: number;
  /** The log that it continues, up to where. */
  continues: { readonly name: string; readonly end: number } | undefined;
  /** In order, from `base` on. */
  messages: Said[];
  /** The logs before it, oldest first; a node may not have heard yet that its disk has got further. */
  readonly formers: Former[];
  /** Beyond a gap. */
  held: Map<number, Said>;
}

export class LogDisks {
  private readonly shadows = new Map<NodeId, Shadow>();

  /** A node has started. Returns what its disk held for certain; undefined if it is another disk. */
  started(node: NodeId, storage: StorageId): Shadow | undefined {
    const before = this.shadows.get(node);
    if (before?.storage === storage) return before;
    this.shadows.set(node, {
      ...{ storage, pending: [], through: 0, life: 1, name: '', base: 0 },
      ...{ continues: undefined, messages: [], held: new Map(), formers: [] },
    });
    return undefined;
  }

  /**
   * What a crash has left is known now: records that were handed over and not reported may be there.
   * Whoever has read the journal says which, by its last number.
   */
  recovered(node: NodeId, last: number, compare: Compare): void {
    this.persisted(node, last, compare);
    this.shadows.get(node)?.pending.splice(0);
  }

  hand(
    node: NodeId,
    { records, through }: { records: readonly JournalRecord[]; through: number },
    /** The oldest message kept before this step, and after it, which may be of another log. */
    [kept, keptNow]: readonly [number, number],
  ): void {
    const before = through - records.length;
    const pending = this.shadows.get(node)?.pending ?? [];
    let first = kept;
    records.forEach((encoded, i) => {
      const record = decodeRecord(encoded);
      if (record.kind === 'begun' || record.kind === 'continued') first = keptNow;
      pending.push({ sequence: before + 1 + i, record, first });
    });
  }

  /** The disk has got further; `compare` looks at it after each record. */
  persisted(node: NodeId, through: number, compare: Compare): void {
    const shadow = this.shadows.get(node);
    if (shadow === undefined) return;
    const later = shadow.pending.findIndex(({ sequence }) => sequence > through);
    const due = shadow.pending.splice(0, later < 0 ? shadow.pending.length : later);
    shadow.through = Math.max(shadow.through, through);
    for (const one of due) {
      apply(shadow, one);
      compare(one);
    }
  }

  of(node: NodeId): Shadow | undefined {
    return this.shadows.get(node);
  }

  get nodes(): readonly NodeId[] {
    return [...this.shadows.keys()];
  }
}

/** A log that is on a disk, or was. */
export type LogOnDisk = Pick<Shadow, 'name' | 'base' | 'messages'>;

/** The order that comes next on a disk. */
export const endOf = ({ base, messages }: Pick<Shadow, 'base' | 'messages'>): number =>
  base + messages.length;

export const saidAt = (
  { base, messages }: Pick<Shadow, 'base' | 'messages'>,
  order: number,
): Said | undefined => messages[order - base];

export const isSame = (one: Said | undefined, other: Said | undefined): boolean =>
  one?.id === other?.id && one?.body === other?.body;

function apply(shadow: Shadow, { record, sequence: until }: Pending): void {
  if (record.kind === 'begun' || record.kind === 'continued') {
    const { name, base, messages } = shadow;
    shadow.life++;
    shadow.formers.push({ name, base, messages, until });
    shadow.name = textOfName(record.name);
    shadow.base = record.first;
    shadow.continues =
      record.kind === 'begun'
        ? undefined
        : { name: textOfName(record.base.name), end: record.base.end };
    shadow.messages = [];
    shadow.held = new Map();
  } else if (record.kind === 'named') shadow.name = textOfName(record.name);
  else if (record.kind === 'entry' || record.kind === 'external') {
    const { order, id, body } = messageOf(record.entry);
    shadow.held.set(order, { id, body: textOf(body) });
    for (;;) {
      const next = shadow.held.get(endOf(shadow));
      if (next === undefined) break;
      shadow.held.delete(endOf(shadow));
      shadow.messages.push(next);
    }
  }
}

export function textOf(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
