/** The options that need no thought: what a node is given unless told otherwise. */

import { millis } from '../ids';
import type { LogOptions, MasterOptions, SecondaryOptions, Trouble } from './options';

const MIB = 1024 * 1024;
/** More than can ever be there: no limit. */
export const UNLIMITED = Number.MAX_SAFE_INTEGER;

export const DEFAULT_LOG_OPTIONS: Omit<LogOptions, 'self' | 'storage' | 'seed' | 'role'> = {
  trace: false,
  allowClear: false,
  maxMessageBytes: MIB,
  maxIdBytes: 255,
  maxReadMessages: 10_000,
  maxReadBytes: 4 * MIB,
  maxFollowers: 10_000,
  keepDroppedIds: 1_000_000,
  snapshotJournalBytes: 64 * MIB,
  snapshotSliceBytes: 128 * 1024,
};

export const DEFAULT_MASTER_OPTIONS: Omit<MasterOptions, 'kind' | 'secondaries'> = {
  quorumAppend: false,
  heartbeatMs: millis(300),
  suspectAfterMs: millis(1000),
  unhealthyAfterMs: millis(3000),
  retryMinMs: millis(200),
  retryMaxMs: millis(5000),
  maxBatchMessages: 1000,
  maxBatchBytes: MIB,
  maxInFlightMessages: 10_000,
  maxInFlightBytes: 8 * MIB,
  maxCatchUpBytes: 128 * 1024,
  beginAfterMs: millis(3000),
  maxWaiting: 20_000,
  maxUnsyncedBytes: 64 * MIB,
  retainMessages: UNLIMITED,
  retainBytes: UNLIMITED,
  maxLogBytes: 1024 * MIB,
};

export const NO_TROUBLE: Trouble = {
  delayMs: millis(0),
  errorsPerThousand: 0,
  errorWhen: 'before',
};

export const DEFAULT_SECONDARY_OPTIONS: Omit<SecondaryOptions, 'kind' | 'master'> = {
  maxHeldMessages: 10_000,
  maxHeldBytes: 16 * MIB,
  maxLogBytes: 1024 * MIB,
  maxPendingReplies: 10_000,
  trouble: NO_TROUBLE,
};
