/**
 * Who is to be told what becomes of a leader's entries: a line that is joined at the end, as entries
 * are proposed, and left at the front, as they are answered. So it needs no map.
 */

import { type LogIndex, logIndex } from '../ids';
import type { Origin } from './leadership';

/** So many places that nobody needs any more are dropped at once. */
const PLACES_DROPPED = 1024;

export class OpenProposals {
  /** Of the entry at `first` and those behind it; undefined where nobody is to be told. */
  private origins: (Origin | undefined)[] = [];
  private first = 0;
  /** How many places at the front are no longer needed. */
  private left = 0;
  private waiting = 0;

  /** How many have not been told. */
  get size(): number {
    return this.waiting;
  }

  /** Entries are proposed in the order of their indices. */
  set(index: LogIndex, origin: Origin): void {
    if (this.origins.length === 0) this.first = index;
    while (this.first + this.origins.length < index) this.origins.push(undefined);
    this.origins.push(origin);
    this.waiting++;
  }

  /** Who proposed an entry, as it is answered: nobody will ask again, for it or one before it. */
  take(index: LogIndex): Origin | undefined {
    const place = index - this.first;
    const origin = this.origins[place];
    if (origin === undefined) return undefined;
    this.origins[place] = undefined;
    this.waiting--;
    this.left = place + 1;
    if (this.left === this.origins.length) this.drop();
    else if (this.left >= PLACES_DROPPED && 2 * this.left >= this.origins.length) this.drop();
    return origin;
  }

  /** Who proposed an entry and has not been told. */
  at(index: LogIndex): Origin | undefined {
    return this.origins[index - this.first];
  }

  /** Those that have not been told, in the order of their indices. */
  *open(): Generator<readonly [LogIndex, Origin], void> {
    for (const [place, origin] of this.origins.entries()) {
      if (origin !== undefined) yield [logIndex(this.first + place), origin];
    }
  }

  private drop(): void {
    this.origins.splice(0, this.left);
    this.first += this.left;
    this.left = 0;
  }
}
