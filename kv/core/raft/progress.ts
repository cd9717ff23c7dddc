/**
 * What a leader knows of one follower's log, and how it sends to it (the `nextIndex[]` and
 * `matchIndex[]` of Figure 2, with a mode around them).
 *
 *     probe     one AppendEntries at a time, until one matches
 *     stream    as many as the caps allow, each beginning where the last one ended
 *     snapshot  what the follower needs is compacted, so it gets the snapshot, slice by slice
 *
 * `match` only ever grows, unless the follower comes with another disk. `next` is always above it.
 */

import { invariant } from '../assert';
import {
  type LogIndex,
  logIndex,
  type Millis,
  millis,
  type NodeId,
  type SnapshotName,
  type StorageId,
  storageId,
} from '../ids';

export type SendMode =
  | {
      readonly kind: 'probe';
      /** When the probe under way was sent, the last entry in it, and its bytes. */
      sentAt: Millis;
      last: LogIndex;
      bytes: number;
    }
  | { readonly kind: 'stream' }
  | {
      readonly kind: 'snapshot';
      readonly snapshot: SnapshotName;
      readonly index: LogIndex;
      /** How much of it the follower has acknowledged, in bytes. */
      offset: number;
      /** When the slice under way was asked for. */
      sentAt: Millis;
    };

const LONG_AGO = millis(Number.NEGATIVE_INFINITY);

const newProbe = (): SendMode => ({ kind: 'probe', sentAt: LONG_AGO, last: logIndex(0), bytes: 0 });

export class Progress {
  /** The follower's log is known to match ours, durably, up to here. */
  match = logIndex(0);
  /** The disk that the follower was last heard with; 0 before it was heard. */
  storage: StorageId = storageId(0);
  mode: SendMode = newProbe();
  /** The newest of our heartbeats that it has answered. */
  round = 0;
  /** Its own clock in its last reply, to be echoed; -1 before the first. */
  clock: Millis = millis(-1);
  /** When it was last heard, by our clock. */
  heardAt: Millis = LONG_AGO;
  /** The commit index that it was last told. */
  commitSent = logIndex(0);
  /** It is not needed for a quorum: see `spares.ts`. */
  isSpare = false;
  /** When entries were last sent to it in the stream. */
  sentAt: Millis = LONG_AGO;
  /** When the last heartbeat was sent to it, and of which round. */
  askedAt: Millis = LONG_AGO;
  askedRound = 0;

  /** The AppendEntries under way: the last index and the bytes of each, oldest first. */
  private inflight: { readonly last: LogIndex; readonly bytes: number }[] = [];
  private inflightBytes = 0;
  /** When the messages under way last shrank, or the first of them was sent. */
  private inflightSince: Millis = LONG_AGO;

  constructor(
    readonly id: NodeId,
    /** The index of the next entry to send. */
    public next: LogIndex,
  ) {}

  get inflightMessages(): number {
    return this.inflight.length;
  }

  /** It streams, and nothing is under way. */
  get isIdle(): boolean {
    return this.mode.kind === 'stream' && this.inflight.length === 0;
  }

  /** Whether another AppendEntries may be sent now. */
  hasRoom(maxMessages: number, maxBytes: number): boolean {
    return this.inflight.length < maxMessages && this.inflightBytes < maxBytes;
  }

  sent(last: LogIndex, bytes: number, now: Millis): void {
    if (this.inflight.length === 0) this.inflightSince = now;
    this.sentAt = now;
    this.inflight.push({ last, bytes });
    this.inflightBytes += bytes;
    this.next = logIndex(last + 1);
  }

  /** It has asked for something that it cannot use without what is new: nothing waits. */
  hurry(): void {
    this.sentAt = LONG_AGO;
    this.askedAt = LONG_AGO;
  }

  /** The follower has acknowledged everything up to `match`. */
  acknowledged(match: LogIndex, now: Millis): void {
    if (match > this.match) this.match = match;
    while ((this.inflight[0]?.last ?? Number.POSITIVE_INFINITY) <= this.match) {
      this.inflightBytes -= this.inflight.shift()?.bytes ?? 0;
      this.inflightSince = now;
    }
    if (this.next <= this.match) this.next = logIndex(this.match + 1);
    invariant(this.next > this.match, 'next is above match', { next: this.next });
  }

  /** Something was lost: begin again behind what is known to match. */
  probeFrom(next: LogIndex): void {
    this.mode = newProbe();
    this.next = logIndex(Math.max(next, this.match + 1));
    this.inflight = [];
    this.inflightBytes = 0;
  }

  /** One message has matched. What the probe carried may still be under way: it is not sent twice. */
  stream(): void {
    const { mode } = this;
    if (mode.kind === 'stream') return;
    this.mode = { kind: 'stream' };
    // Nothing else is under way, though we may have been further before we began to probe.
    this.next = logIndex(this.match + 1);
    if (mode.kind !== 'probe' || mode.last <= this.match) return;
    this.sent(mode.last, mode.bytes, mode.sentAt);
  }

  sendSnapshot(snapshot: SnapshotName, index: LogIndex): void {
    this.probeFrom(this.next);
    this.mode = { kind: 'snapshot', snapshot, index, offset: 0, sentAt: LONG_AGO };
  }

  /** The follower was heard with a disk; if it had another one, nothing acknowledged counts any more. */
  heardWith(storage: StorageId): void {
    const known = this.storage;
    this.storage = storage;
    if (known === 0 || known === storage) return;
    this.match = logIndex(0);
    this.probeFrom(this.next);
  }

  /** True when messages have been under way for so long that they must have been lost. */
  isStuck(now: Millis, patience: Millis): boolean {
    return this.inflight.length > 0 && now - this.inflightSince >= patience;
  }
}
