/**
 * Writes: a new version is named here, sent to the homes of its key or their stand-ins, and said to
 * be written once it is durable on as many of them as the client asked for.
 *
 * Any node coordinates (Dynamo §4.5), also one that holds no replica: the version's past is what the
 * client says it has seen, exactly, so nothing has to be read first.
 */

import type { ByteString } from '../command';
import { type ErrorCode, operatingError } from '../errors';
import type { NodeId, RequestId } from '../ids';
import { hasTooMany, isDiskBehind, keep, keepHint } from './keeping';
import { ruleFor } from './merges';
import type { MessageOf } from './messages';
import { metadataOf, pastOfMetadata } from './metadata';
import {
  answered,
  emptied,
  homesOf,
  launch,
  type Manners,
  type Operation,
  type Place,
  type PutOperation,
  placeAskedOf,
  placesFor,
  type Refusal,
} from './operations';
import { PutCore } from './quorum_cores';
import type { DynamoReply, PutRequest } from './requests';
import { partitionOf } from './ring';
import type { DynamoState } from './state';

export function receivePut(node: DynamoState, id: RequestId, request: PutRequest): void {
  const problem = problemOf(node, request);
  if (problem !== undefined) return node.reply(id, failed(...problem));
  node.pendingRequests++;
  if (node.issuer.isReady) return write(node, id, request);
  // The first epoch of this start is not durable yet.
  let isOpen = true;
  node.alarms.at(request.deadline, () => {
    if (!isOpen) return;
    isOpen = false;
    node.pendingRequests--;
    node.reply(id, failed('timeout_not_applied', 'The disk of this node was not ready in time'));
  });
  node.journal.whenDurable(() => {
    if (isOpen) write(node, id, request);
    isOpen = false;
  });
}

type Problem = readonly [ErrorCode, string, Readonly<Record<string, number | string>>?];

const failed = (...[code, message, details]: Problem): DynamoReply => ({
  kind: 'failed',
  error: operatingError(code, message, details),
});

/** Why a request cannot even begin: it changes nothing. */
export function problemOf(
  node: DynamoState,
  request: {
    readonly quorum: number;
    readonly key: ByteString;
    readonly value?: Uint8Array;
    readonly metadata?: string;
  },
): Problem | undefined {
  const { replicas, metadataSecret, merges, maxPendingRequests } = node.options;
  const { key, quorum, value, metadata } = request;
  if (!node.isServing) return ['not_a_member', 'This node belongs to no group'];
  if (key === '') return ['key_empty', 'A key has at least one character'];
  if (!Number.isInteger(quorum) || quorum < 1 || quorum > replicas) {
    return ['quorum_not_valid', `The quorum must be 1 to ${replicas}`, { replicas }];
  }
  if (metadata !== undefined && pastOfMetadata(key, metadata, metadataSecret) === undefined) {
    return ['metadata_not_valid', 'The metadata was not given out for this key'];
  }
  const rule = value === undefined ? undefined : ruleFor(merges, key);
  if (rule !== undefined && value !== undefined && !rule.accepts(value)) {
    return [
      'value_not_mergeable',
      `Keys that begin with ${rule.prefix} hold another kind of value`,
    ];
  }
  const isFull = node.operations.size >= 2 * maxPendingRequests;
  if (isFull || node.pendingRequests >= maxPendingRequests) {
    return ['overloaded', 'Too many requests are under way', { limit: maxPendingRequests }];
  }
  return undefined;
}

function write(node: DynamoState, id: RequestId, request: PutRequest): void {
  const { key, value, quorum, metadata, deadline } = request;
  const { metadataSecret } = node.options;
  const past = pastOfMetadata(key, metadata, metadataSecret) ?? [];
  const version = { dot: node.issuer.issue(key), past, value };
  const homes = homesOf(node, key);
  const operation: PutOperation = {
    kind: 'put',
    number: node.nextNumber(),
    key,
    startedAt: node.now,
    places: placesFor(homes),
    client: { id, deadline },
    core: new PutCore(quorum, homes),
    metadata: metadataOf(key, version, metadataSecret),
    versions: [version],
    refusedBy: new Map(),
    isSentAhead: false,
  };
  launch(node, operation, PUTS);
}

/**
 * Who is about to become a home of the key gets the version too, once it is taken by anybody; nobody
 * waits for that.
 */
