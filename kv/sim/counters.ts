/** What happened in a run, in numbers: for progress, and to show that the faults really come. */

import type { FaultKind } from './faults';

export class Counters {
  /** Messages between nodes. */
  sent = 0;
  lost = 0;
  repeated = 0;
  /** Steps of protocol cores. */
  steps = 0;
  /** Operations of clients, by what came of them. */
  readonly operations: Record<string, number> = {};
  /** Faults that took effect, by kind. */
  readonly faults: Partial<Record<FaultKind, number>> = {};
  /** What the subject counts: elections, snapshots, … */
  readonly events: Record<string, number> = {};

  count(table: 'operations' | 'faults' | 'events', name: string, by = 1): void {
    const counts: Record<string, number> = this[table];
    counts[name] = (counts[name] ?? 0) + by;
  }
}
