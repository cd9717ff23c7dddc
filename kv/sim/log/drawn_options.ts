/** The options of simulated nodes of the log, drawn from the seed: small limits, so that each is met. */

import { millis, NEVER } from '../../core/ids';
import {
  DEFAULT_LOG_OPTIONS,
  DEFAULT_MASTER_OPTIONS,
  DEFAULT_SECONDARY_OPTIONS,
  UNLIMITED,
} from '../../core/log/defaults';
import type { LogOptions, MasterOptions, SecondaryOptions } from '../../core/log/options';
import type { Prng } from '../../core/prng';

export interface SharedLogOptions {
  readonly common: Omit<LogOptions, 'self' | 'storage' | 'seed' | 'trace' | 'role'>;
  readonly master: Omit<MasterOptions, 'secondaries'>;
  readonly secondary: Omit<SecondaryOptions, 'master'>;
  /** Whether clients hand messages of the master to secondaries by themselves. */
  readonly external: boolean;
}

export function drawLogOptions(prng: Prng, slowestDelayMs: number): SharedLogOptions {
  const scale = slowestDelayMs > 20 ? 4 : slowestDelayMs > 5 ? 2 : 1;
  // A message from outside carries no name of a log, so it must not outlive a clear.
  const mode = prng.pick(['clear', 'external', 'neither', 'neither'] as const);
  return {
    common: drawCommon(prng, mode === 'clear'),
    master: drawMaster(prng, scale),
    secondary: drawSecondary(prng, scale),
    external: mode === 'external',
  };
}

function drawCommon(prng: Prng, allowClear: boolean): SharedLogOptions['common'] {
  return {
    ...DEFAULT_LOG_OPTIONS,
    allowClear,
    maxReadMessages: prng.pick([1, 5, 1000]),
    maxReadBytes: prng.pick([300, 3000, 1e6]),
    maxFollowers: prng.pick([1, 1000]),
    keepDroppedIds: prng.pick([0, 5, 1e6, 1e6]),
    snapshotJournalBytes: prng.pick([1000, 5000, 30_000, 1e9]),
    snapshotSliceBytes: prng.pick([64, 500, 10_000]),
  };
}

function drawMaster(prng: Prng, scale: number): SharedLogOptions['master'] {
  const heartbeatMs = prng.pick([40, 100, 200]) * scale;
  const retryMinMs = prng.pick([20, 60, 150]) * scale;
  return {
    ...DEFAULT_MASTER_OPTIONS,
    kind: 'master',
    quorumAppend: prng.chance(1, 3),
    // Where a log is never begun alone, the disk of the master may be lost too.
    beginAfterMs: prng.pick([NEVER, NEVER, millis(8 * heartbeatMs)]),
    heartbeatMs: millis(heartbeatMs),
    suspectAfterMs: millis(3 * heartbeatMs),
    unhealthyAfterMs: millis(8 * heartbeatMs),
    retryMinMs: millis(retryMinMs),
    retryMaxMs: millis(retryMinMs * prng.pick([1, 4, 16])),
    maxBatchMessages: prng.pick([1, 3, 1000]),
    maxBatchBytes: prng.pick([500, 100_000]),
    maxInFlightMessages: prng.pick([1, 4, 1000]),
    maxInFlightBytes: prng.pick([500, 3000, 1e6]),
    maxCatchUpBytes: prng.pick([0, 1000, 1e6]),
    maxWaiting: prng.pick([2, 1000, 1000]),
    maxUnsyncedBytes: prng.pick([1000, 1e6]),
    retainMessages: prng.pick([3, 30, UNLIMITED, UNLIMITED]),
    retainBytes: prng.pick([2000, UNLIMITED, UNLIMITED]),
    maxLogBytes: prng.pick([8000, 1e8, 1e8, 1e8]),
  };
}

function drawSecondary(prng: Prng, scale: number): SharedLogOptions['secondary'] {
  return {
    ...DEFAULT_SECONDARY_OPTIONS,
    kind: 'secondary',
    maxHeldMessages: prng.pick([0, 3, 1000]),
    maxHeldBytes: prng.pick([1000, 1e6]),
    maxPendingReplies: prng.pick([2, 1000]),
    trouble: {
      delayMs: millis(prng.pick([0, 0, 0, 10, 60]) * scale),
      errorsPerThousand: prng.pick([0, 0, 0, 20, 200]),
      errorWhen: prng.pick(['before', 'after'] as const),
    },
  };
}
