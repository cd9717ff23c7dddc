/**
 * What is kept for each request that is under way, by its id.
 *
 * A `Map` would do, but for its garbage. When entries come and go, V8 copies a map into a new table
 * every few dozen changes, and each old table points to the next. Once one of them has grown old, all
 * that follow survive every collection of the young generation, and with them every request that was
 * ever in them: at full load a node moved three times as many bytes into the old generation as it
 * had to keep. Here a place that is left is empty, and nothing is ever copied but to grow.
 *
 * Ids are given in sequence, so the last bits of those under way are nearly always different, and
 * each is at the place that they name. Only where a request has been under way for so long that a
 * later one has the same place, the later one is in a map after all. (To let it have the next free
 * place would put all that follow into each other's way, for as long as requests come without pause.)
 */

import type { RequestId } from './ids';

const LEAST_PLACES = 64;
const NOBODY = -1;

export class RequestTable<Value> {
  private ids = emptyPlaces(LEAST_PLACES);
  private values = noValues<Value>(LEAST_PLACES);
  /** Those whose place was taken. */
  private readonly displaced = new Map<RequestId, Value>();
  private used = 0;

  get size(): number {
    return this.used;
  }

  has(id: RequestId): boolean {
    return this.isAtItsPlace(id) || (this.displaced.size > 0 && this.displaced.has(id));
  }

  get(id: RequestId): Value | undefined {
    if (this.isAtItsPlace(id)) return this.values[this.placeOf(id)];
    return this.displaced.size > 0 ? this.displaced.get(id) : undefined;
  }

  set(id: RequestId, value: Value): void {
    if (!this.has(id)) {
      this.used++;
      // At most half of the places are taken, so that few are displaced.
      if (2 * this.used > this.ids.length) this.grow();
    }
    this.put(id, value);
  }

  /** Whether there was something to forget. */
  delete(id: RequestId): boolean {
    if (this.isAtItsPlace(id)) {
      const place = this.placeOf(id);
      this.ids[place] = NOBODY;
      this.values[place] = undefined;
    } else if (this.displaced.size === 0 || !this.displaced.delete(id)) {
      return false;
    }
    this.used--;
    return true;
  }

  /** Forgets everything; gives what was there in the order of the ids. */
  takeAll(): Value[] {
    const all = this.entries().sort(([one], [other]) => one - other);
    this.ids = emptyPlaces(LEAST_PLACES);
    this.values = noValues(LEAST_PLACES);
    this.displaced.clear();
    this.used = 0;
    return all.map(([, value]) => value);
  }

  /** Where a request is unless it is displaced. */
  private placeOf(id: RequestId): number {
    return id & (this.ids.length - 1);
  }

  private isAtItsPlace(id: RequestId): boolean {
    return this.ids[this.placeOf(id)] === id;
  }

  private put(id: RequestId, value: Value): void {
    const place = this.placeOf(id);
    const there = this.ids[place];
    if (there !== id && (there !== NOBODY || this.displaced.has(id))) {
      this.displaced.set(id, value);
    } else {
      this.ids[place] = id;
      this.values[place] = value;
    }
  }

  private entries(): (readonly [RequestId, Value])[] {
    const entries: (readonly [RequestId, Value])[] = [...this.displaced];
    for (const [place, id] of this.ids.entries()) {
      if (id !== NOBODY) entries.push([id as RequestId, this.values[place] as Value]);
    }
    return entries;
  }

  private grow(): void {
    const entries = this.entries();
    const places = 2 * this.ids.length;
    this.ids = emptyPlaces(places);
    this.values = noValues(places);
    this.displaced.clear();
    for (const [id, value] of entries) this.put(id, value);
  }
}

/** Numbers of 64 bits: in a plain array V8 would make an object of each id beyond 31 bits. */
const emptyPlaces = (count: number): Float64Array => new Float64Array(count).fill(NOBODY);

/** Without holes, which would make an array slow for good. */
const noValues = <Value>(count: number): (Value | undefined)[] =>
  new Array<Value | undefined>(count).fill(undefined);
