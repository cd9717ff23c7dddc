/** What can be measured: our own service, its peers, and the ceilings. */

import type { LoadResult } from './load/load_order';
import type { Shape } from './workload';

export interface System {
  /** As it stands in the table and in the JSON. */
  readonly name: string;
  /** What its operations promise, for the reader of the table. */
  readonly promise: string;
  /** What has to be installed before it can start; undefined when everything is there. */
  missing(): string | undefined;
  /** Why it cannot do this work; undefined when it can. */
  lacks(shape: Shape): string | undefined;
  /** Starts a fresh one in an empty folder; resolves when it can take requests. */
  start(place: Place): Promise<Running>;
}

export interface Place {
  readonly nodes: number;
  readonly folder: string;
}

/** A system that runs. Its load is begun in three steps, so that counters can be read between them. */
export interface Running {
  /** The processes of the nodes, the leader's first. */
  readonly pids: readonly number[];
  /** The process that makes the load, if it is one of its own. */
  readonly loadPid: number | undefined;
  /** Resolves when everything is connected that the load will need. */
  prepare(shape: Shape, part: Part): Promise<void>;
  /** Runs the load to its end. */
  go(): Promise<LoadResult>;
  /** Closes the connections of the load. */
  finish(): Promise<void>;
  stop(): Promise<void>;
}

/** `fill` writes every key once; a measurement lasts some seconds. */
export type Part = 'fill' | { readonly seconds: number };

/** The load of `--workload fill` is made by so many clients. */
export const FILL_CLIENTS = 64;

/** How many nodes may fail. A majority is this many and one. */
export const minorityOf = (nodes: number): number => Math.floor((nodes - 1) / 2);
