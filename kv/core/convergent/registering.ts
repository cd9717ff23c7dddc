/** Peers come and go as operators say so: by changing the entries of the map that stand for them. */

import type { ByteString } from '../command';
import { type ErrorCode, operatingError } from '../errors';
import type { NodeId, RequestId } from '../ids';
import { forgetStrangers } from './giving';
import { isPresent, type Part } from './parts';
import type { Cell } from './parts_codec';
import { addressText, diskKey, diskText, peerKey } from './peers';
import type { RegisterRequest, UnregisterRequest } from './requests';
import type { Stamp } from './stamps';
import type { ConvergentState } from './state';
import { changeHere, newStamp } from './updates';

export function receiveRegister(
  node: ConvergentState,
  id: RequestId,
  { peer, address, renews, deadline }: RegisterRequest,
): void {
  const { self, options, peers } = node;
  if (peer === self) return fail(node, id, 'peer_not_possible', 'A node is no peer of itself');
  if (node.pending.isFull) return fail(node, id, 'overloaded', 'Too many requests wait');
  const known = peers.registered;
  const others = [...known].filter(([other]) => other !== self && other !== peer);
  // Who has the address of another is the other, under a new name.
  const replaced = others.filter(([, record]) => record.address === address && address !== '');
  if (!known.has(peer) && others.length - replaced.length >= options.maxPeers) {
    return fail(
      node,
      id,
      'peer_not_possible',
      `There are ${others.length} peers, which is the most`,
    );
  }
  const stamp = newStamp(node);
  const cells: Cell[] = replaced.flatMap(([other]) => removed(node, other, stamp));
  const isNew = known.get(peer)?.address !== address;
  if (isNew || renews) cells.push(value(peerKey(peer), addressText(address), stamp));
  const own = known.get(self);
  if (own === undefined || renews) {
    cells.push(value(peerKey(self), addressText(own?.address ?? options.address), stamp));
  }
  if (cells.length > 0) {
    node.narrate(`registers ${peer} at ${address}`);
    changeHere(node, stamp, cells);
    readPeers(node);
  }
  const state = peers.of(peer);
  if (state !== undefined) {
    state.reportNow = 'ask';
    state.avoidUntil = Number.NEGATIVE_INFINITY;
  }
  node.pending.answer(id, { deadline, isWrite: cells.length > 0 }, { kind: 'done' });
}

export function receiveUnregister(
  node: ConvergentState,
  id: RequestId,
  { peer, deadline }: UnregisterRequest,
): void {
  if (node.pending.isFull) return fail(node, id, 'overloaded', 'Too many requests wait');
  const isKnown = node.peers.registered.has(peer);
  if (isKnown) {
    node.narrate(`unregisters ${peer}`);
    const stamp = newStamp(node);
    changeHere(node, stamp, removed(node, peer, stamp));
    readPeers(node);
  }
  node.pending.answer(id, { deadline, isWrite: isKnown }, { kind: 'done' });
}

function fail(node: ConvergentState, id: RequestId, code: ErrorCode, why: string): void {
  node.reply(id, { kind: 'failed', error: operatingError(code, `${why}.`) });
}

/** Follows what the map says, whoever has changed it; and keeps true what this node says of itself. */
export function readPeers(node: ConvergentState): void {
  if (!node.peersChanged) return;
  node.peersChanged = false;
  const { peers, store, options, self } = node;
  peers.read(store);
  forgetStrangers(node);
  // Another set of peers: what was stable for the former one is not for this.
  node.stable = node.collecting = undefined;
  const own = peers.registered.get(self);
  if (own !== undefined && own.replica !== options.storage) sayOwnDisk(node);
}

/** Two nodes of one name would contend for the key, so each writes it only now and then. */
function sayOwnDisk(node: ConvergentState): void {
  const { ownRecordAt, options } = node;
  if (node.now < ownRecordAt) {
    node.alarms.at(ownRecordAt, () => {
      node.peersChanged = true;
    });
    return;
  }
  node.ownRecordAt = node.now + options.reportMaxMs;
  const stamp = newStamp(node);
  changeHere(node, stamp, [value(diskKey(node.self), diskText(options.storage), stamp)]);
  readPeers(node);
}

function value(key: ByteString, text: ByteString, stamp: Stamp): Cell {
  return { key, parts: [{ kind: 'value', stamp, text }] };
}

/** What there is of a node goes. */
function removed({ store }: ConvergentState, peer: NodeId, stamp: Stamp): Cell[] {
  const parts: Part[] = [{ kind: 'deleted', stamp }];
  const keys = [peerKey(peer), diskKey(peer)];
  return keys.filter((key) => isPresent(store.partsOf(key))).map((key) => ({ key, parts }));
}
