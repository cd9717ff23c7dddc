/** The options that need no thought: what a replica is given unless told otherwise. */

import { millis } from '../ids';
import type { ConvergentOptions } from './options';

const KIB = 1024;
const MIB = 1024 * KIB;

export const DEFAULT_CONVERGENT_OPTIONS: Omit<
  ConvergentOptions,
  'self' | 'address' | 'storage' | 'seed' | 'wall'
> = {
  trace: false,
  maxDriftMs: millis(60_000),
  reportMinMs: millis(100),
  reportMaxMs: millis(5000),
  gapMs: millis(20),
  pullMs: millis(500),
  silentMs: millis(5000),
  antiEntropyMs: millis(30_000),
  maxKeyBytes: 4 * KIB,
  maxValueBytes: MIB,
  maxChanges: 10_000,
  maxUpdateBytes: 4 * MIB,
  maxBytesPerMessage: 256 * KIB,
  maxHeldPushes: 64,
  maxHeldBytes: 16 * MIB,
  maxPendingRequests: 20_000,
  maxPeers: 64,
  maxReplicas: 1024,
  snapshotJournalBytes: 64 * MIB,
  snapshotSliceBytes: 128 * KIB,
};
