/**
 * The map from keys to entries: many small maps, and a walk that sees none of what happens later.
 *
 * **Small maps.** A `Map` that grows moves all of its entries at once. One of a million entries
 * would stop the node for a tenth of a second; 4096 of them move a few hundred entries each.
 *
 * **The walk** goes from shard to shard. When it enters one, it takes references to all entries of
 * it, sorted by key: entries never change, so from then on writes to that shard cannot matter.
 * A write to a shard that the walk has not entered yet first puts aside what the key held before.
 */

import { invariant } from '../assert';
import type { ByteString } from '../command';
import { keyHash } from './hash';
import type { Entry } from './list_text';

const SHARDS = 4096;

/** What a key held when the walk began; undefined where it was absent. */
type Former = Map<ByteString, Entry | undefined>;

export class EntryTable {
  /** Made when first written to, because a simulator makes many tables and fills few. */
  private readonly shards: (Map<ByteString, Entry> | undefined)[] = new Array(SHARDS).fill(
    undefined,
  );
  private keyCount = 0;
  private byteCount = 0;
  private walk: { entered: number; former: Map<number, Former> } | undefined;

  get keys(): number {
    return this.keyCount;
  }

  /** The bytes of all keys and values together. */
  get bytes(): number {
    return this.byteCount;
  }

  get(key: ByteString): Entry | undefined {
    return this.shards[shardOf(key)]?.get(key);
  }

  set(key: ByteString, entry: Entry): void {
    const number = shardOf(key);
    const shard = this.shards[number] ?? new Map<ByteString, Entry>();
    this.shards[number] = shard;
    const old = shard.get(key);
    if (this.walk !== undefined) this.putAside(number, key, old);
    this.byteCount += entry.length - (old === undefined ? -key.length : old.length);
    if (old === undefined) this.keyCount++;
    shard.set(key, entry);
  }

  /** Whether there was anything to delete. */
  delete(key: ByteString): boolean {
    const number = shardOf(key);
    const shard = this.shards[number];
    const old = shard?.get(key);
    if (shard === undefined || old === undefined) return false;
    if (this.walk !== undefined) this.putAside(number, key, old);
    this.byteCount -= key.length + old.length;
    this.keyCount--;
    return shard.delete(key);
  }

  /** All entries as they are now: by shard, and by key within it. Ends with `endWalk`. */
  beginWalk(): Generator<readonly [ByteString, Entry], void> {
    invariant(this.walk === undefined, 'one walk at a time', {});
    this.walk = { entered: -1, former: new Map() };
    return this.entries(this.walk);
  }

  endWalk(): void {
    this.walk = undefined;
  }

  private *entries(walk: {
    entered: number;
    former: Map<number, Former>;
  }): Generator<readonly [ByteString, Entry], void> {
    for (let number = 0; number < SHARDS; number++) {
      const entries = asItWas(this.shards[number], walk.former.get(number));
      walk.entered = number;
      walk.former.delete(number);
      yield* entries;
    }
  }

  private putAside(number: number, key: ByteString, old: Entry | undefined): void {
    if (this.walk === undefined || number <= this.walk.entered) return;
    let former = this.walk.former.get(number);
    if (former === undefined) {
      former = new Map();
      this.walk.former.set(number, former);
    }
    // Only the first write of the walk to a key sees what the key held when the walk began.
    if (!former.has(key)) former.set(key, old);
  }
}

const shardOf = (key: ByteString): number => keyHash(key) % SHARDS;

function asItWas(
  shard: Map<ByteString, Entry> | undefined,
  former: Former | undefined,
): (readonly [ByteString, Entry])[] {
  const entries: (readonly [ByteString, Entry])[] = [];
  for (const entry of shard ?? []) if (former?.has(entry[0]) !== true) entries.push(entry);
  for (const [key, old] of former ?? []) if (old !== undefined) entries.push([key, old]);
  // The order of insertion depends on the history, the order of keys on the state alone.
  return entries.sort(([x], [y]) => (x < y ? -1 : 1));
}
