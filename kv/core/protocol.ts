/**
 * The contract between a replication protocol and the world. Read this first.
 *
 * A protocol is a deterministic object. It has no clock, no randomness of its own, no files, no
 * sockets, no promises. A driver (the real one in `kv/runtime`, the simulated one in `kv/sim`)
 * hands it *everything that has happened* since the last call, and carries out the effects that
 * come back, in their order (`mayWaitForDisk` has the one exception):
 *
 *     effects = protocol.step(at, events)
 *
 * - **Batches.** A hundred requests that arrive in one turn are one call. They come back as one
 *   `persist`, one message for each peer and, later, a hundred replies. Group commit and
 *   pipelining are not features of a driver: they fall out of the shape of this call.
 * - **Time is an argument.** `at` is monotonic. The next moment at which the core wants to be
 *   called although nothing happened is data, `wakeAt`. A process that was stopped for a while
 *   shows up as a jump of `at`, and the core draws its own conclusions.
 * - **Randomness is seeded state** that the core was constructed with (`prng.ts`).
 * - **Durability is an event.** `persist` hands records to the node's journal; `persisted` says
 *   how far the disk has got. What must not be said before the disk has answered is not in the
 *   effects until it has. So the core, not the driver, knows what waits for what, and a driver
 *   that knows no protocol cannot get it wrong.
 * - **Snapshots in slices.** A state of gigabytes is written, sent and loaded in slices of bounded
 *   size, one for each acknowledgement of the slice before, so that no call takes long.
 * - **Errors.** Operating errors are replies (`errors.ts`). A broken invariant throws
 *   (`assert.ts`), and a driver must stop the node then: no effect of that call, or after it, may
 *   be carried out.
 *
 * What a driver promises: calls do not overlap; `at` never goes back; records become durable in
 * the order in which they were handed over; a message may be lost, repeated, delayed or overtaken
 * but is never altered; each request id is new. What it does not promise: that anything is fast.
 */

import type { JournalSequence, Millis, NodeId, RequestId, SnapshotName } from './ids';

/**
 * One record of a node's journal. The payload belongs to the protocol: the journal adds length,
 * checksum and type, and gives both back unchanged after a restart.
 */
export interface JournalRecord {
  /** What the payload is: 1 to 255, numbered by the protocol. */
  readonly type: number;
  readonly payload: Uint8Array;
}

/**
 * Which of two ordered streams to a peer carries a message. Nothing in `control` (heartbeats,
 * votes, acknowledgements) ever queues behind `bulk` (entries, snapshot chunks).
 */
export type Lane = 'control' | 'bulk';

export type Event<Message, Request> =
  /** A message of a peer. `from` was authenticated by the transport. */
  | { readonly kind: 'message'; readonly from: NodeId; readonly message: Message }
  /** A request of a local client, to be answered by exactly one `reply` with this id. */
  | { readonly kind: 'request'; readonly id: RequestId; readonly request: Request }
  /** All records up to and including this sequence number are durable. */
  | { readonly kind: 'persisted'; readonly through: JournalSequence }
  /**
   * The connection to a peer was made or lost. A hint: messages are the only truth. A peer that died
   * is reported as lost once more after its last message.
   */
  | { readonly kind: 'link'; readonly peer: NodeId; readonly up: boolean }
  /** The slices of an open snapshot up to this offset were taken by the file (not yet durable). */
  | { readonly kind: 'snapshot_written'; readonly snapshot: SnapshotName; readonly through: number }
  /** A committed snapshot is durable under its name and is now this node's current one. */
  | { readonly kind: 'snapshot_saved'; readonly snapshot: SnapshotName; readonly size: number }
  /** The answer to `snapshot_read`. `size` is the length of the whole content, in bytes. */
  | {
      readonly kind: 'snapshot_data';
      readonly snapshot: SnapshotName;
      readonly peer: NodeId;
      readonly offset: number;
      readonly bytes: Uint8Array;
      readonly size: number;
    }
  /** `wakeAt` has come. */
  | { readonly kind: 'wake' };

