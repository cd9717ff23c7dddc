/**
 * What the simulator needs of a node's disk: the storage half of the contract (`../core/protocol.ts`)
 * in simulated time, with the ways in which a disk can fail.
 *
 * `ModelDisk` (`model_disk.ts`) keeps records and snapshots as the contract speaks of them. A disk
 * below which the real journal runs, on simulated files, is put in from outside: the pure half
 * must not know it.
 */

import type { StorageId } from '../core/ids';
import type { Prng } from '../core/prng';
import type { Recovered, StorageEffect, StorageEvent } from '../core/protocol';

/** What a disk is given by the machine that it is in. */
export interface DiskHost {
  /**
   * Calls back after so many milliseconds of simulated time. If the process has ended by then, that is
   * for the disk to see: it may still have to finish something.
   */
  later(delayMs: number, action: () => void): void;
  /** Tells the node. */
  event(event: StorageEvent): void;
  /** The disk failed: the node must stop, and nothing not yet reported may be relied on. */
  failed(reason: string): void;
}

/** How a process ends, as far as its disk is concerned. */
export type Ending =
  /** SIGKILL: what was written stays, what was not begun does not. */
  | 'kill'
  /** The power went: of what was not flushed anything may be lost, in any order and in part. */
  | 'power_cut'
  /** SIGTERM: it finishes what it was given, unless somebody opens it or the power goes before. */
  | 'stop';

/** Physical harm to what is durable, or failures of what is asked next. */
export type DiskFault =
  /** One bit of something durable is not what it was. */
  | 'bit_flip'
  /** The next write goes to a wrong place, and damages what was there. */
  | 'misdirected_write'
  /** The next write, or the next flush, fails. */
  | 'failed_write'
  | 'failed_flush'
  /** No room, until the node is restarted. */
  | 'full';

export interface Disk {
  /** The identity of the data folder; another one after `wipe`. */
  readonly storage: StorageId;
  /**
   * Opens it for a process that starts now. Throws `DiskDamaged` where something that was promised
   * is not there any more; whatever was not promised may be lost without a word.
   */
  open(host: DiskHost): Recovered;
  perform(effect: StorageEffect): void;
  /**
   * The process has ended, and hears nothing from here on. Only a disk that is to `stop` asks its host
   * for more time.
   */
  close(how: Ending): void;
  /** Replaced by an empty one. Only while no process uses it. */
  wipe(storage: StorageId): void;
  /** Does harm now, or to what comes next; false if there is nothing that it could harm. */
  harm(fault: DiskFault): boolean;
  /** Takes back what `harm` has prepared for later; harm that was done stays. */
  calm(): void;
  /** Each flush takes from so many to so many milliseconds from now on. */
  setLatency(minMs: number, maxMs: number): void;
}

export type DiskFactory = (storage: StorageId, prng: Prng) => Disk;

/** What was promised is not there: a node must not start, and be repaired from its peers. */
export class DiskDamaged extends Error {
  override readonly name = 'DiskDamaged';
}
