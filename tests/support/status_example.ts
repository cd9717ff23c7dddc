/** A status report as a real node gives it, made of invented numbers. */

import { logIndex, millis, nodeId, storageId, term } from '../../kv/core/ids';
import { type ReportInputs, statusReport } from '../../kv/raft_service/status_report';

const [self, other] = [nodeId('127.0.0.1:6000'), nodeId('127.0.0.1:6001')];

const INPUTS: ReportInputs = {
  raft: {
    self,
    role: 'leader',
    term: term(3),
    leader: self,
    hasQuorum: true,
    firstIndex: logIndex(1),
    lastIndex: logIndex(42),
    durableIndex: logIndex(42),
    commitIndex: logIndex(42),
    appliedIndex: logIndex(42),
    leaderCommitIndex: logIndex(42),
    snapshotIndex: 0,
    snapshotBytes: 0,
    snapshotActivity: 'none',
    logEntries: 42,
    logBytes: 4200,
    pendingRequests: 1,
    ageMs: millis(0),
    voters: [
      { id: self, storage: storageId(7) },
      { id: other, storage: storageId(8) },
    ],
    storage: storageId(7),
    diskUnknown: false,
    peers: [{ id: other, connected: true, nextIndex: 43, matchIndex: 42, mode: 'stream' }],
  },
  storage: {
    journalBytes: 5000,
    journalSegments: 1,
    snapshotBytes: 0,
    fsyncCount: 40,
    lastFsyncMs: 1.5,
    pendingRecords: 0,
  },
  clusterId: 'auto-0123456789abcdef',
  version: '0.1.0',
  dataDir: 'data/node0',
  uptimeMs: 60_000,
  rssBytes: 100_000_000,
  keys: 5,
  dataBytes: 500,
  sessions: 1,
  idempotencyKeys: 2,
  loopLagMaxMs: 3,
};

export const statusExample = (): Record<string, unknown> => statusReport(INPUTS);
