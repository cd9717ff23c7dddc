/** A client's message comes in at the master: it gets its order and its id, once and for all. */

import { invariant } from '../assert';
import { MAX_U48, utf8Length } from '../bytes';
import { type OperatingError, operatingError } from '../errors';
import type { RequestId } from '../ids';
import { hasBody, makeEntry, sizeOf } from './entry';
import type { Learning } from './learning';
import { textOfName } from './log_name';
import type { LogOptions } from './options';
import { whyNotWritable } from './reachability';
import type { AppendRequest, GiveUpRequest, Message } from './requests';
import { whyFull } from './retention';
import type { Master } from './roles';
import type { LogState } from './state';
import { copiesOf } from './waiting_write';

export function receiveAppend(node: LogState, request: RequestId, append: AppendRequest): void {
  const { role, log } = node;
  if (role.kind !== 'master') {
    const where = { master: role.options.master };
    return node.fail(request, operatingError('not_the_master', 'Only the master appends', where));
  }
  const refusal = refusalOf(node, role, append);
  if (refusal !== undefined) return node.fail(request, refusal);
  if (role.learning !== undefined) return park(node, role, role.learning, request, append);
  const known = append.id === undefined ? undefined : log.orderOf(append.id);
  if (known !== undefined) return repeated(node, role, request, append, known);
  const problem = whyNotWritable(node, role) ?? takeIn(node, role, request, append);
  if (problem !== undefined) node.fail(request, problem);
}

/** The log is not known yet: for a while that may be waited for. */
function park(
  node: LogState,
  { options, all }: Master,
  learning: Learning,
  request: RequestId,
  append: AppendRequest,
): void {
  if (learning.isPatient(node.now, options)) learning.parked.push({ request, append });
  else node.fail(request, learning.why(all));
}

/** What is wrong with the request itself, or with the node's load. */
function refusalOf(
  { options }: LogState,
  { copies, waiting, clearings, learning, options: { maxWaiting } }: Master,
  { w, id, body }: AppendRequest,
): OperatingError | undefined {
  if (w !== undefined && !(Number.isSafeInteger(w) && w >= 1 && w <= copies)) {
    const why = `Write concern w must be in range (1, N+1), which is (1, ${copies}) here`;
    return operatingError('write_concern_not_valid', why, { w, copies });
  }
  const limit = maxWaiting;
  if (waiting.size + clearings.length + (learning?.parked.length ?? 0) >= limit) {
    return operatingError('overloaded', 'Too many writes are waiting', { limit });
  }
  return refusalOfContent(options, id, body);
}

/** What is wrong with a message by itself. */
export function refusalOfContent(
  { maxIdBytes, maxMessageBytes }: LogOptions,
  id: string | undefined,
  body: Uint8Array,
): OperatingError | undefined {
  if (id !== undefined && (id === '' || utf8Length(id) > maxIdBytes)) {
    const why = `The id of a message has 1 to ${maxIdBytes} bytes`;
    return operatingError('message_id_not_valid', why, { limit: maxIdBytes });
  }
  if (body.length > maxMessageBytes) {
    const numbers = { bytes: body.length, limit: maxMessageBytes };
    return operatingError('too_large', 'The message is too large', numbers);
  }
  return undefined;
}

export function refusalOfOrder({ order }: Message): OperatingError | undefined {
  if (Number.isSafeInteger(order) && order >= 0 && order < MAX_U48) return undefined;
  const why = 'The order of a message must be a whole number from 0';
  return operatingError('order_not_valid', why, { order });
}

/** A retry: nothing is appended, but its client wants as many copies as any other. */
function repeated(
  { log }: LogState,
  { waiting, copies }: Master,
  request: RequestId,
  { w = copies, body, deadline, id = '' }: AppendRequest,
  order: number,
): void {
  // What was dropped was on all nodes by then, and nobody can compare it any more.
  const isSame = order < log.first || hasBody(log.at(order), body);
  const wanted = order < log.first ? 1 : w;
  waiting.add({ request, id, order, w: wanted, deadline, isNew: false, isSame });
}

function takeIn(
  node: LogState,
  master: Master,
  request: RequestId,
  { id: given, body, w = master.copies, deadline }: AppendRequest,
): OperatingError | undefined {
  const { log, journal } = node;
  const { waiting, options, learning } = master;
  const order = log.end;
  const id = given ?? inventId(log.orderOf.bind(log), `${textOfName(log.name)}-${order}`);
  const entry = makeEntry(order, id, body);
  const unsynced = log.bytesBetween(log.durableEnd, order);
  if (unsynced + sizeOf(entry) > options.maxUnsyncedBytes) {
    const limit = options.maxUnsyncedBytes;
    return operatingError('overloaded', 'The disk is too slow for what comes in', { limit });
  }
  const full = whyFull(node, master, sizeOf(entry));
  if (full !== undefined) return full;
  invariant(learning === undefined, 'L17: no order is given before the log is known', { order });
  journal.write({ kind: 'entry', entry });
  log.push(entry, journal.sequence);
  const { bytes } = log;
  invariant(bytes <= options.maxLogBytes, 'L11: no append takes the log over its limit', { bytes });
  waiting.add({ request, id, order, w, deadline, isNew: true, isSame: true });
  return undefined;
}

/** Made of what nothing else has: the log's name and the order. A client may have taken it on purpose. */
function inventId(orderOf: (id: string) => number | undefined, stem: string): string {
  let id = stem;
  for (let more = 1; orderOf(id) !== undefined; more++) id = `${stem}-${more}`;
  return id;
}

/** The append itself is answered with those whose time is over. */
export function receiveGiveUp(node: LogState, request: RequestId, { append }: GiveUpRequest): void {
  const { role } = node;
  if (role.kind === 'master') {
    role.waiting.giveUp(append);
    const { learning, all } = role;
    const given = learning?.takeParked((one) => one.request === append) ?? [];
    for (const one of given) if (learning !== undefined) node.fail(one.request, learning.why(all));
  }
  node.reply(request, { kind: 'given_up' });
}

/** Answers all who have their copies now, and all who have waited long enough. */
export function answerWaiting(node: LogState, master: Master): void {
  const { waiting } = master;
  if (waiting.size === 0) return;
  const ends = master.ends(node.log.durableEnd);
  for (const { request, id, order, isNew, isSame } of waiting.takeEnough(ends)) {
    const copies = copiesOf(order, ends);
    node.reply(request, { kind: 'appended', id, order, copies, isNew, isSame });
  }
  for (const { request, id, order, w } of waiting.takeExpired(node.now)) {
    const copies = copiesOf(order, ends);
    const why = `The message is on ${copies} of ${w} nodes, stays in the log and goes on replicating`;
    const error = operatingError('write_quorum_not_met', why, { copies, w, order });
    node.reply(request, { kind: 'late', id, order, copies, w, error });
  }
}
