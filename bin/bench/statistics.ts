/** The few numbers that a run of measurements is boiled down to. */

/** The middle one; of an even number, the mean of the two in the middle. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((x, y) => x - y);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The smallest value that at least this part of the sorted values does not exceed. */
export function percentile(sorted: Float64Array, part: number): number {
  const rank = Math.ceil(sorted.length * part) - 1;
  return sorted[Math.max(0, rank)] ?? Number.NaN;
}

/** Latencies as they come in, in milliseconds; exact, because a bucket would hide a small change. */
export class Latencies {
  private values = new Float64Array(1 << 16);
  private used = 0;

  get count(): number {
    return this.used;
  }

  add(ms: number): void {
    if (this.used === this.values.length) {
      const larger = new Float64Array(2 * this.used);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[this.used++] = ms;
  }

  sorted(): Float64Array {
    return this.values.slice(0, this.used).sort();
  }
}
