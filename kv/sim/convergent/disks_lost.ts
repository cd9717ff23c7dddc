/** What a crash has taken, and what a lost disk: only what nobody was told may be gone. */

import type { StorageId } from '../../core/ids';
import { Violation } from '../violation';
import type { TrueHistory } from './true_history';
import { isIn, isWithin, type Seen, type Update } from './true_update';
import type { Witness } from './witness';

/**
 * A node has started again, and has seen this much. Returns the updates that are lost with its former
 * disk, if it has another: they were on that disk alone, which was harmed while it had nothing alone.
 */
export function settleWithDisk(
  history: TrueHistory,
  before: Witness,
  others: readonly Witness[],
  storage: StorageId,
  seen: Seen,
): Update[] {
  const { node, replica } = before;
  if (replica !== storage) {
    const own = history.between(new Map(), before.seen).filter((one) => one.replica === replica);
    return own.filter((update) => !others.some((other) => isIn(update, other.durable)));
  }
  if (!isWithin(before.durable, seen)) fail('recovery', `${node} has forgotten what was durable`);
  const through = seen.get(storage) ?? 0;
  const teller = others.find((other) => (other.seen.get(storage) ?? 0) > through);
  if (teller) fail('durable before said', `${teller.node} has what ${node} has lost`);
  for (const update of history.unmake(storage, through)) {
    if (update.outcome !== 'written') continue;
    fail('lost write', `${update.name} was acknowledged by ${node}, which has lost it`);
  }
  return [];
}

function fail(checker: string, message: string): never {
  throw new Violation(checker, message);
}
