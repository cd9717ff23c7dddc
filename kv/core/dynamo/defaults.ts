/** The options that need no thought: what a node is given unless told otherwise. */

import { millis } from '../ids';
import { CART } from './merges';
import type { DynamoOptions } from './options';

const MIB = 1024 * 1024;

export const DEFAULT_DYNAMO_OPTIONS: Omit<
  DynamoOptions,
  'self' | 'name' | 'storage' | 'seed' | 'founders' | 'group' | 'metadataSecret'
> = {
  trace: false,
  replicas: 3,
  merges: [CART],
  standInMs: millis(150),
  giveUpMs: millis(600),
  probeMinMs: millis(250),
  probeMaxMs: millis(5000),
  exchangeMs: millis(1000),
  maxDiskLagMs: millis(2000),
  antiEntropyMs: millis(30_000),
  maxPendingRequests: 20_000,
  maxHints: 1_000_000,
  maxSiblings: 64,
  maxSiblingBytes: 16 * MIB,
  maxKeysPerMessage: 256,
  maxBytesPerMessage: MIB,
  maxCounters: 200_000,
  snapshotJournalBytes: 64 * MIB,
  snapshotSliceBytes: 128 * 1024,
};
