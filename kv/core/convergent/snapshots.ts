/** What a snapshot of a replica is made of; `../record_snapshots.ts` writes it. */

import { RecordSnapshots } from '../record_snapshots';
import { type ConvergentRecord, encodeRecord } from './journal';
import { inPieces } from './pieces';
import type { ConvergentState } from './state';
import { NOTHING_SEEN } from './vectors';

export function snapshotsOf(node: ConvergentState): RecordSnapshots<ConvergentRecord> {
  return new RecordSnapshots({
    journal: node.journal,
    options: node.options,
    prefix: 'map',
    records: () => recordsOf(node),
    encode: encodeRecord,
    effect: (effect) => node.effect(effect),
    narrate: (text) => node.narrate(text),
  });
}

/** Everything, as it is when its turn comes. */
function* recordsOf({
  seen,
  collected,
  store,
  options,
}: ConvergentState): Iterator<ConvergentRecord> {
  yield { kind: 'update', seen, collected, pieces: 0, cells: [] };
  // What comes later than this many is in the journal.
  let left = store.keyCount;
  for (const key of store.keys()) {
    if (left-- <= 0) break;
    const pieces = inPieces([{ key, parts: store.partsOf(key) }], options.maxBytesPerMessage);
    const cells = pieces.pop() ?? [];
    for (const piece of pieces) yield { kind: 'piece', cells: piece };
    const nothingNew = { seen: NOTHING_SEEN, collected: NOTHING_SEEN };
    yield { kind: 'update', ...nothingNew, pieces: pieces.length, cells };
  }
}
