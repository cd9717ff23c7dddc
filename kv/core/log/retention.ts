/**
 * What is too old is dropped, but nothing that anybody still needs: a secondary that lacks it, or a
 * client that waits for copies of it. A secondary drops what its master has dropped.
 */

import { type OperatingError, operatingError } from '../errors';
import type { MessageLog } from './message_log';
import type { MasterOptions } from './options';
import type { Progress } from './progress';
import type { Master } from './roles';
import type { LogState } from './state';

export function applyRetention(node: LogState): void {
  const { role, log } = node;
  if (role.kind !== 'master') return;
  const served = servedBy(role);
  const limit = Math.min(
    ...[log.durableEnd, role.waiting.lowestOrder, ...served.map(({ match }) => match)],
  );
  let first = log.first;
  while (first < limit && isTooOld(log, role.options, first)) first++;
  drop(node, first);
}

/** Whoever holds another log is not served, and keeps nobody waiting. */
const servedBy = ({ all }: Master): Progress[] =>
  all.filter(({ standing }) => standing.kind !== 'conflict');

/** What a crash could take makes nothing else too old. */
function isTooOld(
  log: MessageLog,
  { retainMessages, retainBytes }: MasterOptions,
  order: number,
): boolean {
  const end = log.durableEnd;
  return end - order > retainMessages || log.bytesBetween(order, end) > retainBytes;
}

/** Why so many bytes more have no room, and what helps. */
export function whyFull(
  { log }: LogState,
  master: Master,
  bytes: number,
): OperatingError | undefined {
  const { maxLogBytes: limit } = master.options;
  if (log.bytes + bytes <= limit) return undefined;
  const { first } = log;
  const lacking = servedBy(master).find(({ match }) => match <= first);
  if (lacking === undefined || !isTooOld(log, master.options, first)) {
    return operatingError('log_full', NOTHING_TOO_OLD, { limit, first });
  }
  const { id, match: lacks } = lacking;
  const why = `The log is full, and ${id} lacks messages that could be dropped: bring it back, or start the master without it`;
  return operatingError('log_full', why, { limit, first, secondary: id, lacks });
}

const NOTHING_TOO_OLD =
  'The log is full: raise --max-log-bytes, or keep fewer messages (--retain-messages, --retain-bytes)';

export function drop(node: LogState, first: number): void {
  const { log, options } = node;
  if (first <= log.first) return;
  node.droppedBytes += log.bytesBetween(log.first, first);
  node.narrate(`drops ${log.first} to ${first - 1}`);
  log.dropBefore(first, options.keepDroppedIds);
}
