/** Everything that waits for a moment, earliest first; of one moment, in the order of asking. */

import { type Millis, millis, NEVER } from './ids';

interface Alarm {
  readonly at: number;
  readonly number: number;
  readonly action: () => void;
}

export class Alarms {
  /** A binary heap. */
  private readonly heap: Alarm[] = [];
  private lastNumber = 0;

  get next(): Millis {
    const [first] = this.heap;
    return first === undefined ? NEVER : millis(first.at);
  }

  /** How many moments are waited for. */
  get size(): number {
    return this.heap.length;
  }

  /** Does this at the moment or soon after. Whoever changes his mind looks for that in the action. */
  at(moment: number, action: () => void): void {
    this.heap.push({ at: moment, number: ++this.lastNumber, action });
    let child = this.heap.length - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!this.isBefore(child, parent)) return;
      this.swap(child, parent);
      child = parent;
    }
  }

  /** The actions whose moment has come, and those that they add for it. */
  ring(now: Millis): void {
    for (let [first] = this.heap; first !== undefined && first.at <= now; [first] = this.heap) {
      this.removeFirst();
      first.action();
    }
  }

  private removeFirst(): void {
    const last = this.heap.pop() as Alarm;
    if (this.heap.length === 0) return;
    this.heap[0] = last;
    for (let parent = 0; ; ) {
      let least = parent;
      for (const child of [2 * parent + 1, 2 * parent + 2]) {
        if (child < this.heap.length && this.isBefore(child, least)) least = child;
      }
      if (least === parent) return;
      this.swap(least, parent);
      parent = least;
    }
  }

  private isBefore(one: number, other: number): boolean {
    const [first, second] = [this.heap[one] as Alarm, this.heap[other] as Alarm];
    return first.at < second.at || (first.at === second.at && first.number < second.number);
  }

  private swap(one: number, other: number): void {
    const kept = this.heap[one] as Alarm;
    this.heap[one] = this.heap[other] as Alarm;
    this.heap[other] = kept;
  }
}
