/**
 * Requests of clients under way: who is asked for each of the key's homes, who stands in for whom,
 * when the client is answered, and what is left to be done afterwards.
 *
 * The sloppy quorum (Dynamo §4.6): each home has a place. It is filled by the home, or, where the
 * home is suspected or does not answer in time, by the next node of the preference list that is not
 * taken. The client is answered as soon as its quorum of places is filled, or as soon as it is known
 * that it cannot be; the operation ends when nothing more is to be expected.
 */

import type { ByteString } from '../command';
import { operatingError } from '../errors';
import type { NodeId, RequestId } from '../ids';
import type { GetCore, PutCore } from './quorum_cores';
import type { DynamoReply } from './requests';
import { partitionOf } from './ring';
import type { DynamoState } from './state';
import { suspect } from './suspicion';
import type { Versions } from './versions';

/** The place of one home. */
export interface Place {
  readonly home: NodeId;
  /** Whom we asked, in this order; the last one is waited for. */
  readonly asked: NodeId[];
  askedAt: number;
  /** `given_up`: nobody is left to be asked. */
  state: 'waiting' | 'filled' | 'given_up';
}

interface Common {
  readonly number: number;
  readonly key: ByteString;
  readonly startedAt: number;
  readonly places: readonly Place[];
  /** The client who waits; undefined once it was answered. */
  client: { readonly id: RequestId; readonly deadline: number } | undefined;
}

export interface GetOperation extends Common {
  readonly kind: 'get';
  readonly core: GetCore;
  /** Of those whose versions come in several messages: what has come, and the digest of all. */
  readonly parts: Map<NodeId, { readonly versions: Versions; readonly digest: number }>;
}

/** `siblings`: the key has too many versions there. `busy`: the disk there is behind. */
export type Refusal = 'siblings' | 'busy';

export interface PutOperation extends Common {
  readonly kind: 'put';
  readonly core: PutCore;
  readonly metadata: string;
  readonly versions: Versions;
  /** Who was asked and will not have it, and why; each once, however often its word arrives. */
  readonly refusedBy: Map<NodeId, Refusal>;
  /** Who is about to become a home of the key has been sent the version too. */
  isSentAhead: boolean;
}

export type Operation = GetOperation | PutOperation;

/** What reads and writes do differently. */
export interface Manners {
  /** Asks a node, perhaps this one, to fill a place. */
  ask(node: DynamoState, operation: Operation, place: Place, to: NodeId): void;
  response(node: DynamoState, operation: Operation): DynamoReply;
  finalAction(node: DynamoState, operation: Operation): void;
}

export const homesOf = (node: DynamoState, key: ByteString): readonly NodeId[] =>
  node.table.current.homesOf(partitionOf(key));

export const placesFor = (homes: readonly NodeId[]): Place[] =>
  homes.map((home) => ({ home, asked: [], askedAt: 0, state: 'waiting' }));

/** Asks for all places, this node itself last: its answer may already be enough. */
export function launch(node: DynamoState, operation: Operation, manners: Manners): void {
  node.operations.set(operation.number, operation);
  const own = (place: Place): number => Number(place.home === node.self);
  for (const place of operation.places.toSorted((one, other) => own(one) - own(other))) {
    askNext(node, operation, place, manners);
  }
  progress(node, operation, manners);
  // Alarms know the number only: else each would keep a value alive until the deadline has come.
  const { number, client } = operation;
  node.later(node.options.standInMs, () => look(node, number, manners));
  if (client !== undefined) node.alarms.at(client.deadline, () => giveUp(node, number));
}

/** The place that this node was asked to fill; undefined if it was not, or the place is filled. */
export function placeAskedOf(operation: Operation, from: NodeId): Place | undefined {
  return operation.places.find(({ state, asked }) => state !== 'filled' && asked.includes(from));
}

/** A place was filled by `from`, or it said that it cannot. */
export function answered(
  node: DynamoState,
  operation: Operation,
  place: Place,
  isFilled: boolean,
  manners: Manners,
): void {
  if (isFilled) place.state = 'filled';
  else if (place.state === 'waiting') askNext(node, operation, place, manners);
  progress(node, operation, manners);
}

/** Who has filled a place does not count any more: somebody else is asked for it. */
export function emptied(
  node: DynamoState,
  operation: Operation,
  place: Place,
  manners: Manners,
): void {
  place.state = 'waiting';
  askNext(node, operation, place, manners);
  progress(node, operation, manners);
}