export type Effect<Message, Reply> =
  /** Append these records to the journal, in this order; the last one has number `through`. */
  | {
      readonly kind: 'persist';
      readonly records: readonly JournalRecord[];
      readonly through: JournalSequence;
    }
  /** Records before this one are no longer needed; the journal may delete whole segments of them. */
  | { readonly kind: 'release'; readonly before: JournalSequence }
  | { readonly kind: 'send'; readonly to: NodeId; readonly lane: Lane; readonly message: Message }
  | { readonly kind: 'reply'; readonly id: RequestId; readonly reply: Reply }
  /** Begin a snapshot aside. `meta` is kept with it and given back at recovery. */
  | { readonly kind: 'snapshot_open'; readonly snapshot: SnapshotName; readonly meta: Uint8Array }
  /** Append a slice to the open snapshot; `snapshot_written` answers. */
  | {
      readonly kind: 'snapshot_append';
      readonly snapshot: SnapshotName;
      readonly offset: number;
      readonly bytes: Uint8Array;
    }
  /**
   * Make the open snapshot durable and current: checksum, fsync, rename, fsync of the folder, then
   * delete the older one (unless it is still being read). `snapshot_saved` answers.
   */
  | { readonly kind: 'snapshot_commit'; readonly snapshot: SnapshotName }
  /** Forget the open snapshot and its bytes. */
  | { readonly kind: 'snapshot_abort'; readonly snapshot: SnapshotName }
  /** Read a slice of the current snapshot in order to send it to `peer`; `snapshot_data` answers. */
  | {
      readonly kind: 'snapshot_read';
      readonly snapshot: SnapshotName;
      readonly peer: NodeId;
      readonly offset: number;
      readonly length: number;
    }
  /** One line of the trace (`trace.ts`); only when the core was constructed with tracing on. */
  | { readonly kind: 'trace'; readonly line: string };

/** The effects that are for the node's disk, and the events that come from it. */
export type StorageEffect = Extract<
  Effect<never, never>,
  {
    kind:
      | 'persist'
      | 'release'
      | 'snapshot_open'
      | 'snapshot_append'
      | 'snapshot_commit'
      | 'snapshot_abort'
      | 'snapshot_read';
  }
>;
export type StorageEvent = Extract<
  Event<never, never>,
  { kind: 'persisted' | 'snapshot_written' | 'snapshot_saved' | 'snapshot_data' }
>;

export interface Protocol<Message, Request, Reply> {
  /** The next moment at which a `wake` is wanted; `NEVER` if nothing is waited for. */
  readonly wakeAt: Millis;
  /**
   * Whether nobody is worse off if the node stands still until the disk has written what it was
   * given, for as long as a fast disk takes. A driver may then carry `persist` out last, and wait
   * for it. Absent: false.
   */
  readonly mayWaitForDisk?: boolean;
  /** Takes everything that has happened, in order; returns everything to be done, in order. */
  step(at: Millis, events: readonly Event<Message, Request>[]): Effect<Message, Reply>[];
}

/** How a protocol's messages become bytes for a transport that knows no protocol. */
export interface MessageCodec<Message> {
  /** The parts of one frame's body. Parts are not copied, so entries travel as they are. */
  encode(message: Message): readonly Uint8Array[];
  /**
   * Throws `DecodeError` for anything that is not exactly one well-formed message. The message may
   * share memory with `body`, which must not be changed afterwards.
   */
  decode(body: Uint8Array): Message;
}

/** What a data folder held when it was opened. */
export interface Recovered {
  /** The newest whole snapshot, if there is one. */
  readonly snapshot: RecoveredSnapshot | undefined;
  /** All records that are left, oldest first; the first has the number `firstSequence`. */
  readonly records: Iterable<JournalRecord>;
  readonly firstSequence: JournalSequence;
}

export interface RecoveredSnapshot {
  readonly name: SnapshotName;
  readonly meta: Uint8Array;
  /** The length of the content in bytes. */
  readonly size: number;
  /** The content, in slices; its checksum is verified before the last one is given. */
  readonly chunks: Iterable<Uint8Array>;
}
