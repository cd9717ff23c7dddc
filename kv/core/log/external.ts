/**
 * A message that comes to a secondary from outside of the protocol (`POST /replicate`): whoever sends
 * it says which order and id it has. A new one, a repeated one and one beyond a gap are taken, and
 * durable before that is said; one that contradicts what is held is refused.
 */

import { operatingError } from '../errors';
import { NEVER, type RequestId } from '../ids';
import { refusalOfContent, refusalOfOrder } from './appends';
import { type Entry, isSameEntry, makeEntry, sizeOf } from './entry';
import type { LogReply, ReplicateRequest } from './requests';
import type { Secondary } from './roles';
import { isTaken, takeExternal } from './secondary_copy';
import type { LogState } from './state';
import { withTrouble } from './trouble';

type As = Extract<LogReply, { kind: 'replicated' }>['as'];
/** `full`: too many wait beyond a gap. `log_full`: the log has no room. */
type Judgement = As | 'conflict' | 'full' | 'log_full';

export function receiveReplicate(
  node: LogState,
  request: RequestId,
  { message, deadline = NEVER }: ReplicateRequest,
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
  if (role.replies.size >= role.options.maxPendingReplies) {
    const limit = role.options.maxPendingReplies;
    return node.fail(request, operatingError('overloaded', 'Too many wait here', { limit }));
  }
  const pending = role.replies.add(request, deadline);
  const say = (reply: LogReply) => {
    pending.answer = { through: node.journal.sequence, reply };
  };
  const isAdmitted = withTrouble(node, role, entry.encoded.length, {
    take: () => say(replyTo(judge(node, role, entry), node, role, entry)),
    takeUnheard: () => void judge(node, role, entry),
    fail: () => say({ kind: 'failed', error: EMULATED }),
  });
  if (isAdmitted) return;
  const why = 'Too much lies delayed here';
  say({ kind: 'failed', error: operatingError('overloaded', why) });
}

/** Says what is durable now, and that nobody knows where that takes too long. */
export function answerPending(node: LogState, { replies }: Secondary): void {
  if (replies.size === 0) return;
  for (const { request, answer } of replies.takeDurable(node.journal.durable)) {
    if (answer !== undefined) node.reply(request, answer.reply);
  }
  for (const { request } of replies.takeExpired(node.now)) {
    const why = 'The disk has not answered in time; the request may take effect yet';
    node.fail(request, operatingError('timeout', why));
  }
}

const EMULATED = operatingError('emulated_error', 'This node was told to fail now and then');

function replyTo(
  as: Judgement,
  node: LogState,
  { options }: Secondary,
  { order, id }: Entry,
): LogReply {
  if (as === 'conflict') {
    const why = 'Another message has this order or this id';
    return { kind: 'failed', error: operatingError('message_conflict', why, { order, id }) };
  }
  if (as === 'log_full') {
    const numbers = { limit: options.maxLogBytes, first: node.log.first };
    return { kind: 'failed', error: operatingError('log_full', LOG_FULL, numbers) };
  }
  if (as !== 'full') return { kind: 'replicated', as };
  const why = 'Too many messages wait here for one that is missing';
  const numbers = { limit: options.maxHeldMessages, missing: node.log.end };
  return { kind: 'failed', error: operatingError('overloaded', why, numbers) };
}

const LOG_FULL = 'The log of this node is full: raise --max-log-bytes, or wipe it or clear it';

function judge(node: LogState, secondary: Secondary, entry: Entry): Judgement {
  const { log } = node;
  const { order } = entry;
  // It was here, and has been dropped since.
  if (order < log.first) return 'duplicate';
  if (order < log.end) return isSameEntry(log.at(order), entry) ? 'duplicate' : 'conflict';
  if (isTaken(node, secondary, entry)) return 'conflict';
  const held = secondary.held.at(order);
  if (held?.sequence !== undefined) return 'buffered';
  const bytes = log.bytes + secondary.held.bytes + sizeOf(entry);
  if (bytes > secondary.options.maxLogBytes) return 'log_full';
  if (order > log.end && held === undefined && !secondary.held.hasRoomFor(entry)) return 'full';
  takeExternal(node, secondary, entry);
  return order < node.log.end ? 'new' : 'buffered';
}
