/** Peers come and go as operators say so: by changing the entries of the map that stand for them. */

import { type ErrorCode, operatingError } from '../errors';
import type { NodeId, RequestId } from '../ids';
import type { Part } from './parts';
import type { Cell } from './parts_codec';
import { type PeerRecord, peerKey, peerText } from './peers';
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
  const cells: Cell[] = replaced.map(([other]) => deleted(other, stamp));
  const replica = known.get(peer)?.replica ?? peers.of(peer)?.replica ?? 0;
  const isNew = known.get(peer)?.address !== address;
  if (isNew || renews) cells.push(entry(peer, { address, replica }, stamp));
  const own = known.get(self);
  if (own === undefined || renews) {
    const at = own?.address ?? options.address;
    cells.push(entry(self, { address: at, replica: options.storage }, stamp));
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
    changeHere(node, stamp, [deleted(peer, stamp)]);
    readPeers(node);
  }
  node.pending.answer(id, { deadline, isWrite: isKnown }, { kind: 'done' });
}

function fail(node: ConvergentState, id: RequestId, code: ErrorCode, why: string): void {
  node.reply(id, { kind: 'failed', error: operatingError(code, `${why}.`) });
}

/** Follows what the entries say, whoever has changed them; and keeps this node's own entry true. */
export function readPeers(node: ConvergentState): void {
  if (!node.peersChanged) return;
  node.peersChanged = false;
  const { peers, store, options, self, giving } = node;
  peers.read(store);
  for (const other of giving.keys()) if (peers.of(other) === undefined) giving.delete(other);
  // Another set of peers: what was stable for the former one is not for this.
  node.stable = undefined;
  const own = peers.registered.get(self);
  if (own !== undefined && own.replica !== options.storage) writeOwnEntry(node, own.address);
}

/** Two nodes of one name would contend for the entry, so each writes it only now and then. */
function writeOwnEntry(node: ConvergentState, address: string): void {
  const { ownRecordAt, options } = node;
  if (node.now < ownRecordAt) {
    node.alarms.at(ownRecordAt, () => {
      node.peersChanged = true;
    });
    return;
  }
  node.ownRecordAt = node.now + options.reportMaxMs;
  const stamp = newStamp(node);
  changeHere(node, stamp, [entry(node.self, { address, replica: options.storage }, stamp)]);
  readPeers(node);
}

function entry(peer: NodeId, record: PeerRecord, stamp: Stamp): Cell {
  const part: Part = { kind: 'value', stamp, text: peerText(record) };
  return { key: peerKey(peer), parts: [part] };
}

const deleted = (peer: NodeId, stamp: Stamp): Cell => ({
  key: peerKey(peer),
  parts: [{ kind: 'deleted', stamp }],
});
