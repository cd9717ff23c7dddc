/**
 * Makes a failing run small: which of its faults does it need, and how calm may the world be? Every
 * attempt is a whole run from the same seed; it counts when the same checker complains. What is left
 * is not the smallest there is, but no single one of its faults can be left out.
 */

import type { RunReport } from './simulate';
import { isSimple, SIMPLIFICATIONS, type Simplification, type Variation } from './variation';

export interface Shrunk {
  readonly variation: Variation & { readonly durationMs: number };
  readonly report: RunReport;
  /** How many runs it took. */
  readonly runs: number;
}

type Run = (variation: Shrunk['variation']) => RunReport;

/** Runs the variations of a failed run; `maxRuns` bounds how many. */
export function shrink(failed: RunReport, run: Run, maxRuns = 400): Shrunk {
  return new Shrinker(failed, run, maxRuns).shrink();
}

class Shrinker {
  private best: Shrunk;
  private runs = 0;

  constructor(
    private readonly failed: RunReport,
    private readonly run: Run,
    private readonly maxRuns: number,
  ) {
    const keep = failed.faults.map((fault) => fault.number);
    const { durationMs } = failed.configuration;
    this.best = { variation: { keep, simplify: [], durationMs }, report: failed, runs: 0 };
  }

  shrink(): Shrunk {
    this.cutShort();
    this.dropFaults();
    this.simplify();
    // What is calmer may need fewer faults.
    this.dropFaults();
    this.cutShort();
    // What one fault was needed for may have gone with another, or with what came after.
    while (this.dropGroups(1));
    return { ...this.best, runs: this.runs };
  }

  /** What came after the failure cannot have caused it. */
  private cutShort(): void {
    const { report, variation } = this.best;
    const end = Math.ceil(report.simulatedMs) + 1;
    if (end < variation.durationMs) this.attempt({ ...variation, durationMs: end });
  }

  /** Leaves out ever smaller groups of faults (Zeller and Hildebrandt's ddmin, without complements). */
  private dropFaults(): void {
    const count = (this.best.variation.keep ?? []).length;
    for (let size = count; size >= 1; size = Math.floor(size / 2)) this.dropGroups(size);
  }

  /** Leaves out what can be left out of so many neighbours each; whether there was anything. */
  private dropGroups(size: number): boolean {
    let isLess = false;
    for (let at = 0; at < (this.best.variation.keep ?? []).length; ) {
      const keep = [...(this.best.variation.keep ?? [])];
      keep.splice(at, size);
      if (this.attempt({ ...this.best.variation, keep })) isLess = true;
      else at += size;
    }
    return isLess;
  }

  private simplify(): void {
    for (const each of Object.keys(SIMPLIFICATIONS) as Simplification[]) {
      const { report, variation } = this.best;
      // What is calm already needs no attempt.
      if (isSimple(report.configuration, each)) continue;
      const simplify = [...(variation.simplify ?? []), each];
      this.attempt({ ...variation, simplify });
    }
  }

  /** Whether the run still fails in the same way; then it is the best so far. */
  private attempt(variation: Shrunk['variation']): boolean {
    if (this.runs >= this.maxRuns) return false;
    this.runs++;
    const report = this.run(variation);
    if (report.violation?.checker !== this.failed.violation?.checker) return false;
    this.best = { variation, report, runs: this.runs };
    return true;
  }
}
