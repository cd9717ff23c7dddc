/** The options of simulated Dynamo nodes, drawn from the seed: small limits, so that each is met. */

import { DEFAULT_DYNAMO_OPTIONS } from '../../core/dynamo/defaults';
import type { DynamoOptions } from '../../core/dynamo/options';
import { millis } from '../../core/ids';
import type { Prng } from '../../core/prng';

/** What all nodes of a run have in common. */
export type SharedDynamoOptions = Omit<
  DynamoOptions,
  'self' | 'name' | 'storage' | 'seed' | 'trace' | 'founders' | 'seedNode'
>;

export function drawDynamoOptions(prng: Prng, slowestDelayMs: number): SharedDynamoOptions {
  const scale = slowestDelayMs > 20 ? 4 : slowestDelayMs > 5 ? 2 : 1;
  const standInMs = prng.pick([40, 100, 150]) * scale;
  return {
    ...DEFAULT_DYNAMO_OPTIONS,
    group: 1,
    metadataSecret: Uint8Array.from({ length: 16 }, (_, i) => i),
    replicas: prng.pick([1, 2, 3, 3, 3, 3, 3, 5]),
    standInMs: millis(standInMs),
    giveUpMs: millis(standInMs * prng.pick([1, 4])),
    probeMinMs: millis(standInMs * 2),
    probeMaxMs: millis(standInMs * 16),
    exchangeMs: millis(standInMs * 2),
    antiEntropyMs: millis(prng.pick([200, 500, 2000])),
    maxPendingRequests: prng.pick([4, 1000, 1000]),
    maxHints: prng.pick([2, 1000, 1000]),
    maxSiblings: prng.pick([3, 64, 64]),
    maxSiblingBytes: prng.pick([400, 1e6, 1e6]),
    maxKeysPerMessage: prng.pick([1, 3, 256]),
    maxBytesPerMessage: prng.pick([200, 10_000]),
    maxCounters: prng.pick([3, 1000]),
    snapshotJournalBytes: prng.pick([1000, 5000, 30_000, 1e9]),
    snapshotSliceBytes: prng.pick([64, 500, 10_000]),
    maxDiskLagMs: millis(standInMs * prng.pick([2, 4, 16])),
  };
}
