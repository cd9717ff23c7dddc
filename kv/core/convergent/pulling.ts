/**
 * The asking side of a transfer. Whoever is known to have something that is missing here is asked for
 * it, one at a time, so that what many have comes only once.
 *
 * How much is missing follows from what this replica has seen: that is a few numbers, whatever the
 * size of the map. Only where the giver has collected tombstones that were not seen here, its keys
 * must be compared, because nothing is left with it that would tell what is gone.
 */

import type { NodeId } from '../ids';
import { stableFor } from './collecting';
import { mergeAll } from './merging';
import type { Holding, MessageOf } from './messages';
import type { Cell } from './parts_codec';
import type { PeerState } from './peers';
import { joined } from './pieces';
import { mustRefuse } from './reporting';
import type { ConvergentState } from './state';
import { covers, type Vector } from './vectors';

export interface Pulling {
  readonly from: NodeId;
  readonly transfer: number;
  readonly compares: boolean;
  /** The first question, which is asked again as it was. */
  readonly holding: Holding;
  /** What all had seen before it was begun, and so the giver too: no other tombstone goes meanwhile. */
  readonly stable: Vector;
  /** What has come, in slices of keys: kept back until all of it is here. */
  readonly cells: Cell[];
  leaves: readonly number[];
  /** Of the first part: all others must be of the same (`TransferPart`). */
  beginning: number;
  nextPart: number;
  askedAt: number;
  tries: number;
}

/** A question that was not answered so often is given up, and somebody else is asked. */
const MAX_TRIES = 4;

/** Asks for what is missing, asks again, or gives up. */
export function pullWhatIsMissing(node: ConvergentState): void {
  for (const peer of node.peers.everybody) noteAhead(node, peer);
  const { pulling } = node;
  if (pulling !== undefined && !isOver(node, pulling)) return;
  const giver = [...node.peers.everybody]
    .filter((peer) => pullAt(node, peer) <= node.now)
    .reduce<PeerState | undefined>((best, one) => better(best, one), undefined);
  if (giver !== undefined) begin(node, giver);
}

/** Goes on with a transfer that is late, or gives it up. */
function isOver(node: ConvergentState, pulling: Pulling): boolean {
  const peer = node.peers.of(pulling.from);
  const isLost = peer === undefined || peer.linkIsDown;
  if (!isLost && node.now < pulling.askedAt + node.options.pullMs) return false;
  if (!isLost && pulling.tries < MAX_TRIES) {
    ask(node, pulling);
    return false;
  }
  node.narrate(`gives up the transfer from ${pulling.from}`);
  node.pulling = undefined;
  if (peer !== undefined) peer.avoidUntil = node.now + node.options.pullMs;
  return true;
}

function noteAhead(node: ConvergentState, peer: PeerState): void {
  const isAhead = peer.mustCompare || !covers(node.seen, peer.seen);
  if (!isAhead) peer.aheadSince = undefined;
  else peer.aheadSince ??= node.now;
}

/** When it is time to ask this peer: what was pushed may still be under way. */
export function pullAt({ options }: ConvergentState, peer: PeerState): number {
  const { aheadSince, held, heldSince, avoidUntil, linkIsDown } = peer;
  if (linkIsDown) return Number.POSITIVE_INFINITY;
  const first = Math.min(
    aheadSince ?? Number.POSITIVE_INFINITY,
    held.length > 0 ? heldSince : Number.POSITIVE_INFINITY,
  );
  return Math.max(first + options.gapMs, avoidUntil);
}

/** Who was heard of last is the likeliest to answer. */
function better(best: PeerState | undefined, one: PeerState): PeerState {
  return best !== undefined && best.heardAt >= one.heardAt ? best : one;
}

function begin(node: ConvergentState, peer: PeerState): void {
  const { store, seen } = node;
  const isEmpty = store.keyCount === 0;
  const compares = !isEmpty && (peer.mustCompare || !covers(seen, peer.collected));
  const holding: Holding = isEmpty
    ? { kind: 'empty' }
    : compares
      ? { kind: 'leaves', prints: store.leafPrints }
      : { kind: 'seen' };
  const pulling: Pulling = {
    ...{ from: peer.node, transfer: node.nextNumber(), compares, holding },
    stable: stableFor(node),
    ...{ cells: [], leaves: [], beginning: 0, nextPart: 0, askedAt: node.now, tries: 0 },
  };
  node.pulling = pulling;
  node.counts.pulls++;
  if (compares) node.counts.comparisons++;
  ask(node, pulling);
}

function ask(node: ConvergentState, pulling: Pulling): void {
  pulling.askedAt = node.now;
  pulling.tries++;
  const { from, transfer, nextPart, holding } = pulling;
  const isFirst = nextPart === 0;
  node.send(from, {
    ...{ kind: 'pull', transfer, part: nextPart, seen: node.seen },
    holding: isFirst ? holding : { kind: 'seen' },
  });
}

export function receivePart(
  node: ConvergentState,
  from: NodeId,
  peer: PeerState,
  part: MessageOf<'part'>,
): void {
  const { pulling } = node;
  const isExpected =
    pulling?.from === from && pulling.transfer === part.transfer && pulling.nextPart === part.part;
  if (!isExpected) return;
  if (part.part === 0) pulling.beginning = part.beginning;
  if (part.beginning !== pulling.beginning) {
    node.narrate(`${from} has begun the transfer anew; so does this node`);
    node.pulling = undefined;
    return;
  }
  if (mustRefuse(node, peer, part.seen)) {
    node.pulling = undefined;
    return;
  }
  pulling.cells.push(...part.cells);
  if (part.part === 0) pulling.leaves = part.leaves;
  if (!part.isLast) {
    pulling.nextPart++;
    pulling.tries = 0;
    return ask(node, pulling);
  }
  node.pulling = undefined;
  peer.mustCompare = false;
  if (covers(node.seen, part.seen)) peer.hasNoMore(part.seen);
  // What the giver has collected is gone from here too, without a tombstone.
  const { seen, collected } = part;
  mergeAll(node, { seen, collected, cells: joined(pulling.cells), leaves: pulling.leaves });
}
