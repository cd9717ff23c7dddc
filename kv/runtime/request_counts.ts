/**
 * Requests, counted as they end, and how long they took.
 *
 * This runs for each request, so it adds to numbers in arrays and makes nothing; the text for
 * Prometheus is put together when somebody scrapes. A client library that is made for any set of
 * labels looks its labels up each time, which costs as much as a read of the map.
 */

import type { CommandResult } from '../core/command';
import type { ErrorCode } from '../core/errors';

export type RequestKind = 'get' | 'put' | 'append' | 'delete';
export type RequestOutcome = CommandResult | ErrorCode;

/** From half a millisecond (a local read) to the usual request timeout. */
const BOUNDS_MS: readonly number[] = [0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4];

class KindCounts {
  /** Outcomes are a closed set, so this is bounded. */
  readonly outcomes = new Map<RequestOutcome, { count: number }>();
  /** How many requests took at most each bound and more than the one before; then the rest. */
  readonly durations = new Array<number>(BOUNDS_MS.length + 1).fill(0);
  totalMs = 0;

  observe(outcome: RequestOutcome, ms: number): void {
    let place = 0;
    while (place < BOUNDS_MS.length && ms > (BOUNDS_MS[place] as number)) place++;
    this.durations[place] = (this.durations[place] as number) + 1;
    this.totalMs += ms;
    const known = this.outcomes.get(outcome);
    if (known !== undefined) known.count++;
    else this.outcomes.set(outcome, { count: 1 });
  }
}

export class RequestCounts {
  private readonly kinds: Readonly<Record<RequestKind, KindCounts>> = {
    put: new KindCounts(),
    append: new KindCounts(),
    delete: new KindCounts(),
    get: new KindCounts(),
  };

  constructor(private readonly prefix: string) {}

  /** Counts one request that has ended after so many milliseconds. */
  observe(kind: RequestKind, outcome: RequestOutcome, ms: number): void {
    this.kinds[kind].observe(outcome, ms);
  }

  /** Two metrics in the text format of Prometheus. */
  text(): string {
    const requests = `${this.prefix}requests_total`;
    const duration = `${this.prefix}request_duration_seconds`;
    const lines = head(requests, 'Requests by kind and by what came of them', 'counter');
    for (const [kind, { outcomes }] of Object.entries(this.kinds)) {
      for (const [outcome, { count }] of outcomes) {
        lines.push(`${requests}{kind="${kind}",outcome="${outcome}"} ${count}`);
      }
    }
    lines.push(...head(duration, 'Time from taking a request to its outcome', 'histogram'));
    for (const [kind, counts] of Object.entries(this.kinds)) {
      lines.push(...histogram(duration, kind, counts));
    }
    return `${lines.join('\n')}\n`;
  }
}

const head = (name: string, help: string, type: string): string[] => [
  `# HELP ${name} ${help}`,
  `# TYPE ${name} ${type}`,
];

/** Buckets say how many took at most so long, so each includes the ones before it. */
function histogram(name: string, kind: string, { durations, totalMs }: KindCounts): string[] {
  const label = `kind="${kind}"`;
  const lines: string[] = [];
  let upTo = 0;
  for (const [place, count] of durations.entries()) {
    upTo += count;
    const bound = BOUNDS_MS[place];
    const seconds = bound === undefined ? '+Inf' : bound / 1000;
    lines.push(`${name}_bucket{le="${seconds}",${label}} ${upTo}`);
  }
  lines.push(`${name}_sum{${label}} ${totalMs / 1000}`, `${name}_count{${label}} ${upTo}`);
  return lines;
}
