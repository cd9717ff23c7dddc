/**
 * The disk of one simulated node: it keeps journal and snapshots in memory, and finishes what it
 * was given only when it is told to, so that a test can crash a node at any point in between.
 */

import type { Answer, Query } from '../../kv/core/command';
import {
  type JournalSequence,
  journalSequence,
  type NodeId,
  type SnapshotName,
  type StorageId,
} from '../../kv/core/ids';
import type { Effect, Event, JournalRecord, Recovered } from '../../kv/core/protocol';
import type { RaftMessage } from '../../kv/core/raft/messages';
import type { RaftReply, RaftRequest } from '../../kv/core/raft/requests';

export type RaftEvent = Event<RaftMessage, RaftRequest<Query>>;
export type RaftEffect = Effect<RaftMessage, RaftReply<Answer>>;

interface Snapshot {
  readonly name: SnapshotName;
  readonly meta: Uint8Array;
  readonly content: readonly number[];
}

/** Something that the disk has been asked for and has not finished. */
type Work =
  | { readonly kind: 'persist'; readonly count: number; readonly through: JournalSequence }
  | { readonly kind: 'append'; readonly snapshot: SnapshotName; readonly through: number }
  | { readonly kind: 'commit'; readonly snapshot: SnapshotName }
  | {
      readonly kind: 'read';
      readonly snapshot: SnapshotName;
      readonly peer: NodeId;
      readonly offset: number;
      readonly length: number;
    };

export class RaftDisk {
  /** When true, work is finished only by `finish`; else the cluster finishes it at once. */
  slow = false;
  private records: { readonly sequence: number; readonly record: JournalRecord }[] = [];
  private durable = 0;
  private current: Snapshot | undefined;
  private readonly open = new Map<SnapshotName, { meta: Uint8Array; content: number[] }>();
  private work: Work[] = [];

  constructor(readonly storage: StorageId) {}

  get busy(): boolean {
    return this.work.length > 0;
  }

  /** How many slices of a snapshot it has been given and not yet taken. */
  get waitingSlices(): number {
    return this.work.filter((each) => each.kind === 'append').length;
  }

  /** The durable records; what a crash leaves. */
  get durableRecords(): readonly JournalRecord[] {
    return this.records.filter((each) => each.sequence <= this.durable).map((each) => each.record);
  }

  get snapshotName(): SnapshotName | undefined {
    return this.current?.name;
  }

  /** Begins with these records, all of them durable. */
  preload(records: readonly JournalRecord[]): void {
    this.records = records.map((record, i) => ({ sequence: i + 1, record }));
    this.durable = records.length;
  }

  /** Takes an effect that is meant for the disk; false if it is not. */
  take(effect: RaftEffect): boolean {
    switch (effect.kind) {
      case 'persist': {
        const { records, through } = effect;
        const first = through - records.length + 1;
        records.forEach((record, i) => {
          this.records.push({ sequence: first + i, record });
        });
        this.work.push({ kind: 'persist', count: records.length, through });
        return true;
      }
      case 'release':
        this.records = this.records.filter((each) => each.sequence >= effect.before);
        return true;
      case 'snapshot_open':
        this.open.set(effect.snapshot, { meta: effect.meta, content: [] });
        return true;
      case 'snapshot_append': {
        const open = this.open.get(effect.snapshot);
        if (open?.content.length !== effect.offset) throw new Error('a slice is out of place');
        open.content.push(...effect.bytes);
        const through = effect.offset + effect.bytes.length;
        this.work.push({ kind: 'append', snapshot: effect.snapshot, through });
        return true;
      }
      case 'snapshot_commit':
        this.work.push({ kind: 'commit', snapshot: effect.snapshot });
        return true;
      case 'snapshot_abort':
        this.open.delete(effect.snapshot);
        this.work = this.work.filter(
          (each) => each.kind === 'persist' || each.snapshot !== effect.snapshot,
        );
        return true;
      case 'snapshot_read':
        this.work.push({ ...effect, kind: 'read' });
        return true;
      default:
        return false;
    }
  }

  /** Finishes the oldest `count` pieces of work; returns what the node is to be told of it. */
  finish(count = this.work.length): RaftEvent[] {
    return this.work
      .splice(0, count)
      .map((each) => this.finishOne(each))
      .filter((event) => event !== undefined);
  }

  /** The power goes: what was not finished is lost, but for the first `kept` pieces of work. */
  crash(kept = 0): void {
    this.finish(kept);
    this.work = [];
    this.open.clear();
    this.records = this.records.filter((each) => each.sequence <= this.durable);
  }

  /** What a starting node finds. */
  recovered(): Recovered {
    const { current } = this;
    return {
      snapshot: current && {
        name: current.name,
        meta: current.meta,
        size: current.content.length,
        chunks: [Uint8Array.from(current.content)],
      },
      records: this.records.map((each) => each.record),
      firstSequence: journalSequence(this.records[0]?.sequence ?? this.durable + 1),
    };
  }

  private finishOne(work: Work): RaftEvent | undefined {
    switch (work.kind) {
      case 'persist':
        this.durable = work.through;
        return { kind: 'persisted', through: work.through };
      case 'append':
        return { kind: 'snapshot_written', snapshot: work.snapshot, through: work.through };
      case 'commit':
        return this.commit(work.snapshot);
      case 'read':
        return this.read(work);
    }
  }

  private commit(name: SnapshotName): RaftEvent {
    const open = this.open.get(name);
    if (open === undefined) throw new Error(`the snapshot ${name} is not open`);
    this.open.delete(name);
    this.current = { name, ...open };
    return { kind: 'snapshot_saved', snapshot: name, size: open.content.length };
  }

  /** A snapshot that has been replaced meanwhile is not answered, as if the file were gone. */
  private read(work: Extract<Work, { kind: 'read' }>): RaftEvent | undefined {
    const { snapshot, peer, offset, length } = work;
    if (this.current?.name !== snapshot) return undefined;
    const { content } = this.current;
    const bytes = Uint8Array.from(content.slice(offset, offset + length));
    return { kind: 'snapshot_data', snapshot, peer, offset, bytes, size: content.length };
  }
}
