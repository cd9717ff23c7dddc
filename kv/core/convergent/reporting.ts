/**
 * Reporting: telling others what this replica has seen. It is how losses are noticed, how it becomes
 * known that all have a delete, and all that is said while nothing happens.
 *
 * A peer is told soon after something has changed, and again, less and less often, until it is known
 * to have everything. Then there is silence, but for one report now and then in case something was
 * overlooked.
 */

import type { NodeId } from '../ids';
import { isAlike } from './fingerprint';
import type { MessageOf } from './messages';
import type { PeerState } from './peers';
import type { ConvergentState } from './state';
import { covers, isEqual, newest, union, type Vector } from './vectors';

export function receiveReport(
  node: ConvergentState,
  peer: PeerState,
  report: MessageOf<'report'>,
): void {
  const isNewest = covers(report.seen, peer.seen);
  if (!covers(peer.seen, report.seen)) peer.waitMs = node.options.reportMinMs;
  // Reports are of what is durable, so an older one of that disk is still true when it comes late.
  peer.reported(report.replica, report.seen);
  peer.collected = union(peer.collected, report.collected);
  if (isNewest) peer.fingerprint = report.fingerprint;
  // A stranger who reports takes this node for a peer: from what it lacks it learns that it is none.
  const isMistaken = !node.peers.isPeer(peer.node) && !covers(report.seen, node.seen);
  if (report.wantsReport || isMistaken) peer.reportNow ??= 'answer';
  if (isNewest && isEqual(report.seen, node.seen)) {
    const isSame = isAlike(report.fingerprint, node.store.fingerprint);
    if (!isSame && !peer.mustCompare)
      node.narrate(`${peer.node} has seen the same and holds other`);
    peer.mustCompare = !isSame;
  }
  mustRefuse(node, peer, report.seen);
}

/**
 * Whether something in this is too far ahead of the clock here: its clock is wild, or ours is. Then
 * nothing is taken over from it for a while.
 */
export function mustRefuse(node: ConvergentState, peer: PeerState, seen: Vector): boolean {
  const aheadMs = node.clock.aheadMs(newest(seen), node.now);
  if (aheadMs <= node.options.maxDriftMs) return false;
  peer.refusedAheadMs = aheadMs;
  peer.avoidUntil = node.now + node.options.reportMaxMs;
  node.counts.refused++;
  node.narrate(`refuses what ${peer.node} says: ${aheadMs.toFixed(0)} ms ahead of the clock here`);
  return true;
}

/** Tells whom it concerns, and now and then somebody in turn. */
export function sendReports(node: ConvergentState): void {
  for (const peer of node.peers.everybody) {
    if (node.peers.isPeer(peer.node) && peer.told !== node.seen) peer.untoldSince ??= node.now;
    if (reportAt(node, peer) <= node.now) report(node, peer);
  }
  if (node.now < node.compareAt) return;
  node.compareAt = node.now + node.options.antiEntropyMs;
  const peers = [...node.peers.all];
  const next = peers[node.comparisons++ % Math.max(1, peers.length)];
  if (next !== undefined) report(node, next);
}

/** When a peer is to be told; never, if there is no reason. */
export function reportAt(node: ConvergentState, peer: PeerState): number {
  if (peer.reportNow !== undefined) return node.now;
  if (!node.peers.isPeer(peer.node)) return Number.POSITIVE_INFINITY;
  const { untoldSince, told } = peer;
  if (told === node.seen && peer.hasAll(node.seen)) return Number.POSITIVE_INFINITY;
  const soon = (untoldSince ?? Number.NEGATIVE_INFINITY) + node.options.reportMinMs;
  return Math.max(soon, peer.toldAt + peer.waitMs);
}

/** What this replica has seen by now, said once that is durable. */
function report(node: ConvergentState, peer: PeerState): void {
  const { seen, collected, now, options, store } = node;
  const { fingerprint } = store;
  // Who asks for a report is not asked for one in return, or two would never stop.
  const wantsReport =
    peer.reportNow === 'ask' || (peer.reportNow === undefined && !peer.hasAll(seen));
  if (wantsReport) peer.unheardSince ??= now;
  peer.told = seen;
  peer.toldAt = now;
  peer.untoldSince = undefined;
  peer.reportNow = undefined;
  peer.waitMs = Math.min(options.reportMaxMs, Math.max(options.reportMinMs, 2 * peer.waitMs));
  const to = peer.node;
  node.journal.whenDurable(() => {
    node.send(to, { kind: 'report', seen, collected, fingerprint, wantsReport });
  });
}

/** A connection was made or lost: a hint, no more. */
export function linkChanged(node: ConvergentState, other: NodeId, up: boolean): void {
  const peer = node.peers.of(other);
  if (peer === undefined) return;
  peer.linkIsDown = !up;
  if (!up) return;
  peer.waitMs = node.options.reportMinMs;
  peer.avoidUntil = Number.NEGATIVE_INFINITY;
  if (node.peers.isPeer(other)) peer.reportNow = 'ask';
}
