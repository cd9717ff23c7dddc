/**
 * A message that comes to a secondary from outside of the protocol (`POST /replicate`): whoever sends
 * it says which order and id it has. A new one, a repeated one and one beyond a gap are taken, and
 * durable before that is said; one that contradicts what is held is refused.
 */

import { operatingError } from '../errors';
import type { RequestId } from '../ids';
import { refusalOfContent, refusalOfOrder } from './appends';
import { type Entry, isSameEntry, makeEntry } from './entry';
import type { LogReply, Message, ReplicateRequest } from './requests';
import type { Secondary } from './roles';
import { isTaken, takeExternal } from './secondary_copy';
import type { LogState } from './state';
import { withTrouble } from './trouble';

type As = Extract<LogReply, { kind: 'replicated' }>['as'];

export function receiveReplicate(
  node: LogState,
  request: RequestId,
  { message }: ReplicateRequest,
): void {
  const { role, options } = node;
  if (role.kind !== 'secondary') {
    const why = 'Messages are replicated to secondaries; the master takes them by POST /messages';
    return node.fail(request, operatingError('not_a_secondary', why));
  }
  const refusal = refusalOfContent(options, message.id, message.body) ?? refusalOfOrder(message);
  if (refusal !== undefined) return node.fail(request, refusal);
  const { order, id, body } = message;
  const entry = makeEntry(order, id, body);
  const outcomes = {
    take: () => take(node, role, request, entry),
    takeUnheard: () => void judge(node, role, entry),
    fail: () => node.fail(request, EMULATED),
  };
  const isAdmitted = withTrouble(node, role, entry.encoded.length, outcomes);
  if (!isAdmitted) node.fail(request, operatingError('overloaded', 'Too much lies delayed here'));
}

const EMULATED = operatingError('emulated_error', 'This node was told to fail now and then');

function take(node: LogState, secondary: Secondary, request: RequestId, entry: Entry): void {
  const as = judge(node, secondary, entry);
  if (as === 'conflict') return node.fail(request, conflictOf(entry));
  if (as === 'full') {
    const limit = secondary.options.maxHeldMessages;
    const why = 'Too many messages wait here for one that is missing';
    return node.fail(request, operatingError('overloaded', why, { limit, missing: node.log.end }));
  }
  node.journal.whenDurable(() => node.reply(request, { kind: 'replicated', as }));
}

function judge(node: LogState, secondary: Secondary, entry: Entry): As | 'conflict' | 'full' {
  const { log } = node;
  const { order } = entry;
  // It was here, and has been dropped since.
  if (order < log.first) return 'duplicate';
  if (order < log.end) return isSameEntry(log.at(order), entry) ? 'duplicate' : 'conflict';
  if (isTaken(node, secondary, entry)) return 'conflict';
  const held = secondary.held.at(order);
  if (held?.sequence !== undefined) return 'buffered';
  if (order > log.end && held === undefined && !secondary.held.hasRoomFor(entry)) return 'full';
  takeExternal(node, secondary, entry);
  return order < node.log.end ? 'new' : 'buffered';
}

const conflictOf = ({ order, id }: Message | Entry) =>
  operatingError('message_conflict', 'Another message has this order or this id', { order, id });
