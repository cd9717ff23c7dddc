/**
 * Comparing and handing over: the one way in which data travels outside of requests.
 *
 *     compare  →   which of these keys, with these digests, do you lack?
 *              ←   compared: these; and (of a range) so many that you lack are on their way
 *     push     →   here they are
 *              ←   pushed: they are durable
 *
 * *Give* hands over what is owed to a node (`deliveries.ts`), *sync* makes a list of partitions equal
 * on both sides, *survey* asks which partitions are worth it. Each node has at most one exchange of
 * each purpose with each other one; what is lost is simply begun anew, because everything in it can
 * be repeated.
 */

import type { ByteString } from '../command';
import type { NodeId } from '../ids';
import { settled } from './keeping';
import type { KeyDigest, MessageOf } from './messages';
import type { DynamoState } from './state';
import { suspect } from './suspicion';
import { partsOf, sizeOf, type Versions } from './versions';

export type Purpose = 'give' | 'sync' | 'survey';

export interface Exchange {
  readonly purpose: Purpose;
  readonly peer: NodeId;
  /** Named in the messages; another one for each question. */
  number: number;
  /** What was asked about; what is in `pushing` was wanted, and is under way. */
  entries: readonly KeyDigest[];
  pushing: readonly KeyDigest[];
  /** Where that is one key whose versions do not fit into one message: those still to be sent. */
  rest: Versions;
  /** Of a sync: the partitions to go; the first one is being compared. */
  readonly partitions: number[];
  after: ByteString;
  isLastPage: boolean;
  /** Nothing has been found to differ in this partition so far. */
  isClean: boolean;
}

export const exchangeWith = (
  node: DynamoState,
  purpose: Purpose,
  peer: NodeId,
): Exchange | undefined => node.exchanges.get(`${purpose} ${peer}`);

export function begin(node: DynamoState, purpose: Purpose, peer: NodeId): Exchange {
  const exchange: Exchange = {
    ...{ purpose, peer, number: 0, entries: [], pushing: [], rest: [], partitions: [] },
    ...{ after: '', isLastPage: true, isClean: true },
  };
  node.exchanges.set(`${purpose} ${peer}`, exchange);
  node.counts.exchangesWithPeers++;
  return exchange;
}

export function end(node: DynamoState, { purpose, peer }: Exchange): void {
  node.exchanges.delete(`${purpose} ${peer}`);
}

/** Before each message of an exchange: a new number, and patience for its answer. */
export function numbered(node: DynamoState, exchange: Exchange): number {
  const number = node.nextNumber();
  const askedAt = node.now;
  exchange.number = number;
  node.later(node.options.exchangeMs, () => {
    const { purpose, peer } = exchange;
    const isWaiting = exchangeWith(node, purpose, peer) === exchange && exchange.number === number;
    if (!isWaiting) return;
    end(node, exchange);
    if (!node.suspects.heardSince(peer, askedAt)) suspect(node, peer, `silent in a ${purpose}`);
  });
  return number;
}

/** Hands over what is owed to whoever can be reached; once for each step. */
export function giveWhatIsOwed(node: DynamoState): void {
  for (const peer of node.deliveries.creditors) {
    const isKnown = node.table.find(peer) !== undefined && peer !== node.self;
    if (!isKnown || node.suspects.has(peer) || exchangeWith(node, 'give', peer)) continue;
    giveNext(node, begin(node, 'give', peer));
  }
}

function giveNext(node: DynamoState, exchange: Exchange): void {
  const { peer } = exchange;
  const keys: ByteString[] = [];
  for (const key of node.deliveries.owedTo(peer).keys()) {
    keys.push(key);
    if (keys.length >= node.options.maxKeysPerMessage) break;
  }
  if (keys.length === 0) return end(node, exchange);
  exchange.entries = keys.sort().map((key) => ({ key, digest: node.store.digestOf(key) }));
  const { entries } = exchange;
  const number = numbered(node, exchange);
  node.send(peer, { kind: 'compare', exchange: number, range: undefined, entries });
}

/**
 * Sends what fits into one message, one key at least: which keys these are, and of a key that does
 * not fit, what is left of it.
 */
export function pushSome(
  node: DynamoState,
  peer: NodeId,
  number: number,
  keys: readonly KeyDigest[],
): Pick<Exchange, 'pushing' | 'rest'> {
  const [first] = keys;
  if (first === undefined) return { pushing: [], rest: [] };
  const [part = [], ...later] = partsIn(node, node.store.versionsOf(first.key));
  if (later.length > 0) {
    pushPart(node, peer, number, first.key, part);
    return { pushing: [first], rest: later.flat() };
  }
  const entries: { key: ByteString; versions: Versions }[] = [];
  let bytes = 0;
  for (const { key } of keys) {
    const versions = node.store.versionsOf(key);
    bytes += sizeOf(versions) + key.length;
    if (entries.length > 0 && bytes > node.options.maxBytesPerMessage) break;
    entries.push({ key, versions });
  }
  node.send(peer, { kind: 'push', exchange: number, entries }, 'bulk');
  return { pushing: keys.slice(0, entries.length), rest: [] };
}

const partsIn = ({ options }: DynamoState, versions: Versions): Versions[] =>
  partsOf(versions, options.maxBytesPerMessage);

function pushPart(
  node: DynamoState,
  peer: NodeId,
  number: number,
  key: ByteString,
  versions: Versions,
): void {
  node.send(peer, { kind: 'push', exchange: number, entries: [{ key, versions }] }, 'bulk');
}

/** One part is durable there: the next one of the same key is sent, if there is one. */
export function pushRest(node: DynamoState, exchange: Exchange): boolean {
  const [part, ...later] = partsIn(node, exchange.rest);
  const key = exchange.pushing[0]?.key;
  if (part === undefined || key === undefined) return false;
  exchange.rest = later.flat();
  pushPart(node, exchange.peer, numbered(node, exchange), key, part);
  return true;
}

/** The answer to what we gave: what the other has is settled, what it wants is sent. */
export function givenCompared(
  node: DynamoState,
  exchange: Exchange,
  { wanted }: MessageOf<'compared'>,
): void {
  const lacked = new Set(wanted);
  settleUnchanged(
    node,
    exchange,
    exchange.entries.filter((_, place) => !lacked.has(place)),
  );
  const toSend = exchange.entries.filter(
    ({ key }, place) => lacked.has(place) && node.store.versionsOf(key).length > 0,
  );
  if (toSend.length === 0) return giveNext(node, exchange);
  const sent = pushSome(node, exchange.peer, numbered(node, exchange), toSend);
  exchange.pushing = sent.pushing.map(({ key }) => ({ key, digest: node.store.digestOf(key) }));
  exchange.rest = sent.rest;
}

export function givenPushed(node: DynamoState, exchange: Exchange): void {
  if (pushRest(node, exchange)) return;
  settleUnchanged(node, exchange, exchange.pushing);
  exchange.pushing = [];
  giveNext(node, exchange);
}

/** What has changed since the question stays owed: the other has an older state of it. */
function settleUnchanged(
  node: DynamoState,
  { peer }: Exchange,
  entries: readonly KeyDigest[],
): void {
  for (const { key, digest } of entries) {
    if (node.store.digestOf(key) === digest) settled(node, peer, key);
  }
}
