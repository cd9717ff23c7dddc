/** Reads: the homes of a key are asked, the client is told all versions, and who had less gets them. */

import { operatingError } from '../errors';
import type { NodeId, RequestId } from '../ids';
import { isDiskBehind, keep } from './keeping';
import { ruleFor } from './merges';
import type { MessageOf } from './messages';
import { metadataOf } from './metadata';
import { checkOwnDots } from './older_copy';
import {
  answered,
  type GetOperation,
  homesOf,
  launch,
  type Manners,
  type Place,
  placeAskedOf,
  placesFor,
} from './operations';
import { problemOf } from './puts';
import { GetCore } from './quorum_cores';
import type { DynamoReply, GetRequest } from './requests';
import type { DynamoState } from './state';
import { partsOf, type Versions } from './versions';

export function receiveGet(node: DynamoState, id: RequestId, request: GetRequest): void {
  const { key, quorum, deadline } = request;
  const problem = problemOf(node, { key, quorum });
  if (problem !== undefined) {
    return node.reply(id, { kind: 'failed', error: operatingError(...problem) });
  }
  node.pendingRequests++;
  const operation: GetOperation = {
    kind: 'get',
    number: node.nextNumber(),
    key,
    startedAt: node.now,
    places: placesFor(homesOf(node, key)),
    client: { id, deadline },
    core: new GetCore(quorum),
    parts: new Map(),
  };
  launch(node, operation, GETS);
}

const GETS: Manners = {
  ask: (node, operation, place, to) => {
    const { key, number } = operation;
    if (to !== node.self) return node.send(to, { kind: 'fetch', operation: number, key, place: 0 });
    filled(node, operation as GetOperation, place, to, node.store.versionsOf(key));
  },
  response: (node, operation) =>
    shown(node, operation.key, (operation as GetOperation).core.response()),
  finalAction: (node, operation) => repair(node, operation as GetOperation),
};

function filled(
  node: DynamoState,
  operation: GetOperation,
  place: Place,
  from: NodeId,
  versions: Versions,
): void {
  operation.core.addResult(place.home, from, versions);
  answered(node, operation, place, true, GETS);
}

export function receiveFetched(
  node: DynamoState,
  from: NodeId,
  message: MessageOf<'fetched'>,
): void {
  const operation = node.operations.get(message.operation);
  if (operation?.kind !== 'get') return;
  const place = placeAskedOf(operation, from);
  if (place === undefined) return;
  checkOwnDots(node, operation.key, message.versions);
  if (message.isServing) takePart(node, operation, place, from, message);
  else answered(node, operation, place, false, GETS);
}

/**
 * What one node holds comes in as many messages as it takes, one asked for after the other. If its
 * versions change meanwhile it is asked anew: the parts of two states together may lack a version
 * that was there all the time, or its descendant.
 */
function takePart(
  node: DynamoState,
  operation: GetOperation,
  place: Place,
  from: NodeId,
  message: MessageOf<'fetched'>,
): void {
  const { digest } = message;
  const before = operation.parts.get(from);
  const known = before?.digest === digest ? before.versions : [];
  // The second copy of a part that was taken.
  if (message.place < known.length) return;
  const isNext = message.place === known.length;
  const versions = isNext ? [...known, ...message.versions] : [];
  if (isNext && message.isLast) return filled(node, operation, place, from, versions);
  operation.parts.set(from, { versions, digest });
  place.askedAt = node.now;
  const { number, key } = operation;
  node.send(from, { kind: 'fetch', operation: number, key, place: versions.length });
}

/** Who answered with less than all gets the rest (Dynamo §5). Nobody waits for that. */
function repair(node: DynamoState, { key, core }: GetOperation): void {
  for (const { node: home, versions } of core.finalAction()) {
    node.counts.repairs++;
    node.narrate(`repairs ${key} of ${home}`);
    if (home !== node.self) {
      for (const part of partsOf(versions, node.options.maxBytesPerMessage)) {
        const entries = [{ key, versions: part }];
        node.send(home, { kind: 'push', exchange: 0, entries }, 'bulk');
      }
    } else if (!isDiskBehind(node)) keep(node, key, versions);
  }
}

/** What a client sees of a set of versions; a function of the set alone. */
function shown(node: DynamoState, key: string, versions: Versions): DynamoReply {
  const { metadataSecret, merges } = node.options;
  const metadata = versions.map((version) => metadataOf(key, version, metadataSecret));
  const values = versions.map(({ value }) => value);
  const rule = versions.length > 1 ? ruleFor(merges, key) : undefined;
  if (rule === undefined) return { kind: 'values', values, metadata };
  return {
    kind: 'values',
    values: [rule.merge(values)],
    metadata: [metadata.toSorted().join(',')],
  };
}
