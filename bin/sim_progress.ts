/** What a person sees on stderr while seeds run: a line about once a second. */

import { addTotals, noTotals, paceOf } from './sim_totals';
import type { ChunkResult } from './sim_worker';

const MS_PER_HOUR = 3_600_000;
const SHOW_EVERY_MS = 1000;
/** A log wants less than a terminal, where one line is written over. */
const SHOW_EVERY_MS_IN_LOGS = 10_000;

export class Progress {
  readonly totals = noTotals();
  private failures = 0;
  private readonly begun = Date.now();
  private readonly isTerminal = process.stderr.isTTY;
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly seeds: number) {
    const every = this.isTerminal ? SHOW_EVERY_MS : SHOW_EVERY_MS_IN_LOGS;
    this.timer = setInterval(() => this.show(), every);
    this.timer.unref();
  }

  add({ totals, failures }: ChunkResult): void {
    addTotals(this.totals, totals);
    this.failures += failures.length;
  }

  /** How long it took, in milliseconds. */
  end(): number {
    clearInterval(this.timer);
    if (this.isTerminal) process.stderr.write('\r\x1b[K');
    return Date.now() - this.begun;
  }

  private show(): void {
    const { totals, seeds, failures } = this;
    const hours = (totals.simulatedMs / MS_PER_HOUR).toFixed(2);
    const pace = paceOf(totals, Date.now() - this.begun).toFixed(2);
    const line = `sim: ${totals.seeds} of ${seeds} seeds, ${hours} simulated hours (${pace} a minute), ${failures} failed`;
    process.stderr.write(this.isTerminal ? `\r\x1b[K${line}` : `${line}\n`);
  }
}
