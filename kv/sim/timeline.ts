/**
 * Simulated time: what is to happen, in the order of its moments. Two things that are due at the
 * same moment happen in the order in which they were planned, so a run is the same every time.
 */

/** Something that is planned, and can be called off. */
export interface Planned {
  readonly at: number;
  isCancelled: boolean;
}

interface Entry extends Planned {
  readonly order: number;
  readonly action: () => void;
}

export class Timeline {
  /** Milliseconds since the start of the run. */
  now = 0;
  /** How many planned things have happened. */
  happened = 0;
  /** A binary heap: no entry is due before its parent. */
  private readonly heap: Entry[] = [];
  private lastOrder = 0;

  at(time: number, action: () => void): Planned {
    const at = Math.max(time, this.now);
    const entry: Entry = { at, order: ++this.lastOrder, action, isCancelled: false };
    this.heap.push(entry);
    this.siftUp(this.heap.length - 1);
    return entry;
  }

  after(delayMs: number, action: () => void): Planned {
    return this.at(this.now + delayMs, action);
  }

  /** Lets time pass up to `end`, or until `isOver` says so after something has happened. */
  runUntil(end: number, isOver: () => boolean = () => false): void {
    for (let next = this.heap[0]; next !== undefined && next.at <= end; next = this.heap[0]) {
      this.removeFirst();
      if (next.isCancelled) continue;
      this.now = next.at;
      this.happened++;
      next.action();
      if (isOver()) return;
    }
    this.now = end;
  }

  private removeFirst(): void {
    const last = this.heap.pop() as Entry;
    if (this.heap.length === 0) return;
    this.heap[0] = last;
    this.siftDown(0);
  }

  private siftUp(index: number): void {
    const { heap } = this;
    const entry = heap[index] as Entry;
    for (let at = index; at > 0; ) {
      const above = (at - 1) >> 1;
      const parent = heap[above] as Entry;
      if (!isBefore(entry, parent)) break;
      heap[at] = parent;
      heap[above] = entry;
      at = above;
    }
  }

  private siftDown(index: number): void {
    const { heap } = this;
    const entry = heap[index] as Entry;
    for (let at = index; ; ) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      const right = heap[below + 1];
      if (right !== undefined && isBefore(right, heap[below] as Entry)) below++;
      const child = heap[below] as Entry;
      if (!isBefore(child, entry)) break;
      heap[at] = child;
      heap[below] = entry;
      at = below;
    }
  }
}

const isBefore = (one: Entry, other: Entry): boolean =>
  one.at < other.at || (one.at === other.at && one.order < other.order);
