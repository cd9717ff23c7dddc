/** What a node of the replicated log is told when it starts. */

import type { Millis, NodeId, StorageId } from '../ids';

export interface LogOptions {
  /** What this node is called in its traces. Names of nodes are local: no message carries one. */
  readonly self: NodeId;
  /** The identity of its disk. A master names its log by it; copies are counted by disks. */
  readonly storage: StorageId;
  /** Feeds jitter, emulated errors and the numbers of sessions; must differ between starts. */
  readonly seed: number;
  /** Whether lines of the trace are made. */
  readonly trace: boolean;
  readonly role: MasterOptions | SecondaryOptions;

  /** Whether `clear` is obeyed. */
  readonly allowClear: boolean;
  /** Bounds of one message: its body, and its id in bytes of UTF-8 (at most 65,535). */
  readonly maxMessageBytes: number;
  readonly maxIdBytes: number;
  /** Bounds of one answer to a reader. At least one message is given. */
  readonly maxReadMessages: number;
  readonly maxReadBytes: number;
  /** So many readers may wait for the next message. */
  readonly maxFollowers: number;
  /** Ids of dropped messages are remembered, so many of them; those of kept messages always are. */
  readonly keepDroppedIds: number;
  /** A snapshot is taken when so many bytes of the journal could go if there were one. */
  readonly snapshotJournalBytes: number;
  readonly snapshotSliceBytes: number;
}

export interface MasterOptions {
  readonly kind: 'master';
  /** All secondaries, seen or not: the log has 1 + this many copies. */
  readonly secondaries: readonly NodeId[];
  /** Quorum append: without a majority of all nodes in reach, appends are refused. */
  readonly quorumAppend: boolean;

  /** How often each secondary is asked how far it is. */
  readonly heartbeatMs: Millis;
  /** Not heard of for so long: Suspected, then Unhealthy. */
  readonly suspectAfterMs: Millis;
  readonly unhealthyAfterMs: Millis;
  /** What is not acknowledged is sent again after so long, with jitter; the wait doubles up to max. */
  readonly retryMinMs: Millis;
  readonly retryMaxMs: Millis;
  /** Caps of one message to a secondary, and of all that it has not acknowledged. */
  readonly maxBatchMessages: number;
  readonly maxBatchBytes: number;
  readonly maxInFlightMessages: number;
  readonly maxInFlightBytes: number;
  /**
   * Of all that, what may be on its way to a secondary that is behind by more than this. For each byte
   * that is appended meanwhile it may be two more. Lower: live appends are disturbed less, and
   * who is behind gets there later.
   */
  readonly maxCatchUpBytes: number;

  /**
   * A master with an empty disk asks its secondaries what they hold. If nobody who has answered within
   * this time holds a log, it begins one; with `NEVER` only when all have answered.
   */
  readonly beginAfterMs: Millis;

  /** Appends and clears that have not been answered. Past it they are refused. */
  readonly maxWaiting: number;
  /** Bytes of messages that the own disk does not have yet. Past it appends are refused. */
  readonly maxUnsyncedBytes: number;
  /**
   * Retention: once the log has more messages, or bytes, than this, the oldest are dropped, but none
   * that a secondary still lacks. Bytes count as in `maxLogBytes`.
   */
  readonly retainMessages: number;
  readonly retainBytes: number;
  /** The log never takes more memory than this; an append that would exceed it is refused. */
  readonly maxLogBytes: number;
}

export interface SecondaryOptions {
  readonly kind: 'secondary';
  readonly master: NodeId;
  /** Messages beyond a gap that are held back until it is filled. Past it they are refused. */
  readonly maxHeldMessages: number;
  readonly maxHeldBytes: number;
  /**
   * A message from outside that would make the log take more memory than this is refused. What the
   * master sends is taken all the same: the master has a bound of its own.
   */
  readonly maxLogBytes: number;
  /** Requests that wait for the disk, or for what they were delayed on request. */
  readonly maxPendingReplies: number;
  /** For demonstrations and tests: a secondary that is slow, or fails now and then. */
  readonly trouble: Trouble;
}

/** Emulated trouble: of each batch from the master, and of each message from outside. */
export interface Trouble {
  /** Everything to be taken in lies so long before it is looked at. */
  readonly delayMs: Millis;
  /** So many in a thousand fail. */
  readonly errorsPerThousand: number;
  /** Before the append: nothing is taken in. After it: it is, but the sender is told that it failed. */
  readonly errorWhen: 'before' | 'after';
}
