/**
 * Dots and histories: who wrote a version, and which versions it has seen.
 *
 * A dot names one version of one key: the node that issued it, in one of its epochs, and a counter
 * for the key. A history is a *set of dots*, exact, kept as intervals. Plain version vectors say
 * "everything of this node up to 5" and so include versions that nobody has read; a set of
 * intervals says what was read and nothing else, and is as short as a vector once there is no
 * conflict left (Preguiça et al., "Dotted Version Vectors", 2010, for the difference).
 */

import type { StorageId } from '../ids';

export interface Dot {
  /** The disk of the node that issued it: a node that has lost its disk is another one. */
  readonly storage: StorageId;
  /** Grows with each start of the node, so that counters that were not durable never come again. */
  readonly epoch: number;
  /** 1, 2, 3, … for each key. */
  readonly counter: number;
}

/**
 * Intervals of dots, four numbers each: storage, epoch, first and last counter. Sorted, and with a
 * gap between any two of one epoch, so that equal sets are equal lists.
 */
export type Past = readonly number[];

export const NO_PAST: Past = [];
/** The numbers of one interval. */
export const WIDTH = 4;

/**
 * More intervals than this, and the oldest epochs of each disk are forgotten (as in Dynamo §4.4),
 * but never what the client has named. What was forgotten may come back as a conflict that was
 * resolved long ago; it can never hide a write.
 */
export const MAX_INTERVALS = 512;

export function compareDots(one: Dot, other: Dot): number {
  return one.storage - other.storage || one.epoch - other.epoch || one.counter - other.counter;
}

export function hasDot(past: Past, dot: Dot): boolean {
  for (let at = 0; at < past.length; at += WIDTH) {
    if (past[at] !== dot.storage || past[at + 1] !== dot.epoch) continue;
    if (dot.counter >= (past[at + 2] as number) && dot.counter <= (past[at + 3] as number)) {
      return true;
    }
  }
  return false;
}

export const pastOf = ({ storage, epoch, counter }: Dot): Past => [
  storage,
  epoch,
  counter,
  counter,
];

/** The union of two sets of dots. */
export function joinPasts(one: Past, other: Past): Past {
  if (one.length === 0) return other;
  if (other.length === 0) return one;
  const joined: number[] = [];
  let left = 0;
  let right = 0;
  while (left < one.length || right < other.length) {
    const fromLeft =
      right >= other.length || (left < one.length && isBefore(one, left, other, right));
    if (fromLeft) {
      append(joined, one, left);
      left += WIDTH;
    } else {
      append(joined, other, right);
      right += WIDTH;
    }
  }
  return joined;
}

function isBefore(one: Past, left: number, other: Past, right: number): boolean {
  for (let i = 0; i < WIDTH; i++) {
    const difference = (one[left + i] as number) - (other[right + i] as number);
    if (difference !== 0) return difference < 0;
  }
  return true;
}

/** Adds an interval that begins at or behind the last one; the two become one where they touch. */
function append(joined: number[], from: Past, at: number): void {
  const [storage, epoch, first, last] = from.slice(at, at + WIDTH) as [
    number,
    number,
    number,
    number,
  ];
  const end = joined.length - WIDTH;
  const isSame = end >= 0 && joined[end] === storage && joined[end + 1] === epoch;
  if (isSame && first <= (joined[end + 3] as number) + 1) {
    joined[end + 3] = Math.max(joined[end + 3] as number, last);
  } else joined.push(storage, epoch, first, last);
}

/**
 * The past within its bound. Kept first are the intervals of `named`, a part of it: a write whose past
 * lacks a version that its client has read does not replace it, and no later one could. Of the others
 * the newest of each disk are kept: epochs are counted by each disk for itself, so those of two disks
 * do not say which is older.
 */
export function boundedPast(past: Past, named: Past, maxIntervals = MAX_INTERVALS): Past {
  const count = past.length / WIDTH;
  if (count <= maxIntervals) return past;
  /** Which place of its disk an interval has, counted from the newest; 0 for what was named. */
  const ranks = new Map<number, number>();
  let later = 0;
  for (let at = past.length - WIDTH; at >= 0; at -= WIDTH) {
    later = past[at] === past[at + WIDTH] ? later + 1 : 1;
    ranks.set(at, holdsAny(past, at, named) ? 0 : later);
  }
  const places = [...ranks.keys()].sort(
    (x, y) => (ranks.get(x) as number) - (ranks.get(y) as number) || x - y,
  );
  const mustStay = places.filter((at) => ranks.get(at) === 0).length;
  const kept = places.slice(0, Math.max(maxIntervals, mustStay)).sort((x, y) => x - y);
  return kept.flatMap((at) => past.slice(at, at + WIDTH));
}

/** Whether the interval at this place holds dots of `some`, which is a part of the same past. */
function holdsAny(past: Past, at: number, some: Past): boolean {
  for (let i = 0; i < some.length; i += WIDTH) {
    if (some[i] !== past[at] || some[i + 1] !== past[at + 1]) continue;
    const first = some[i + 2] as number;
    if (first >= (past[at + 2] as number) && first <= (past[at + 3] as number)) return true;
  }
  return false;
}

/** Whether numbers from outside are what a {@link Past} must be. */
export function isPast(numbers: readonly number[]): boolean {
  for (let at = 0; at < numbers.length; at += WIDTH) {
    const [storage, epoch, first, last] = numbers.slice(at, at + WIDTH) as [
      number,
      number,
      number,
      number,
    ];
    if (storage < 1 || epoch < 1 || first < 1 || last < first) return false;
    if (at === 0) continue;
    const [storageBefore, epochBefore, , lastBefore] = numbers.slice(at - WIDTH, at) as [
      number,
      number,
      number,
      number,
    ];
    if (storage < storageBefore) return false;
    if (storage > storageBefore) continue;
    if (epoch < epochBefore) return false;
    if (epoch === epochBefore && first <= lastBefore + 1) return false;
  }
  return true;
}
