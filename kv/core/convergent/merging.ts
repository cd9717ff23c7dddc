/** Taking over what another replica has said it holds. */

import type { ByteString } from '../command';
import { mergeParts, NO_PARTS, type Parts } from './parts';
import type { Cell } from './parts_codec';
import type { ConvergentState } from './state';
import type { Vector } from './vectors';

export interface Told {
  /** What the other had seen when it held these. */
  readonly seen: Vector;
  readonly cells: readonly Cell[];
  readonly collected?: Vector;
  /** Of the keys in these groups the other holds no more than is in `cells`. */
  readonly leaves?: readonly number[];
}

/** Everything becomes visible at once. Afterwards this replica has seen what the other had. */
export function mergeAll(node: ConvergentState, told: Told): void {
  const changed: Cell[] = [];
  const merge = (key: ByteString, theirs: Parts): void => {
    const mine = node.store.partsOf(key);
    const parts = mergeParts(mine, node.seen, theirs, told.seen);
    const isSame = parts.length === mine.length && parts.every((part, i) => part === mine[i]);
    if (!isSame) changed.push({ key, parts });
  };
  for (const { key, parts } of told.cells) merge(key, parts);
  const { leaves = [] } = told;
  if (leaves.length > 0) {
    const there = new Set(told.cells.map(({ key }) => key));
    for (const leaf of leaves) {
      for (const key of node.store.keysIn(leaf)) if (!there.has(key)) merge(key, NO_PARTS);
    }
  }
  node.counts.received += changed.length;
  node.take({ seen: told.seen, collected: told.collected ?? node.collected, cells: changed });
}
