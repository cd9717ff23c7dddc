/**
 * A write that waits for its copies, as a value: what it wants, and whether it has it.
 *
 * `ends` are the places up to which each node is known to have the log durably: the master's own
 * first, then one for each secondary, in any order. A copy of a message is an end beyond it. The
 * master's own copy must be one of those that count.
 */

import type { Millis, RequestId } from '../ids';

export interface WaitingWrite {
  readonly request: RequestId;
  readonly id: string;
  readonly order: number;
  /** So many copies are wanted, the master's included. */
  readonly w: number;
  readonly deadline: Millis;
  readonly isNew: boolean;
  readonly isSame: boolean;
}

/** The nodes that are known to have a message durably. */
export const copiesOf = (order: number, ends: readonly number[]): number =>
  ends.filter((end) => end > order).length;

/** Below this order, every message is on the master and on `w` nodes in all. */
export function reachedWith(w: number, [own = 0, ...others]: readonly number[]): number {
  const descending = [...others].sort((x, y) => y - x);
  return w <= 1 ? own : Math.min(own, descending[w - 2] ?? 0);
}

export const isEnough = ({ order, w }: WaitingWrite, ends: readonly number[]): boolean =>
  order < reachedWith(w, ends);

export const isExpired = ({ deadline }: WaitingWrite, now: Millis): boolean => deadline <= now;
