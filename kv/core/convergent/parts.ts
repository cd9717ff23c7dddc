/**
 * What a replica holds of a key: a set of parts, each with the stamp of the update that made it.
 *
 * All types are made of parts, and one rule merges them, that of the optimised add-wins set (Bieniusa
 * et al., 2012) and of dot stores (Almeida, Shoker and Baquero, 2018): *a part stays if both hold it,
 * or if the one that does not hold it has not seen it.* Who has seen it and does not hold it has
 * removed it. What a replica has seen is its vector, one for all its keys, so removing needs no trace
 * in the data.
 *
 * Beside it there is one rule for `value` and `deleted`: of all of a key the last wins. Here a delete
 * needs a trace, a tombstone, because it must win over earlier writes that it had not seen.
 *
 * Where replicas gave a key different types at the same time, it shows the type that was written
 * last by the clock; the next write removes the parts of the others.
 */

import type { ByteString } from '../command';
import type { ValueType, View } from './requests';
import { compareStamps, type Stamp } from './stamps';
import { hasSeen, type Vector } from './vectors';

export type Part =
  /** The value that was put. */
  | { readonly kind: 'value'; readonly stamp: Stamp; readonly text: ByteString }
  /** All values before this stamp are deleted. */
  | { readonly kind: 'deleted'; readonly stamp: Stamp }
  /** Parts were removed: kept so that whoever has not seen this update is sent the key. */
  | { readonly kind: 'removed'; readonly stamp: Stamp }
  /** The sum of all increments by the replica of the stamp. */
  | { readonly kind: 'count'; readonly stamp: Stamp; readonly amount: number }
  | { readonly kind: 'element'; readonly stamp: Stamp; readonly text: ByteString }
  /** One of the concurrent values of a register. */
  | { readonly kind: 'sibling'; readonly stamp: Stamp; readonly text: ByteString };

/** What one replica may have added to a counter: so that the sums of all replicas stay exact. */
export const MAX_COUNT = 2 ** 42;

export type PartKind = Part['kind'];

/** Sorted by `compareParts`, no two alike. None: the key is not held. */
export type Parts = readonly Part[];
export const NO_PARTS: Parts = [];

const textOf = (part: Part): ByteString => ('text' in part ? part.text : '');

/** By stamp; one update may add several elements. */
export function compareParts(one: Part, other: Part): number {
  const byStamp = compareStamps(one.stamp, other.stamp);
  if (byStamp !== 0) return byStamp;
  const [a, b] = [one.kind + textOf(one), other.kind + textOf(other)];
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Parts that say that something is gone. They show nothing, and are collected. */
export const isTombstone = ({ kind }: Part): boolean => kind === 'deleted' || kind === 'removed';

/** Whether clients see the key. */
export const isPresent = (parts: Parts): boolean => parts.some((part) => !isTombstone(part));

/** What clients see comes from these alone. */
export const livingParts = (parts: Parts): Parts =>
  parts.some(isTombstone) ? parts.filter((part) => !isTombstone(part)) : parts;

/** What a replica that holds `mine` and has seen `seen` holds after it was told of another's. */
export function mergeParts(mine: Parts, seen: Vector, theirs: Parts, theirSeen: Vector): Parts {
  const merged: Part[] = [];
  let [i, j] = [0, 0];
  while (i < mine.length || j < theirs.length) {
    const [one, other] = [mine[i], theirs[j]];
    const order = one === undefined ? 1 : other === undefined ? -1 : compareParts(one, other);
    if (order <= 0) i++;
    if (order >= 0) j++;
    if (order === 0) merged.push(one as Part);
    // A tombstone stays until this replica itself knows that it is not needed any more.
    else if (order < 0) {
      if (isTombstone(one as Part) || !hasSeen(theirSeen, (one as Part).stamp)) {
        merged.push(one as Part);
      }
    } else if (!hasSeen(seen, (other as Part).stamp)) merged.push(other as Part);
  }
  return lastValueWins(merged);
}

/** Of values and deletes only the last stays. */
function lastValueWins(parts: Part[]): Parts {
  const last = parts.findLastIndex(isOfValue);
  const first = parts.findIndex(isOfValue);
  if (first === last) return parts;
  return parts.filter((part, at) => at === last || !isOfValue(part));
}

const isOfValue = ({ kind }: Part): boolean => kind === 'value' || kind === 'deleted';

const TYPE_OF: Readonly<Record<PartKind, ValueType | undefined>> = {
  value: 'value',
  deleted: undefined,
  removed: undefined,
  count: 'counter',
  element: 'set',
  sibling: 'register',
};

/** The type that was written last; undefined if the key is absent. */
export function typeOf(parts: Parts): ValueType | undefined {
  const last = parts.findLast((part) => !isTombstone(part));
  return last && TYPE_OF[last.kind];
}

/** What clients see of a key; undefined if it is absent. */
export function viewOf(parts: Parts): View | undefined {
  const type = typeOf(parts);
  if (type === undefined) return undefined;
  const shown = parts.filter(({ kind }) => TYPE_OF[kind] === type);
  switch (type) {
    case 'value':
      return { type, value: shown.map(textOf).join('') };
    case 'counter':
      return { type, count: shown.reduce((sum, part) => sum + amountOf(part), 0) };
    case 'set':
      return { type, elements: [...new Set(shown.map(textOf))].sort() };
    case 'register':
      return { type, values: shown.map(textOf) };
  }
}

const amountOf = (part: Part): number => (part.kind === 'count' ? part.amount : 0);

/** About how much memory the parts of a key take. */
const PART_BYTES = 48;
export function sizeOf(parts: Parts): number {
  let size = 0;
  for (const part of parts) size += PART_BYTES + textOf(part).length;
  return size;
}
