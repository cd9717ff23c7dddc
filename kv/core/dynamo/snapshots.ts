/** What a snapshot of a Dynamo node is made of; `../record_snapshots.ts` writes it. */

import { RecordSnapshots } from '../record_snapshots';
import { type DynamoRecord, encodeRecord, membersRecord } from './journal';
import type { DynamoState } from './state';
import { partsOf } from './versions';

export function snapshotsOf(node: DynamoState): RecordSnapshots<DynamoRecord> {
  return new RecordSnapshots({
    journal: node.journal,
    options: node.options,
    prefix: 'versions',
    records: () => recordsOf(node),
    encode: encodeRecord,
    effect: (effect) => node.effect(effect),
    narrate: (text) => node.narrate(text),
  });
}

/** Everything, as it is when its turn comes. */
function* recordsOf(node: DynamoState): Iterator<DynamoRecord> {
  const { store, deliveries, issuer, options } = node;
  yield membersRecord(node);
  yield { kind: 'epochs', through: issuer.reservedThrough };
  // What comes later than this many is in the journal.
  let left = store.size;
  for (const key of store.keys()) {
    if (left-- <= 0) break;
    for (const versions of partsOf(store.versionsOf(key), options.maxBytesPerMessage)) {
      yield { kind: 'versions', key, versions };
    }
  }
  for (const home of deliveries.creditors) {
    for (const [key, debt] of deliveries.owedTo(home)) {
      if (debt === 'hint') yield { kind: 'hint', key, home };
    }
  }
}
