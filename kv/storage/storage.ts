/**
 * What a driver needs of a node's disk: it takes the storage effects of the contract and answers
 * with its storage events. `DurableStorage` is the journal and the snapshots on a real disk,
 * `MemoryStorage` keeps the same promises without one; one conformance suite runs on both.
 */

import type { NodeId, StorageId } from '../core/ids';
import type { Recovered, StorageEffect, StorageEvent } from '../core/protocol';

export type { StorageEffect, StorageEvent };

/** Who a data folder belongs to. Written once, when the folder is created. */
export interface StorageIdentity {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  /** Drawn when the folder was created, so that a wiped or swapped disk is noticed. */
  readonly storageId: StorageId;
}

export interface StorageStats {
  readonly journalBytes: number;
  readonly journalSegments: number;
  readonly snapshotBytes: number;
  /** Completed flushes of the journal since the start. */
  readonly fsyncCount: number;
  /** How long the last flush took, in milliseconds; 0 before the first. */
  readonly lastFsyncMs: number;
  /** Records handed over whose flush has not completed. */
  readonly pendingRecords: number;
}

export interface StorageListener {
  event(event: StorageEvent): void;
  /**
   * The disk failed (a failed write or flush, a full disk, a folder that vanished). Nothing that
   * was not reported as persisted may be relied on, and nothing more will be: the node must stop.
   */
  failed(error: Error): void;
}

export interface Storage {
  readonly identity: StorageIdentity;
  /** What the folder held when it was opened. To be consumed once, before `listen`. */
  readonly recovered: Recovered;
  /** Says who hears of events; called once, before the first `perform`. */
  listen(listener: StorageListener): void;
  /**
   * Carries out one effect. Returns at once; events tell how it went. With `mayWait` it may return
   * later, once a write is durable, if that is the faster way; the event may come before it returns.
   */
  perform(effect: StorageEffect, mayWait?: boolean): void;
  stats(): StorageStats;
  /** Waits for what was handed over, then releases the folder. */
  close(): Promise<void>;
}