/** The next one for a place: the home unless it is suspected, then whoever can stand in. */
function askNext(node: DynamoState, operation: Operation, place: Place, manners: Manners): void {
  const { home, asked } = place;
  const isNew = asked.length === 0;
  let to = isNew && !node.suspects.has(home) ? home : standIn(node, operation);
  // Where nobody can stand in, a suspected home is asked all the same: it may be back.
  if (to === undefined && isNew) to = home;
  if (to === undefined) {
    place.state = 'given_up';
    return;
  }
  if (to !== home) {
    node.counts.standIns++;
    node.narrate(`${to} stands in for ${home} (${operation.kind} ${operation.key})`);
  }
  asked.push(to);
  place.askedAt = node.now;
  manners.ask(node, operation, place, to);
}

/** The next node of the preference list that is no home, not asked yet, and not suspected. */
function standIn(node: DynamoState, { key, places }: Operation): NodeId | undefined {
  const order = node.table.current.orderOf(partitionOf(key));
  return order.find(
    (id) =>
      !node.suspects.has(id) &&
      !places.some(({ home, asked }) => home === id || asked.includes(id)),
  );
}

/** Time has passed: who has not answered is replaced, and suspected if it was silent altogether. */
function look(node: DynamoState, number: number, manners: Manners): void {
  const operation = node.operations.get(number);
  if (operation === undefined) return;
  const { standInMs } = node.options;
  for (const place of operation.places) {
    if (place.state !== 'waiting' || node.now - place.askedAt < standInMs) continue;
    const silent = place.asked.at(-1) as NodeId;
    if (silent !== node.self && !node.suspects.heardSince(silent, place.askedAt)) {
      suspect(node, silent, 'has not answered');
    }
    askNext(node, operation, place, manners);
  }
  progress(node, operation, manners);
  if (!node.operations.has(number)) return;
  node.later(node.options.standInMs, () => look(node, number, manners));
}

/** Answers the client if it can be answered, and ends what has come to its end. */
function progress(node: DynamoState, operation: Operation, manners: Manners): void {
  if (!node.operations.has(operation.number)) return;
  if (operation.client !== undefined && operation.core.enough) {
    answerClient(node, operation, manners.response(node, operation));
  }
  if (operation.places.some(({ state }) => state === 'waiting')) return;
  // Late answers may still come: a request is not refused before its time.
  const isEarly = node.now - operation.startedAt < node.options.giveUpMs;
  const isShort = operation.client !== undefined;
  if (isShort && isEarly && !isRefused(operation)) return;
  node.operations.delete(operation.number);
  if (isShort) answerClient(node, operation, failure(operation, 'nobody else can be asked'));
  manners.finalAction(node, operation);
}

/** The deadline of a client has come. */
function giveUp(node: DynamoState, number: number): void {
  const operation = node.operations.get(number);
  if (operation?.client === undefined) return;
  answerClient(node, operation, failure(operation, 'the time is over'));
}

function answerClient(node: DynamoState, operation: Operation, reply: DynamoReply): void {
  const { client } = operation;
  if (client === undefined) return;
  operation.client = undefined;
  node.pendingRequests--;
  node.reply(client.id, reply);
}

const askedIn = ({ places }: Operation): number =>
  places.reduce((sum, { asked }) => sum + asked.length, 0);

/** Everybody who was asked has refused it, so it is nowhere. */
function isRefused(operation: Operation): operation is PutOperation {
  if (operation.kind !== 'put') return false;
  const { size } = operation.refusedBy;
  return size > 0 && size === askedIn(operation);
}

function failure(operation: Operation, why: string): DynamoReply {
  const { core, key } = operation;
  const asked = askedIn(operation);
  const counts = { quorum: core.quorum, answered: core.answered, asked };
  const said = `${core.answered} of ${core.quorum} nodes answered, ${asked} were asked, ${why}`;
  if (operation.kind === 'get') {
    return { kind: 'failed', error: operatingError('read_quorum_not_met', said, counts) };
  }
  if (isRefused(operation) && [...operation.refusedBy.values()].includes('siblings')) {
    const many = `The key ${key} has too many concurrent versions: read them, and write with their metadata`;
    return { kind: 'failed', error: operatingError('too_many_siblings', many, counts) };
  }
  if (isRefused(operation)) {
    const slow = `The disks of the ${asked} nodes that were asked are behind: try again later`;
    return { kind: 'failed', error: operatingError('overloaded', slow, counts) };
  }
  return { kind: 'failed', error: operatingError('write_quorum_not_met', said, counts) };
}
