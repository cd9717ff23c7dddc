/** What a convergent replica is told when it starts. Nothing but `maxDriftMs` need be alike on all. */

import type { Millis, NodeId, StorageId } from '../ids';

export interface ConvergentOptions {
  /**
   * The name by which peers know this node, the same after a restart and also with another disk:
   * `host:port`, say. Whoever comes back under another name is another peer.
   */
  readonly self: NodeId;
  /** Where peers reach this node; they are told when it registers somebody. */
  readonly address: string;
  /**
   * The identity of its disk, which is the replica's id: it is in every stamp. A node that lost its
   * disk is another author, so nothing is ever stamped twice.
   */
  readonly storage: StorageId;
  /** Feeds the numbers of transfers, which must differ between starts. */
  readonly seed: number;
  /** Whether lines of the trace are made. */
  readonly trace: boolean;
  /**
   * The wall clock at the moment `now` of the constructor, in milliseconds of the Unix epoch. From
   * there it runs on with the monotonic clock, until a request brings another reading.
   */
  readonly wall: Millis;
  /** What a peer says is refused whole if a stamp in it is so far ahead of this wall clock. */
  readonly maxDriftMs: Millis;

  /** A change is told to a peer so long after it at the latest; then less and less often. */
  readonly reportMinMs: Millis;
  readonly reportMaxMs: Millis;
  /** What was pushed out of order waits so long for what comes before it, then that is asked for. */
  readonly gapMs: Millis;
  /** What was asked for and does not come is asked for again, or of somebody else. */
  readonly pullMs: Millis;
  /** Nothing is pushed to a peer that was not heard of for so long. */
  readonly silentMs: Millis;
  /** How often a node that has nothing to say compares with one of its peers. */
  readonly antiEntropyMs: Millis;

  readonly maxKeyBytes: number;
  /** Of one key, whatever its type: a set or register counts whole. */
  readonly maxValueBytes: number;
  /** Keys in one request. */
  readonly maxChanges: number;
  /** All keys of one request together, as they are stored. At most a frame of the transport. */
  readonly maxUpdateBytes: number;
  /** About how much one message or record carries; one part of a key alone may be more. */
  readonly maxBytesPerMessage: number;
  /** So many messages of each peer may wait for what comes before them. */
  readonly maxHeldPushes: number;
  /** And so many bytes of them, of each peer; one alone may be more. */
  readonly maxHeldBytes: number;
  /** Past this many requests that wait for the disk, further ones are refused. */
  readonly maxPendingRequests: number;
  readonly maxPeers: number;
  /** Replicas that have ever written, those that lost their disks included. */
  readonly maxReplicas: number;

  /** A snapshot is taken when so many bytes of records were written since the last one. */
  readonly snapshotJournalBytes: number;
  readonly snapshotSliceBytes: number;
}
