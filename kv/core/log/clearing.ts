/**
 * Emptying the log, where that was allowed. The master begins its log anew under the next generation
 * of its name: whatever is still on its way says the old name and is ignored, and secondaries
 * that were away drop the old log when they come back. A secondary that is told to clear forgets its
 * own copy only, and is filled again.
 */

import { operatingError } from '../errors';
import type { Millis, RequestId } from '../ids';
import { beginAnew } from './attempts';
import { healthOf } from './reachability';
import { CLEARED } from './readers';
import type { ClearRequest } from './requests';
import type { Master, Role, Secondary } from './roles';
import { greetAnew, resetCopy } from './secondary_copy';
import type { LogState } from './state';

export function receiveClear(node: LogState, request: RequestId, { deadline }: ClearRequest): void {
  const { role, options } = node;
  if (!options.allowClear) {
    const why = 'The node was not started with --allow-clear';
    return node.fail(request, operatingError('clear_not_allowed', why));
  }
  const { waits, limit } = loadOf(role);
  if (Math.max(waits, node.undurableLogs) >= limit) {
    return node.fail(request, operatingError('overloaded', 'Too many are waiting', { limit }));
  }
  if (role.kind === 'secondary') return clearCopy(node, role, request, deadline);
  if (role.learning !== undefined) return node.fail(request, role.learning.why(role.all));
  const waitsFor = role.all.filter(
    (progress) => progress.isFollowing && healthOf(node, role, progress) === 'healthy',
  );
  clearLog(node, role);
  role.clearings.push({ request, waitsFor, deadline });
}

const loadOf = (role: Role): { waits: number; limit: number } =>
  role.kind === 'master'
    ? { waits: role.waiting.size + role.clearings.length, limit: role.options.maxWaiting }
    : { waits: role.replies.size, limit: role.options.maxPendingReplies };

function clearLog(node: LogState, master: Master): void {
  const { name } = node.log;
  if (name === undefined) return;
  node.beginLog({ ...name, generation: name.generation + 1 }, 0);
  for (const { request } of master.waiting.takeAll()) node.fail(request, CLEARED);
  for (const progress of master.all) beginAnew(master, progress);
}

function clearCopy(
  node: LogState,
  secondary: Secondary,
  request: RequestId,
  deadline: Millis,
): void {
  resetCopy(node, node.log.name, 0);
  greetAnew(node);
  const reply = { kind: 'cleared', copies: 1 } as const;
  secondary.replies.add(request, deadline).answer = { through: node.journal.sequence, reply };
}

/** Answers clears that all whom they wait for have heard of, or that have waited long enough. */
export function answerClearings(node: LogState, master: Master): void {
  const { log, journal, now } = node;
  if (master.clearings.length === 0) return;
  const isDurable = log.isNameDurable(journal.durable);
  const copies = 1 + master.all.filter(({ isFollowing }) => isFollowing).length;
  const isOver = (clearing: Master['clearings'][number]): boolean =>
    isDurable && clearing.waitsFor.every(({ isFollowing }) => isFollowing);
  const isLate = (clearing: Master['clearings'][number]): boolean => clearing.deadline <= now;
  for (const clearing of master.clearings) {
    if (isOver(clearing) || (isDurable && isLate(clearing))) {
      node.reply(clearing.request, { kind: 'cleared', copies });
    } else if (isLate(clearing)) {
      const why = 'The log is being cleared, but the disk has not answered yet';
      node.fail(clearing.request, operatingError('timeout', why));
    }
  }
  master.clearings = master.clearings.filter((one) => !isOver(one) && !isLate(one));
}
