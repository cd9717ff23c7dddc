/**
 * What must be true of one node's state after every step, numbered as in `DESIGN.md`. The checks are
 * cheap, so they are on in production. L1 to L4 are checked where they could be broken
 * (`message_log.ts`, `replication.ts`); what takes several nodes at once a simulator checks.
 */

import { invariant } from '../assert';
import type { Progress } from './progress';
import type { Master, Secondary } from './roles';
import type { LogState } from './state';
import { copiesOf } from './waiting_write';

export function checkState(node: LogState): void {
  const { log, journal, role, followers, options } = node;
  const { first, durableEnd, end } = log;
  const all = { self: node.self, first, durableEnd, end };
  invariant(first <= durableEnd && durableEnd <= end, 'L5: what is shown is there', all);
  invariant(journal.durable <= journal.sequence, 'L6: the disk is not ahead of the journal', all);
  invariant(followers.size <= options.maxFollowers, 'L7: readers that wait are bounded', all);
  invariant(log.size === end - first, 'L1: every order of the log has a message', all);
  if (role.kind === 'master') checkMaster(node, role);
  else checkSecondary(node, role);
}

function checkMaster(node: LogState, master: Master): void {
  const { waiting, clearings, options, all } = master;
  const { log } = node;
  const ends = master.ends(log.durableEnd);
  const size = waiting.size + clearings.length + (master.learning?.parked.length ?? 0);
  invariant(size <= options.maxWaiting, 'L8: writes that wait are bounded', { size });
  for (const { order, w, id } of waiting.heads) {
    const copies = copiesOf(order, ends);
    const isMissing = order >= log.durableEnd || copies < w;
    invariant(isMissing, 'L9: nobody waits for what is there', { id, order, w, copies });
    invariant(order >= log.first, 'L10: what is waited for is kept', { id, order });
  }
  for (const progress of all) checkProgress(node, master, progress);
}

function checkProgress({ log }: LogState, { options }: Master, progress: Progress): void {
  if (!progress.isFollowing) return;
  const { id, match, next, inFlight } = progress;
  const all = { id, first: log.first, match, next, durableEnd: log.durableEnd };
  invariant(
    match <= next && next <= log.durableEnd,
    'L4: nothing is sent before it is durable',
    all,
  );
  invariant(match >= log.first, 'L12: nothing is dropped that a secondary lacks', all);
  invariant(inFlight <= options.maxInFlightMessages, 'L13: messages in flight are bounded', all);
}

function checkSecondary(
  { log }: LogState,
  { confirmedEnd, held, options, ...rest }: Secondary,
): void {
  const { first, end } = log;
  const all = { first, confirmedEnd, end, held: held.size, attempt: rest.attempt };
  const isInLog = first <= confirmedEnd && confirmedEnd <= end;
  invariant(isInLog, 'L14: what the master has confirmed is in the log', all);
  invariant(held.size <= options.maxHeldMessages, 'L15: what is held back is bounded', all);
  const isGap = held.at(end) === undefined || held.at(end)?.sequence === undefined;
  invariant(isGap, 'L16: what is held back lies beyond a gap', all);
}
