/**
 * Decides where a write to the journal waits for the disk, if the node has nothing better to do
 * meanwhile: in a thread, or in the event loop itself.
 *
 * A thread costs two wake-ups, which together take about as long as a fast disk takes to write. So
 * with a fast disk the loop had better wait itself; with any other it must not, since nothing else of
 * the node moves while it does. How fast the disk is, the writes so far tell. A disk that hesitates
 * once is not believed for a while.
 */

/** As long as writes by a thread take at most this, on average, the loop tries it. */
const TRY_BELOW_MS = 1;
/** Where its own writes take longer than this, on average, it leaves them to the thread again. */
const LEAVE_ABOVE_MS = 0.7;
/** What a write takes beyond this does not count in the average: a few stragglers are no slow disk. */
const STRAGGLER_MS = 2;
/** A single write that takes longer than this counts as a disk that hesitates. */
const HESITATION_MS = 4;
/** So many writes go by a thread before the loop tries (again). */
const PROBATION = 32;
/** The weight of the newest write in the average. */
const WEIGHT = 1 / 16;

export class WritePace {
  private loopWaits = false;
  private meanMs = TRY_BELOW_MS;
  private probation = PROBATION;

  /** Whether the loop may wait for the next write. */
  get isFast(): boolean {
    return this.loopWaits;
  }

  /** Takes note of a write: how long it took, and whether the loop has waited for it. */
  note(ms: number, inLoop: boolean): void {
    // One that was handed to a thread for another reason tells the loop no more than that the disk
    // hesitates: it may have been a large batch.
    if (this.loopWaits && !inLoop && ms <= HESITATION_MS) return;
    this.meanMs += (Math.min(ms, STRAGGLER_MS) - this.meanMs) * WEIGHT;
    if (this.loopWaits) {
      if (ms > HESITATION_MS || this.meanMs > LEAVE_ABOVE_MS) this.leave();
    } else if (ms > HESITATION_MS) {
      this.probation = PROBATION;
    } else if (--this.probation <= 0 && this.meanMs <= TRY_BELOW_MS) {
      this.loopWaits = true;
      this.meanMs = 0;
    }
  }

  private leave(): void {
    this.loopWaits = false;
    this.meanMs = TRY_BELOW_MS;
    this.probation = PROBATION;
  }
}
