/**
 * The giving side of a transfer: what the other lacks, as it was when it asked. Parts of keys never
 * change, so to keep what a key was costs a reference; the transfer is consistent however long it
 * takes and however many of its messages are lost.
 */

import type { ByteString } from '../command';
import type { NodeId } from '../ids';
import type { MessageOf } from './messages';
import type { Cell } from './parts_codec';
import type { PeerState } from './peers';
import { inPieces } from './pieces';
import type { ConvergentState } from './state';
import { covers, type Vector } from './vectors';

export interface Giving {
  readonly transfer: number;
  /** See `TransferPart`. */
  readonly beginning: number;
  readonly pieces: readonly (readonly Cell[])[];
  readonly seen: Vector;
  readonly collected: Vector;
  readonly leaves: readonly number[];
  /** Everything in it is durable here: before, it must not be told. */
  isReady: boolean;
  /** Nobody has asked for a part for so long that nobody will. */
  expiresAt: number;
}

/** A transfer that is not asked for is kept for so many times the patience of the one who asks. */
const PATIENCE = 20;

export function receivePull(
  node: ConvergentState,
  from: NodeId,
  peer: PeerState,
  pull: MessageOf<'pull'>,
): void {
  const giving = node.giving.get(from);
  if (giving?.transfer === pull.transfer) {
    if (giving.isReady) sendPart(node, from, giving, pull.part);
    return;
  }
  // A transfer that is not known here any more cannot be gone on with: it will be begun anew.
  if (pull.part > 0) return;
  const mustCompare = pull.holding.kind === 'seen' && !covers(pull.seen, node.collected);
  if (mustCompare) {
    // The other will see from the report that it has to compare.
    peer.reportNow ??= 'answer';
    return;
  }
  begin(node, from, pull);
}

function begin(node: ConvergentState, from: NodeId, pull: MessageOf<'pull'>): void {
  const { store, seen, collected, options, now } = node;
  const keys: Set<ByteString> = store.missingFrom(pull.seen);
  const { holding } = pull;
  const leaves = holding.kind === 'leaves' ? store.leavesUnlike(holding.prints) : [];
  for (const leaf of leaves) for (const key of store.keysIn(leaf)) keys.add(key);
  const cells = [...keys].map((key) => ({ key, parts: store.partsOf(key) }));
  const pieces = inPieces(cells, options.maxBytesPerMessage);
  if (pieces.length === 0) pieces.push([]);
  const giving: Giving = {
    ...{ transfer: pull.transfer, beginning: node.nextNumber() },
    ...{ pieces, seen, collected, leaves },
    ...{ isReady: false, expiresAt: now + PATIENCE * options.pullMs },
  };
  forgetStrangers(node);
  node.giving.set(from, giving);
  forgetLater(node, from, giving);
  node.journal.whenDurable(() => {
    giving.isReady = true;
    sendPart(node, from, giving, 0);
  });
}

function sendPart(node: ConvergentState, to: NodeId, giving: Giving, part: number): void {
  const { transfer, beginning, pieces, seen, collected } = giving;
  const cells = pieces[part];
  if (cells === undefined) return;
  giving.expiresAt = node.now + PATIENCE * node.options.pullMs;
  const isLast = part === pieces.length - 1;
  const leaves = part === 0 ? giving.leaves : [];
  const place = { transfer, beginning, part, isLast };
  node.send(to, { kind: 'part', ...place, seen, collected, leaves, cells }, 'bulk');
}

/** Who is not known any more is given nothing more: transfers are as few as the nodes that are known. */
export function forgetStrangers({ giving, peers }: ConvergentState): void {
  for (const node of giving.keys()) if (peers.of(node) === undefined) giving.delete(node);
}

function forgetLater(node: ConvergentState, to: NodeId, giving: Giving): void {
  node.alarms.at(giving.expiresAt, () => {
    if (node.giving.get(to) !== giving) return;
    if (giving.expiresAt > node.now) forgetLater(node, to, giving);
    else node.giving.delete(to);
  });
}
