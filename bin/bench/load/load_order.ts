/** What the generator is told and what it tells: one line of JSON each. */

import type { WorkloadName } from '../workload';

export const PROTOCOLS = [
  'http',
  'dynamo',
  'etcd-json',
  'etcd-grpc',
  'zookeeper',
  'redis',
] as const;
export type Protocol = (typeof PROTOCOLS)[number];

export interface LoadOrder {
  readonly protocol: Protocol;
  /** Clients are spread over these ports of the loopback address. */
  readonly ports: readonly number[];
  /** `fill` writes every key once, in order. */
  readonly workload: WorkloadName | 'fill';
  readonly clients: number;
  readonly keys: number;
  readonly valueBytes: number;
  /** Stop asking after this long, or after this many requests, whichever comes first. */
  readonly seconds?: number;
  readonly requests?: number;
  /** Redis: how many replicas WAIT asks for. */
  readonly replicas?: number;
  /** How many connections the clients share. Over gRPC `each` may have its own, elsewhere each has. */
  readonly connections?: number | 'each';
}

export interface LoadResult {
  readonly operations: number;
  /** From the first request to the last answer. */
  readonly seconds: number;
  /** Answers that say that something was not done. They are not among the operations. */
  readonly errors: number;
  readonly firstError?: string | undefined;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly worstMs: number;
}
