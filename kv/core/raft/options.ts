/**
 * What a Raft node is told when it is made. All durations are in milliseconds, all sizes in bytes.
 * The shell (`kv/config.ts`) holds the defaults and checks them against each other.
 */

import type { Millis, NodeId, StorageId } from '../ids';

export interface RaftOptions {
  readonly self: NodeId;
  /** The identity of this node's data folder: a vote or an acknowledgement is bound to it. */
  readonly storage: StorageId;
  /** The voters of a new cluster, this node included. A stored configuration wins over it. */
  readonly members: readonly NodeId[];
  /** Seeds all that is random. Must differ between nodes, and between the starts of one node. */
  readonly seed: number;
  /** Build trace lines. */
  readonly trace: boolean;

  /**
   * An election timeout is drawn from this range for each wait (§5.2). A leader that was promised a
   * lease may count on nobody else being elected within the shortest one.
   */
  readonly electionTimeoutMinMs: Millis;
  readonly electionTimeoutMaxMs: Millis;
  /**
   * How far apart at least candidates stand; the slower the measured round trips the further, up to
   * the difference of the two timeouts.
   */
  readonly electionSpreadMinMs: Millis;
  readonly heartbeatMs: Millis;
  /** How long a flush may take before a leader gives up its leadership. */
  readonly maxDiskStallMs: Millis;

  /** Caps on one AppendEntries; one entry always fits, whatever its size. */
  readonly maxEntriesPerMessage: number;
  readonly maxBytesPerMessage: number;
  /** Caps on what is sent to one follower and not yet acknowledged. */
  readonly maxInflightMessages: number;
  readonly maxInflightBytes: number;
  /** How long a follower that no quorum needs may be left without what is new; 0 for never. */
  readonly spareDelayMs: Millis;
  /** It waits no longer than this for those that a quorum does need. */
  readonly sparePatienceMs: Millis;
  /** It gets at once what is so many entries, or fills a message. */
  readonly spareMessageEntries: number;
  /** A leader applies in a later step what it has answered only where it is so many entries. */
  readonly applyLaterEntries: number;
  /** Past this many bytes of entries that are not committed, proposals are refused. */
  readonly maxUncommittedBytes: number;
  /** Past this many unanswered requests of clients, further ones are refused. */
  readonly maxPendingRequests: number;

  /** A snapshot is taken when this much log has been applied since the last one, … */
  readonly snapshotLogBytes: number;
  /** … and as many hundredths of the last one’s size: the larger of the two counts. */
  readonly snapshotLogPercent: number;
  /** Each one is taken earlier by up to this part of that, at random, so that nodes take turns. */
  readonly snapshotSpreadPercent: number;
  /** This much log is kept behind a snapshot for followers that are a little behind. */
  readonly keepLogBytes: number;
  /** The size of one slice of a snapshot. */
  readonly snapshotSliceBytes: number;

  /** Proposed by a new leader with its no-op, for the state machine: see `machine/sessions.ts`. */
  readonly machineSettings: Uint8Array;
}

/** At most this many entries are applied in one step, so that no step takes long. */
export const MAX_APPLIED_PER_STEP = 1024;
/** At most this many bytes of entries are applied in one step. */
export const MAX_APPLIED_BYTES_PER_STEP = 256 * 1024;
/** A node puts off applying for other work in at most so many steps one after the other. */
export const MAX_STEPS_PUT_OFF = 2;
/** More messages than this are not held back: the oldest are dropped, as a network may do. */
export const MAX_HELD_MESSAGES = 1024;
