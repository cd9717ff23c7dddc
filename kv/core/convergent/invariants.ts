/**
 * What must be true of one replica after every step, numbered as in `DESIGN.md`. The checks are
 * cheap, so they are on in production; of the map only the keys that have changed are looked at.
 * What must be true of several replicas at once a simulator checks.
 */

import { invariant } from '../assert';
import { compareParts, type Part } from './parts';
import type { ConvergentState } from './state';
import { covers, hasSeen, timeOf } from './vectors';

export function checkState(node: ConvergentState): void {
  checkKeys(node);
  checkVectors(node);
  const { journal, options, pending, giving, peers } = node;
  invariant(journal.durable <= journal.sequence, 'C5: the disk is not ahead of the journal', {
    durable: journal.durable,
    sequence: journal.sequence,
  });
  const waiting = pending.size;
  const most = options.maxPendingRequests;
  invariant(waiting <= most, 'C7: requests that wait are bounded', { waiting, most });
  const transfers = giving.size;
  invariant(transfers <= peers.count + options.maxPeers, 'C8: transfers are bounded', {
    transfers,
  });
}

function checkKeys({ touched, store, seen }: ConvergentState): void {
  for (const key of touched) {
    const parts = store.partsOf(key);
    const isSorted = parts.every(
      (part, i) => i === 0 || compareParts(parts[i - 1] as Part, part) < 0,
    );
    invariant(isSorted, 'C1: the parts of a key are sorted, no two alike', { key });
    const values = parts.filter(({ kind }) => kind === 'value' || kind === 'deleted').length;
    invariant(values <= 1, 'C2: a key has one value or one delete', { key, values });
    const unseen = parts.find(({ stamp }) => !hasSeen(seen, stamp));
    invariant(unseen === undefined, 'C3: what is held has been seen', { key, ...unseen?.stamp });
  }
  touched.clear();
}

function checkVectors(node: ConvergentState): void {
  const { seen, durablySeen, collected, replica, peers } = node;
  invariant(covers(seen, durablySeen), 'C4: what is durable has been seen', {});
  invariant(covers(seen, collected), 'C4: what was collected has been seen', {});
  const own = timeOf(durablySeen, replica);
  for (const { node: peer, seen: theirs } of peers.all) {
    const known = timeOf(theirs, replica);
    invariant(known <= own, 'C6: nobody has seen an update that is not durable here', {
      ...{ peer, known, own },
    });
  }
}
