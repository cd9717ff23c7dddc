/** Everything that can be measured, by the names of the command line. */

import type { System } from '../system';
import { BARE_DISK } from './bare_disk';
import { BARE_HTTP } from './bare_http';
import { DYNAMO } from './dynamo';
import { EMBEDDED } from './embedded';
import { ETCD_GRPC, ETCD_GRPC_EACH, ETCD_JSON } from './etcd';
import { PYSYNCOBJ } from './pysyncobj';
import { QUORUM_KV, QUORUM_KV_PIPELINED } from './quorum_kv';
import { REDIS } from './redis';
import { ZOOKEEPER, ZOOKEEPER_SHARED } from './zookeeper';

export const OWN: readonly System[] = [EMBEDDED, QUORUM_KV];
export const CEILINGS: readonly System[] = [BARE_HTTP, BARE_DISK];
export const PEERS: Readonly<Record<string, readonly System[]>> = {
  etcd: [ETCD_GRPC, ETCD_JSON],
  zookeeper: [ZOOKEEPER],
  redis: [REDIS],
  pysyncobj: [PYSYNCOBJ],
  dynamo: [DYNAMO],
  /** The other way to connect the same clients: one each instead of shared, shared instead of one each. */
  connections: [QUORUM_KV_PIPELINED, ETCD_GRPC_EACH, ZOOKEEPER_SHARED],
};
