/**
 * What is kept for each request that is under way, by its id.
 *
 * A `Map` would do, but for its garbage. When entries come and go, V8 copies a map into a new table
 * every few dozen changes, and each old table points to the next. Once one of them has grown old, all
 * that follow survive every collection of the young generation, and with them every request that was
 * ever in them: at full load a node moved three times as many bytes into the old generation as it
 * had to keep. Here a place that is left is empty, and nothing is ever copied but to grow.
 *
 * Open addressing with linear probing (Knuth, vol. 3, §6.4); who leaves closes the gap (algorithm R
 * there), so no place stays marked. Ids are given in sequence, so their last bits spread them well.
 */

import type { RequestId } from './ids';

const LEAST_PLACES = 64;

export class RequestTable<Value> {
  private ids: (RequestId | undefined)[] = emptyPlaces(LEAST_PLACES);
  private values: (Value | undefined)[] = emptyPlaces(LEAST_PLACES);
  private used = 0;

  get size(): number {
    return this.used;
  }

  has(id: RequestId): boolean {
    return this.ids[this.placeOf(id)] === id;
  }

  get(id: RequestId): Value | undefined {
    return this.values[this.placeOf(id)];
  }

  set(id: RequestId, value: Value): void {
    const place = this.placeOf(id);
    if (this.ids[place] === undefined) {
      this.used++;
      // At most half of the places are taken, so that every search ends soon.
      if (2 * this.used > this.ids.length) {
        this.grow();
        return this.put(this.placeOf(id), id, value);
      }
    }
    this.put(place, id, value);
  }

  /** Whether there was something to forget. */
  delete(id: RequestId): boolean {
    const { ids, values } = this;
    let gap = this.placeOf(id);
    if (ids[gap] === undefined) return false;
    this.used--;
    const mask = ids.length - 1;
    // Whoever was put further back because this place was taken moves up.
    for (let place = (gap + 1) & mask; ; place = (place + 1) & mask) {
      const other = ids[place];
      if (other === undefined) break;
      if (((place - other) & mask) < ((place - gap) & mask)) continue;
      ids[gap] = other;
      values[gap] = values[place];
      gap = place;
    }
    ids[gap] = undefined;
    values[gap] = undefined;
    return true;
  }

  /** Forgets everything; gives what was there in the order of the ids. */
  takeAll(): Value[] {
    const { values } = this;
    const places = [...this.ids.entries()].filter(([, id]) => id !== undefined);
    places.sort(([, one], [, other]) => Number(one) - Number(other));
    this.ids = emptyPlaces(LEAST_PLACES);
    this.values = emptyPlaces(LEAST_PLACES);
    this.used = 0;
    return places.map(([place]) => values[place] as Value);
  }

  /** Where the id is, or where it would be put. */
  private placeOf(id: RequestId): number {
    const { ids } = this;
    const mask = ids.length - 1;
    let place = id & mask;
    while (ids[place] !== id && ids[place] !== undefined) place = (place + 1) & mask;
    return place;
  }

  private put(place: number, id: RequestId, value: Value): void {
    this.ids[place] = id;
    this.values[place] = value;
  }

  private grow(): void {
    const { ids, values } = this;
    this.ids = emptyPlaces(2 * ids.length);
    this.values = emptyPlaces(2 * ids.length);
    for (const [place, id] of ids.entries()) {
      if (id !== undefined) this.put(this.placeOf(id), id, values[place] as Value);
    }
  }
}

/** Without holes, which would make an array slow for good. */
const emptyPlaces = (count: number): undefined[] => new Array<undefined>(count).fill(undefined);
