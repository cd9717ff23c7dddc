/**
 * What this node keeps: versions that came from anywhere are merged into what it holds, and what
 * does not belong here is noted as owed to those whom it belongs to.
 */

import type { ByteString } from '../command';
import type { NodeId } from '../ids';
import type { MessageOf } from './messages';
import { checkOwnDots, isContradiction } from './older_copy';
import { partitionOf } from './ring';
import type { DynamoState } from './state';
import { digestOf, lackedBy, mergeVersions, partsOf, sizeOf, type Versions } from './versions';

/**
 * Whether the disk is so far behind that what is taken in now would be acknowledged too late for
 * whoever waits. A node that went on all the same would fall behind for ever: what the others have
 * given up they hand over again, and all of it waits in memory. So they are told at once, or by
 * silence in an exchange, and somebody else stands in.
 */
export const isDiskBehind = ({ journal, now, options }: DynamoState): boolean =>
  journal.lagMs(now) > options.maxDiskLagMs;

/** Merges versions into what is held. Durable once the journal is. */
export function keep(node: DynamoState, key: ByteString, versions: Versions): void {
  if (merge(node, key, versions)) noteOwed(node, key);
}

/** Keeps versions for a home that cannot be reached; false if there is no room for that. */
export function keepHint(
  node: DynamoState,
  home: NodeId,
  key: ByteString,
  versions: Versions,
): boolean {
  const { deliveries, options } = node;
  // Whoever sent it may know another ring: by ours it belongs to those whom `keep` finds out.
  if (!node.homesOf(key).includes(home)) {
    keep(node, key, versions);
    return true;
  }
  const isNew = deliveries.debtOf(home, key) !== 'hint';
  if (isNew && deliveries.hints >= options.maxHints) return false;
  const isChanged = merge(node, key, versions);
  // The hint comes second: after a crash between the two the key lies here without a hint, and is
  // found to be misplaced. A hint for a key that is not held would owe nothing to anybody (D7).
  if (deliveries.add(home, key, 'hint')) node.journal.write({ kind: 'hint', key, home });
  if (isChanged) noteOwed(node, key);
  return true;
}

function merge(node: DynamoState, key: ByteString, versions: Versions): boolean {
  checkOwnDots(node, key, versions);
  const known = node.store.versionsOf(key);
  const merged = mergeVersions(known, versions);
  if (merged === known) return false;
  node.store.set(key, merged);
  // Only what is new, and in parts: all versions of a key may be more than a record can hold.
  for (const part of partsOf(lackedBy(known, versions), node.options.maxBytesPerMessage)) {
    node.journal.write({ kind: 'versions', key, versions: part });
  }
  return true;
}

/**
 * A key that the ring does not choose this node for is owed to its homes, and whoever is about to
 * leave owes what it holds to those who come after. What is kept for one of the homes is owed to that
 * one alone: the others were asked themselves. But not if the ring has changed: then this node may
 * have been a home itself, and what it took in as such the others need not have.
 */
export function noteOwed(node: DynamoState, key: ByteString, hasRingChanged = false): void {
  const partition = partitionOf(key);
  const { current, next } = node.table;
  const isLeaving = node.standing === 'leaving';
  const isKeptForOne = !hasRingChanged && node.deliveries.owes(key);
  if (!isLeaving && (node.isChosenFor(key) || isKeptForOne)) return;
  const ring = isLeaving ? next : current;
  for (const home of ring.homesOf(partition)) {
    if (home !== node.self) node.deliveries.add(home, key, 'move');
  }
}

/** `home` has it: what nobody is owed any more and does not belong here is dropped. */
export function settled(node: DynamoState, home: NodeId, key: ByteString): void {
  const debt = node.deliveries.settle(home, key);
  if (debt === 'hint') node.journal.write({ kind: 'hint_done', key, home });
  if (debt !== undefined) node.counts.handedOver++;
  dropIfDone(node, key);
}

export function dropIfDone(node: DynamoState, key: ByteString): void {
  if (node.standing === 'leaving' || node.isChosenFor(key) || node.deliveries.owes(key)) return;
  if (node.store.versionsOf(key).length === 0) return;
  node.narrate(`drops ${key}, which is where it belongs`);
  node.store.set(key, []);
  node.journal.write({ kind: 'versions', key, versions: [] });
}

/** Whether a client's write would make one more version of a key that has too many already. */
export function hasTooMany(node: DynamoState, key: ByteString, versions: Versions): boolean {
  const { maxSiblings, maxSiblingBytes } = node.options;
  const known = node.store.versionsOf(key);
  const merged = mergeVersions(known, versions);
  if (merged.length <= Math.max(1, known.length)) return false;
  return merged.length > maxSiblings || sizeOf(merged) > maxSiblingBytes;
}

/** Another node wants something kept: answered once it is durable. */
export function receiveStore(node: DynamoState, from: NodeId, message: MessageOf<'store'>): void {
  const { operation, key, versions, standsInFor, isNew } = message;
  const say = (result: MessageOf<'stored'>['result']): void => {
    if (operation !== 0) node.send(from, { kind: 'stored', operation, result });
  };
  if (!node.isServing) return say('not_serving');
  if (isDiskBehind(node)) return say('busy');
  if (isNew && hasTooMany(node, key, versions)) return say('siblings');
  if (isContradiction(node, from, key, versions)) return;
  const isForOther = standsInFor !== undefined && standsInFor !== node.self;
  if (!isForOther) keep(node, key, versions);
  else if (!keepHint(node, standsInFor, key, versions)) return say('no_room');
  if (operation !== 0) node.sendWhenDurable(from, { kind: 'stored', operation, result: 'stored' });
}

export function receiveFetch(node: DynamoState, from: NodeId, message: MessageOf<'fetch'>): void {
  const { operation, key, place } = message;
  const { isServing, options } = node;
  const all = isServing ? node.store.versionsOf(key) : [];
  const [versions = []] = partsOf(all.slice(place), options.maxBytesPerMessage);
  const isLast = place + versions.length >= all.length;
  const part = { place, versions, isLast, digest: digestOf(key, all) };
  node.send(from, { kind: 'fetched', operation, isServing, ...part }, 'bulk');
}
