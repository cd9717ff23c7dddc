/**
 * What must be true of one node's state after every step, numbered as in `DESIGN.md`. The checks are
 * cheap, so they are on in production. What must be true of several nodes at once (that no
 * acknowledged write is lost, that replicas end equal) a simulator checks.
 */

import { invariant } from '../assert';
import type { DynamoState } from './state';

export function checkState(node: DynamoState): void {
  const { journal, deliveries, options, operations, pendingRequests, store, standing, self } = node;
  const { hints, moves } = deliveries;
  const all = { self, standing, hints, moves, pendingRequests, operations: operations.size };
  invariant(journal.durable <= journal.sequence, 'D4: the disk is not ahead of the journal', all);
  const maxHints = Math.max(options.maxHints, node.hintsAtStart);
  invariant(hints <= maxHints, 'D5: hints are bounded', { ...all, maxHints });
  invariant(pendingRequests <= options.maxPendingRequests, 'D6: requests under way are bounded', {
    ...all,
    max: options.maxPendingRequests,
  });
  const owed = hints + moves;
  invariant(owed === 0 || store.size > 0, 'D7: what is owed is held', { ...all, held: store.size });
}
