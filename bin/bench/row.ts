/** What is kept of the rounds of one system at one kind of work: medians, each of its own number. */

import type { Cost } from './cost';
import type { LoadResult } from './load/load_order';
import { median } from './statistics';
import type { Shape } from './workload';

/** One round. */
export interface Measurement {
  readonly result: LoadResult;
  readonly cost: Cost;
}

export interface Row extends Shape {
  readonly system: string;
  readonly opsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** The throughput of the row's first system divided by this one's. */
  readonly ratio: number;
  /** Seconds of processor time in each second, the leader's first. */
  readonly cpuPerNode: readonly number[];
  /** The same of the process that makes the load, where it is one of its own. */
  readonly cpuOfLoad: number | undefined;
  readonly diskBytesPerOperation: number | undefined;
  readonly wireBytesPerOperation: number | undefined;
  /** Requests that were answered by an error, in all rounds. */
  readonly errors: number;
  readonly firstError: string | undefined;
  /** Operations per second of each round, in the order in which they were run. */
  readonly rounds: readonly number[];
}

export const perSecond = ({ operations, seconds }: LoadResult): number => operations / seconds;

/** `base` is the throughput of the row's first system; its own where this is the first. */
export function rowOf(
  system: string,
  shape: Shape,
  measurements: readonly Measurement[],
  base?: number,
): Row {
  const results = measurements.map(({ result }) => result);
  const costs = measurements.map(({ cost, result }) => ({ ...cost, done: result.operations }));
  const opsPerSecond = median(results.map(perSecond));
  return {
    system,
    ...shape,
    opsPerSecond,
    p50Ms: median(results.map((result) => result.p50Ms)),
    p99Ms: median(results.map((result) => result.p99Ms)),
    p999Ms: median(results.map((result) => result.p999Ms)),
    ratio: (base ?? opsPerSecond) / opsPerSecond,
    cpuPerNode: cpuOfNodes(measurements),
    cpuOfLoad: medianOfKnown(costs.map((cost) => cost.cpuOfLoad)),
    diskBytesPerOperation: medianOfKnown(costs.map((cost) => per(cost.diskBytes, cost.done))),
    wireBytesPerOperation: medianOfKnown(costs.map((cost) => per(cost.wireBytes, cost.done))),
    errors: results.reduce((total, result) => total + result.errors, 0),
    firstError: results.find((result) => result.errors > 0)?.firstError,
    rounds: results.map(perSecond),
  };
}

function cpuOfNodes(measurements: readonly Measurement[]): number[] {
  const nodes = measurements[0]?.cost.cpuPerNode ?? [];
  const medians = nodes.map((_, i) =>
    medianOfKnown(measurements.map(({ cost }) => cost.cpuPerNode[i])),
  );
  return medians.filter((value) => value !== undefined);
}

const per = (total: number | undefined, count: number): number | undefined =>
  total === undefined ? undefined : total / count;

function medianOfKnown(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : median(known);
}
