/**
 * Pushing: what clients of this replica change is told to all peers at once, when it is durable here.
 * A push that is lost costs nothing but time; nobody acknowledges it.
 *
 * A push is taken over only by who has seen everything that its sender had seen, so that no effect is
 * visible before its cause. Where something is missing it waits a moment, because mostly that is
 * under way too, and then what is missing is pulled.
 */

import type { NodeId } from '../ids';
import { mergeAll } from './merging';
import type { MessageOf, Push } from './messages';
import type { ConvergentOptions } from './options';
import { type Cell, cellBytes } from './parts_codec';
import type { PeerState } from './peers';
import { mustRefuse } from './reporting';
import type { ConvergentState } from './state';
import { covers, timeOf } from './vectors';

/** Tells what has been changed here in this step. */
export function pushChanges(node: ConvergentState): void {
  const { changedHere, seen, replica, store, options } = node;
  if (changedHere.size === 0) return;
  const since = node.pushedThrough;
  node.pushedThrough = timeOf(seen, replica);
  node.changedHere = new Set();
  const cells = [...changedHere].map((key) => ({ key, parts: store.partsOf(key) }));
  // So much is better asked for in parts.
  if (bytesOf(cells) > options.maxUpdateBytes) return;
  node.journal.whenDurable(() => {
    for (const peer of node.peers.all) {
      if (isListening(node, peer))
        node.send(peer.node, { kind: 'push', since, seen, cells }, 'bulk');
    }
  });
}

const bytesOf = (cells: readonly Cell[]): number =>
  cells.reduce((sum, cell) => sum + cellBytes(cell), 0);

/** Whether it is worth while: who is down or cut off is told when he is back. */
const isListening = ({ now, options }: ConvergentState, peer: PeerState): boolean =>
  !peer.linkIsDown && now - (peer.unheardSince ?? now) <= options.silentMs;

export function receivePush(
  node: ConvergentState,
  from: NodeId,
  peer: PeerState,
  push: MessageOf<'push'>,
): void {
  // A stranger's updates are not taken unasked: it may have been unregistered.
  if (!node.peers.isPeer(from) || mustRefuse(node, peer, push.seen)) return;
  if (timeOf(node.seen, push.replica) >= timeOf(push.seen, push.replica)) return;
  if (peer.held.length === 0) peer.heldSince = node.now;
  peer.held.push({ ...push, bytes: bytesOf(push.cells) });
  dropOldest(peer, node.options);
}

/** What does not fit is asked for later. The newest stays: it tells that something is missing. */
function dropOldest({ held }: PeerState, { maxHeldPushes, maxHeldBytes }: ConvergentOptions): void {
  let bytes = held.reduce((sum, push) => sum + push.bytes, 0);
  while (held.length > maxHeldPushes || (bytes > maxHeldBytes && held.length > 1)) {
    bytes -= held.shift()?.bytes ?? 0;
  }
}

/** Takes over all that was pushed and waits for nothing any more. */
export function takeHeldPushes(node: ConvergentState): void {
  for (let isMoving = true; isMoving; ) {
    isMoving = false;
    for (const peer of node.peers.all) {
      const ready = peer.held.find((push) => isReady(node, push));
      if (ready !== undefined) {
        // The clock here may have been set back since the push came.
        const isRefused = mustRefuse(node, peer, ready.seen);
        if (isRefused) peer.held = peer.held.filter((push) => push !== ready);
        else mergeAll(node, ready);
        isMoving = true;
      }
      const isOld = (push: Push): boolean =>
        timeOf(node.seen, push.replica) >= timeOf(push.seen, push.replica);
      if (peer.held.some(isOld)) {
        peer.held = peer.held.filter((push) => !isOld(push));
        peer.heldSince = node.now;
      }
    }
  }
}

function isReady({ seen }: ConvergentState, push: Push): boolean {
  const own = timeOf(seen, push.replica);
  const isNew = own < timeOf(push.seen, push.replica);
  return isNew && own >= push.since && covers(seen, push.seen, push.replica);
}
