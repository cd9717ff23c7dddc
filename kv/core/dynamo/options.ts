/** What a Dynamo node is told when it starts. All nodes of a group must agree on `replicas`. */

import type { Millis, NodeId, StorageId } from '../ids';
import type { MergeRule } from './merges';

export interface DynamoOptions {
  /** This node's address for its peers. */
  readonly self: NodeId;
  /** What it is called in lists; clients and operators know it by that. */
  readonly name: string;
  /** The identity of its disk: dots carry it, so a node that lost its disk is another author. */
  readonly storage: StorageId;
  /** Feeds the numbers of requests between nodes, which must differ between starts. */
  readonly seed: number;
  /** Whether lines of the trace are made. */
  readonly trace: boolean;

  /** N: on how many nodes each key lies. */
  readonly replicas: number;
  /**
   * The members of a new group, this node included; used when the disk holds no table yet. None for
   * a node that waits to be told whom to join.
   */
  readonly founders: readonly { readonly id: NodeId; readonly name: string }[];
  /** The number of that new group, 1 to 2^48-1; equal for all founders. */
  readonly group: number;
  /** A member of a group to join, when the disk holds no table yet. */
  readonly seedNode?: NodeId | undefined;
  /** 16 bytes, equal for all nodes of a group: they seal the metadata of versions. */
  readonly metadataSecret: Uint8Array;
  /** Which keys resolve their conflicts by themselves; equal for all nodes. */
  readonly merges: readonly MergeRule[];

  /** A node that has not answered for so long is replaced by a stand-in. */
  readonly standInMs: Millis;
  /** A request that cannot get its quorum is given up after so long at the earliest. */
  readonly giveUpMs: Millis;
  /** A suspected node is asked again after so long, then less and less often. */
  readonly probeMinMs: Millis;
  readonly probeMaxMs: Millis;
  /** What was handed over and is not confirmed within this time is handed over again. */
  readonly exchangeMs: Millis;
  /** A node whose disk has not done for so long what it was given takes in nothing further. */
  readonly maxDiskLagMs: Millis;
  /** How often a node compares its data with another's. */
  readonly antiEntropyMs: Millis;

  /** Past this many requests of clients under way, further ones are refused. */
  readonly maxPendingRequests: number;
  /** So many keys are kept for others at most. */
  readonly maxHints: number;
  /** A key that has so many concurrent versions takes no further one. */
  readonly maxSiblings: number;
  /** Nor one whose versions have so many bytes together: whoever reads it is given all of them. */
  readonly maxSiblingBytes: number;
  /** Keys in one comparison, and about how many bytes of versions in one message or record. */
  readonly maxKeysPerMessage: number;
  readonly maxBytesPerMessage: number;
  /** Of so many keys this node remembers the counters of the versions that it issued. */
  readonly maxCounters: number;

  /** A snapshot is taken when so many bytes of records were written since the last one. */
  readonly snapshotJournalBytes: number;
  readonly snapshotSliceBytes: number;
}

/** Keys looked at in one step after the ring has changed, so that no step takes long. */
export const KEYS_PER_SWEEP = 1000;
/** Partitions compared at once by a node that joins. */
export const PARTITIONS_PER_SURVEY = 512;
