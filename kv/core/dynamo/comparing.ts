/**
 * Making partitions equal on two nodes, page by page, and the answering side of every exchange. See
 * `exchanges.ts` for the messages.
 */

import type { ByteString } from '../command';
import type { NodeId } from '../ids';
import {
  begin,
  type Exchange,
  end,
  exchangeWith,
  givenCompared,
  givenPushed,
  numbered,
  pushRest,
  pushSome,
} from './exchanges';
import { isDiskBehind, keep } from './keeping';
import type { KeyDigest, MessageOf } from './messages';
import { isContradiction } from './older_copy';
import type { DynamoState } from './state';

/** Makes these partitions equal here and at the peer. */
export function sync(node: DynamoState, peer: NodeId, partitions: readonly number[]): void {
  const running = exchangeWith(node, 'sync', peer);
  const exchange = running ?? begin(node, 'sync', peer);
  const isNew = (partition: number): boolean => !exchange.partitions.includes(partition);
  exchange.partitions.push(...partitions.filter(isNew));
  if (running === undefined) comparePage(node, exchange);
}

/** A page of the first partition on the list; the end of the exchange if there is none. */
function comparePage(node: DynamoState, exchange: Exchange): void {
  const [partition] = exchange.partitions;
  if (partition === undefined) {
    end(node, exchange);
    // More may differ than was looked at.
    node.later(node.options.exchangeMs, () => node.recheck.add(exchange.peer));
    return;
  }
  const { maxKeysPerMessage } = node.options;
  const { after, peer } = exchange;
  const keys = keysBetween(node, partition, after, undefined);
  const page = keys.slice(0, maxKeysPerMessage);
  exchange.isLastPage = page.length === keys.length;
  exchange.entries = page.map((key) => ({ key, digest: node.store.digestOf(key) }));
  const range = { partition, after, isLast: exchange.isLastPage };
  const number = numbered(node, exchange);
  node.send(peer, { kind: 'compare', exchange: number, range, entries: exchange.entries });
}

/** The keys of a partition behind `after`, up to and including `through`, sorted. */
function keysBetween(
  node: DynamoState,
  partition: number,
  after: ByteString,
  through: ByteString | undefined,
): ByteString[] {
  const keys: ByteString[] = [];
  for (const key of node.store.keysOf(partition)) {
    if (key > after && (through === undefined || key <= through)) keys.push(key);
  }
  return keys.sort();
}

/**
 * What is acknowledged may be dropped by the other. So nothing is, unless both go by the same ring:
 * two nodes that each think the key is the other's would both drop it (D10).
 */
export const isOfOneMind = (node: DynamoState, { table }: { readonly table: number }): boolean =>
  node.isServing && table === node.table.digest;

export function receiveCompare(
  node: DynamoState,
  from: NodeId,
  message: MessageOf<'compare'>,
): void {
  if (!isOfOneMind(node, message) || isDiskBehind(node)) return;
  const { exchange, range, entries } = message;
  const wanted: number[] = [];
  entries.forEach(({ key, digest }, place) => {
    if (digest !== 0 && node.store.digestOf(key) !== digest) wanted.push(place);
  });
  const extra = range === undefined ? [] : extraIn(node, range, entries);
  const { rest } = pushSome(node, from, 0, extra);
  // A key that takes several messages is given part by part, each acknowledged: as one that asks.
  if (range !== undefined && rest.length > 0) sync(node, from, [range.partition]);
  node.sendWhenDurable(from, { kind: 'compared', exchange, wanted, extra: extra.length });
}

/** What this node has in a range that the asker does not have, or has otherwise. */
function extraIn(
  node: DynamoState,
  range: NonNullable<MessageOf<'compare'>['range']>,
  entries: readonly KeyDigest[],
): KeyDigest[] {
  const theirs = new Map(entries.map(({ key, digest }) => [key, digest]));
  const through = range.isLast ? undefined : entries.at(-1)?.key;
  return keysBetween(node, range.partition, range.after, through)
    .map((key) => ({ key, digest: node.store.digestOf(key) }))
    .filter(({ key, digest }) => theirs.get(key) !== digest);
}

export function receiveCompared(
  node: DynamoState,
  from: NodeId,
  message: MessageOf<'compared'>,
): void {
  const exchange = exchangeOf(node, from, message.exchange);
  if (exchange?.purpose === 'give') {
    // The other may have learned of another ring before it answered.
    if (message.table === node.table.digest) givenCompared(node, exchange, message);
    return;
  }
  if (exchange?.purpose !== 'sync') return;
  const { wanted, extra } = message;
  if (wanted.length + extra > 0) exchange.isClean = false;
  const toSend = wanted.flatMap((place) => exchange.entries[place] ?? []);
  if (toSend.length > 0) {
    Object.assign(exchange, pushSome(node, from, numbered(node, exchange), toSend));
    return;
  }
  nextPage(node, exchange);
}

export function receivePushed(node: DynamoState, from: NodeId, message: MessageOf<'pushed'>): void {
  const exchange = exchangeOf(node, from, message.exchange);
  if (exchange?.purpose === 'give') {
    if (message.table === node.table.digest) givenPushed(node, exchange);
  } else if (exchange?.purpose === 'sync' && !pushRest(node, exchange)) nextPage(node, exchange);
}

function nextPage(node: DynamoState, exchange: Exchange): void {
  exchange.pushing = [];
  if (!exchange.isLastPage) {
    exchange.after = exchange.entries.at(-1)?.key ?? '';
    return comparePage(node, exchange);
  }
  const partition = exchange.partitions.shift();
  if (exchange.isClean && partition !== undefined) node.collecting?.delete(partition);
  exchange.after = '';
  exchange.isClean = true;
  comparePage(node, exchange);
}

export function receivePush(node: DynamoState, from: NodeId, message: MessageOf<'push'>): void {
  if (!node.isServing || isDiskBehind(node)) return;
  const { exchange, entries } = message;
  for (const { key, versions } of entries) {
    // Nor is it sent back, or two who hold the two values would tell each other for ever.
    isContradiction(node, undefined, key, versions);
    keep(node, key, versions);
  }
  node.counts.received += entries.length;
  if (exchange === 0 || !isOfOneMind(node, message)) return;
  node.sendWhenDurable(from, { kind: 'pushed', exchange });
}

/** The exchange with this node that has asked under this number, if it has not moved on. */
export function exchangeOf(node: DynamoState, peer: NodeId, number: number): Exchange | undefined {
  for (const purpose of ['give', 'sync', 'survey'] as const) {
    const exchange = exchangeWith(node, purpose, peer);
    if (exchange?.number === number) return exchange;
  }
  return undefined;
}
