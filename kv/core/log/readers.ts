/**
 * Reading: only what is durable here, in order, without a gap. What is shown once is never taken back
 * by a crash; a clear takes it back, and says so.
 */

import { operatingError } from '../errors';
import type { RequestId } from '../ids';
import { messageOf, sizeOf } from './entry';
import { textOfName } from './log_name';
import type { FollowRequest, Message, ReadRequest } from './requests';
import type { LogState } from './state';

export const CLEARED = operatingError(
  'log_cleared',
  'The log was cleared while the request was under way',
);

export function receiveRead(node: LogState, request: RequestId, read: ReadRequest): void {
  answer(node, request, read.from ?? node.shown.first, read.limit);
}

export function receiveFollow(node: LogState, request: RequestId, follow: FollowRequest): void {
  const { shown, followers, options, now } = node;
  const { from, limit, deadline } = follow;
  // Who has read from a log without a name has read a beginning of the one that is there now.
  if (follow.log !== undefined && follow.log !== '' && follow.log !== nameShown(node)) {
    return node.fail(request, CLEARED);
  }
  if (from < shown.durableEnd || deadline <= now) return answer(node, request, from, limit);
  if (followers.size >= options.maxFollowers) {
    const numbers = { limit: options.maxFollowers };
    return node.fail(request, operatingError('overloaded', 'Too many readers wait', numbers));
  }
  followers.add({ request, from, limit, deadline });
}

/** Answers readers whose message is there now, and those that have waited long enough. */
export function answerFollowers(node: LogState): void {
  const { followers, shown, now } = node;
  if (followers.size === 0) return;
  const due = [...followers.takeServed(shown.durableEnd), ...followers.takeExpired(now)];
  for (const { request, from, limit } of due) answer(node, request, from, limit);
}

export function failFollowers(node: LogState): void {
  for (const { request } of node.followers.takeAll()) node.fail(request, CLEARED);
}

/** A copy that has just got its name has none as long as the disk does not know it. */
function nameShown({ shown, journal }: LogState): string {
  return shown.isNameDurable(journal.durable) ? textOfName(shown.name) : '';
}

function answer(node: LogState, request: RequestId, from: number, limit: number): void {
  const { first, durableEnd: end } = node.shown;
  if (from < first) {
    const why = `Messages below ${first} have been dropped; read from ${first} on`;
    return node.fail(request, operatingError('below_retention', why, { from, first }));
  }
  const messages = messagesFrom(node, from, limit);
  const next = from + messages.length;
  const log = nameShown(node);
  node.reply(request, { kind: 'messages', log, messages, next, first, end });
}

function messagesFrom({ shown: log, options }: LogState, from: number, limit: number): Message[] {
  const end = Math.min(log.durableEnd, from + Math.min(limit, options.maxReadMessages));
  const messages: Message[] = [];
  let bytes = 0;
  for (let order = from; order < end; order++) {
    const entry = log.at(order);
    bytes += sizeOf(entry);
    if (messages.length > 0 && bytes > options.maxReadBytes) break;
    messages.push(messageOf(entry));
  }
  return messages;
}