function sendAhead(node: DynamoState, operation: PutOperation): void {
  if (operation.isSentAhead) return;
  operation.isSentAhead = true;
  const { key, versions, places } = operation;
  const homes = places.map(({ home }) => home);
  for (const id of node.table.next.homesOf(partitionOf(key))) {
    if (homes.includes(id) || node.suspects.has(id)) continue;
    if (id !== node.self) sendStore(node, operation, 0, id, undefined);
    else if (!isDiskBehind(node)) keep(node, key, versions);
  }
}

function sendStore(
  node: DynamoState,
  { key, versions }: PutOperation,
  operation: number,
  to: NodeId,
  standsInFor: NodeId | undefined,
): void {
  const store = { operation, key, versions, standsInFor, isNew: operation !== 0 } as const;
  node.send(to, { kind: 'store', ...store }, 'bulk');
}

export const PUTS: Manners = {
  ask: (node, operation, place, to) => ask(node, operation as PutOperation, place, to),
  response: (_node, operation) => ({
    kind: 'written',
    metadata: (operation as PutOperation).metadata,
  }),
  /** What nobody has for a home, this node keeps for it: it cannot count for the quorum any more. */
  finalAction: (node, operation) => {
    const { core, key, versions } = operation as PutOperation;
    // A write that was refused is not to be spread by the way of hints.
    if (core.answered === 0 || isDiskBehind(node)) return;
    for (const home of core.finalAction()) {
      if (home !== node.self) keepHint(node, home, key, versions);
    }
  },
};

function ask(node: DynamoState, operation: PutOperation, place: Place, to: NodeId): void {
  const { home } = place;
  if (to !== node.self) {
    return sendStore(node, operation, operation.number, to, to === home ? undefined : home);
  }
  const { key, versions } = operation;
  if (isDiskBehind(node)) return refused(node, operation, place, to, 'busy');
  if (hasTooMany(node, key, versions)) {
    return refused(node, operation, place, to, 'siblings');
  }
  const isKept = to === home || keepHint(node, home, key, versions);
  if (to === home) keep(node, key, versions);
  if (!isKept) return answered(node, operation, place, false, PUTS);
  node.journal.whenDurable(() => filled(node, operation, place, to));
}

function filled(node: DynamoState, operation: PutOperation, place: Place, by: NodeId): void {
  operation.core.addResult(place.home, by);
  sendAhead(node, operation);
  answered(node, operation, place, true, PUTS);
}

export function receiveStored(node: DynamoState, from: NodeId, message: MessageOf<'stored'>): void {
  const operation = putOf(node.operations.get(message.operation));
  const place = operation && placeAskedOf(operation, from);
  if (operation === undefined || place === undefined) return;
  if (message.result === 'stored' && !hasGone(node, from)) {
    return filled(node, operation, place, from);
  }
  const { result } = message;
  if (result === 'siblings' || result === 'busy') {
    return refused(node, operation, place, from, result);
  }
  answered(node, operation, place, false, PUTS);
}

/** Whoever joins anew has left before, and dropped what it had. */
function hasGone({ table }: DynamoState, id: NodeId): boolean {
  const standing = table.find(id)?.standing;
  return standing === 'left' || standing === 'joining';
}

/**
 * The table has changed. Who has left has handed over what it had and has dropped it, so a client
 * that still waits is not to be told that it has a copy. (Who was answered was answered truly.)
 */
export function withdrawThoseWhoLeft(node: DynamoState): void {
  for (const operation of [...node.operations.values()].filter(isWaitingPut)) {
    const { core, places } = operation;
    for (const place of places) {
      const by = core.filledBy(place.home);
      if (by === undefined || !hasGone(node, by)) continue;
      node.narrate(`${by} has left: it does not count for ${operation.key} any more`);
      core.withdraw(place.home);
      emptied(node, operation, place, PUTS);
    }
  }
}

const isWaitingPut = (operation: Operation): operation is PutOperation =>
  operation.kind === 'put' && operation.client !== undefined;

/** Of versions another node would find as many, so nobody stands in; its disk may be faster. */
function refused(
  node: DynamoState,
  operation: PutOperation,
  place: Place,
  from: NodeId,
  why: Refusal,
): void {
  if (operation.refusedBy.has(from)) return;
  operation.refusedBy.set(from, why);
  if (why === 'siblings' && place.state === 'waiting') place.state = 'given_up';
  answered(node, operation, place, false, PUTS);
}

const putOf = (operation: Operation | undefined): PutOperation | undefined =>
  operation?.kind === 'put' ? operation : undefined;
