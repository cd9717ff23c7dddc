/**
 * After the ring has changed, each key is looked at once, some in every step: what does not belong
 * here any more is owed to those it belongs to, and what was owed to others is not.
 */

import type { ByteString } from '../command';
import { noteOwed } from './keeping';
import { KEYS_PER_SWEEP } from './options';
import type { DynamoState } from './state';

export function sweepSome(node: DynamoState): void {
  const { sweep } = node;
  if (sweep === undefined) return;
  for (let i = 0; i < KEYS_PER_SWEEP; i++) {
    const next = sweep.next();
    if (next.done) {
      node.sweep = undefined;
      return;
    }
    cancelDebts(node, next.value);
    noteOwed(node, next.value, true);
  }
}

/** Who is no home of the key any more is not owed it either. */
function cancelDebts(node: DynamoState, key: ByteString): void {
  const { deliveries } = node;
  const homes = node.homesOf(key);
  for (const id of deliveries.creditors) {
    if (homes.includes(id)) continue;
    const debt = deliveries.settle(id, key);
    if (debt === 'hint') node.journal.write({ kind: 'hint_done', key, home: id });
  }
}
