/** A status report as a real node of the leaderless system gives it, made of invented numbers. */

import type { DynamoStatus } from '../../kv/core/dynamo/status';
import { nodeId } from '../../kv/core/ids';
import { statusReport } from '../../kv/dynamo_service/reports';

const [self, other] = [nodeId('127.0.0.1:9701'), nodeId('127.0.0.1:9702')];

export const DYNAMO_STATUS: DynamoStatus = {
  self,
  name: 'node01',
  standing: 'member',
  group: 77,
  members: [
    { id: self, name: 'node01', standing: 'member', version: 2, suspected: false },
    { id: other, name: 'node02', standing: 'joining', version: 1, suspected: true },
  ],
  replicas: 3,
  ringShare: 0.5,
  keys: 3,
  bytes: 300,
  siblings: 1,
  hints: 2,
  moves: 0,
  owed: { [other]: 2 },
  partitionsToCollect: 0,
  repairs: 4,
  handedOver: 5,
  received: 6,
  standIns: 7,
  pendingRequests: 8,
  diskLagMs: 12.5,
  snapshotActivity: 'none',
};

export function dynamoStatusExample(): Readonly<Record<string, unknown>> {
  return statusReport({
    core: DYNAMO_STATUS,
    storage: {
      ...{ journalBytes: 1, journalSegments: 1, snapshotBytes: 0 },
      ...{ fsyncCount: 9, lastFsyncMs: 0.5, pendingRecords: 0 },
    },
    peers: new Map(),
    version: '0.1.0',
    dataDir: undefined,
    uptimeMs: 5000,
  });
}
