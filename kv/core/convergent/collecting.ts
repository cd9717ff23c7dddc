/**
 * Collecting tombstones, once nothing can come any more that they would have to stop: when every peer
 * has said, after having seen the tombstone, what it has seen, and all its own updates from before
 * that have come here (`PeerState.settle`). Whatever was written without knowing of the delete was
 * then stopped, here or with a peer that has the tombstone, or was written later by the clock, and
 * wins rightly.
 *
 * A transfer shows what its giver held when it was begun, which may have been before the giver had
 * the tombstone. So while one is under way, only what every peer had before it is collected
 * (`Pulling.stable`). Each new transfer moves that on, so collecting goes on also where none ends.
 *
 * That a deleted part does not come back from somebody who was away needs no tombstone: it has been
 * seen, and who has seen a part does not take it again (`parts.ts`).
 *
 * Who is unregistered collects nothing. It hears of nobody any more, and may be a peer after all: by
 * a registration that is under way to it and wins. Its peers then count on its having the tombstones.
 */

import { isTombstone, type Part } from './parts';
import type { Cell } from './parts_codec';
import type { ConvergentState } from './state';
import { hasSeen, intersection, isEqual, type Vector, withStamp } from './vectors';

/** Keys looked at in one step, so that no step takes long. */
const KEYS_PER_STEP = 1000;

export function collectTombstones(node: ConvergentState): void {
  if (!node.peers.isRegistered) return;
  const stable = collectable(node);
  if (node.stable === undefined || !isEqual(node.stable, stable)) {
    node.stable = stable;
    node.collecting = node.store.tombstoneKeys();
  }
  const { collecting } = node;
  if (collecting === undefined) return;
  const cells: Cell[] = [];
  let { collected } = node;
  for (let i = 0; i < KEYS_PER_STEP; i++) {
    const next = collecting.next();
    if (next.done) {
      node.collecting = undefined;
      break;
    }
    const parts = node.store.partsOf(next.value);
    const gone = parts.filter((part) => isTombstone(part) && hasSeen(stable, part.stamp));
    if (gone.length === 0) continue;
    for (const { stamp } of gone) collected = withStamp(collected, stamp);
    cells.push({ key: next.value, parts: parts.filter((part: Part) => !gone.includes(part)) });
  }
  if (cells.length === 0) return;
  node.counts.collected += cells.length;
  node.narrate(`collects the tombstones of ${cells.length} keys`);
  node.take({ collected, cells });
}

/** What no update can come any more that has not seen it and is from before it. */
function collectable(node: ConvergentState): Vector {
  const stable = stableFor(node);
  return node.pulling === undefined ? stable : intersection(stable, node.pulling.stable);
}

/** What every replica that is known has seen, durably and for certain. */
export function stableFor(node: ConvergentState): Vector {
  let stable = node.durablySeen;
  for (const peer of node.peers.all) {
    peer.settle(node.seen);
    stable = intersection(stable, peer.settled);
  }
  return stable;
}
