/** The options of simulated nodes: small numbers, so that a trace can be followed by head. */

import { millis } from '../../kv/core/ids';
import { DEFAULT_SESSION_SETTINGS, encodeSettings } from '../../kv/core/machine/envelope';

export const NODE_OPTIONS = {
  electionTimeoutMinMs: millis(150),
  electionTimeoutMaxMs: millis(300),
  // As wide as it can be: scripts that are about candidates close to each other say less.
  electionSpreadMinMs: millis(150),
  heartbeatMs: millis(50),
  maxDiskStallMs: millis(1000),
  maxEntriesPerMessage: 64,
  maxBytesPerMessage: 64 * 1024,
  maxInflightMessages: 16,
  maxInflightBytes: 1024 * 1024,
  // Nobody is spared anything, so that a script tells what became of each message: see spares.test.ts.
  spareDelayMs: millis(0),
  sparePatienceMs: millis(5),
  spareMessageEntries: 64,
  applyLaterEntries: 1,
  maxUncommittedBytes: 1024 * 1024,
  maxPendingRequests: 1000,
  snapshotLogBytes: 16 * 1024 * 1024,
  snapshotLogPercent: 0,
  snapshotSpreadPercent: 0,
  keepLogBytes: 0,
  snapshotSliceBytes: 1024,
  machineSettings: encodeSettings(DEFAULT_SESSION_SETTINGS),
};
