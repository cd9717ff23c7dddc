/**
 * What is too old is dropped, but nothing that anybody still needs: a secondary that lacks it, or a
 * client that waits for copies of it. A secondary drops what its master has dropped.
 */

import type { LogState } from './state';

export function applyRetention(node: LogState): void {
  const { role, log } = node;
  if (role.kind !== 'master') return;
  const { retainMessages, retainBytes } = role.options;
  // Whoever holds another log is not served, and keeps nobody waiting.
  const served = role.all.filter(({ standing }) => standing.kind !== 'conflict');
  const limit = Math.min(
    ...[log.durableEnd, role.waiting.lowestOrder, ...served.map(({ match }) => match)],
  );
  let first = log.first;
  // What a crash could take makes nothing else too old.
  const end = log.durableEnd;
  const isTooMuch = (order: number): boolean =>
    end - order > retainMessages || log.bytesBetween(order, end) > retainBytes;
  while (first < limit && isTooMuch(first)) first++;
  drop(node, first);
}

export function drop(node: LogState, first: number): void {
  const { log, options } = node;
  if (first <= log.first) return;
  node.droppedBytes += log.bytesBetween(log.first, first);
  node.narrate(`drops ${log.first} to ${first - 1}`);
  log.dropBefore(first, options.keepDroppedIds);
}
