/** Everything that can be measured, by the names of the command line. */

import type { System } from '../system';
import { BARE_DISK } from './bare_disk';
import { BARE_HTTP } from './bare_http';
import { DYNAMO } from './dynamo';
import { EMBEDDED } from './embedded';
import { ETCD_GRPC, ETCD_JSON } from './etcd';
import { PYSYNCOBJ } from './pysyncobj';
import { QUORUM_KV } from './quorum_kv';
import { REDIS } from './redis';
import { ZOOKEEPER } from './zookeeper';

export const OWN: readonly System[] = [EMBEDDED, QUORUM_KV];
export const CEILINGS: readonly System[] = [BARE_HTTP, BARE_DISK];
export const PEERS: Readonly<Record<string, readonly System[]>> = {
  etcd: [ETCD_GRPC, ETCD_JSON],
  zookeeper: [ZOOKEEPER],
  redis: [REDIS],
  pysyncobj: [PYSYNCOBJ],
  dynamo: [DYNAMO],
};
