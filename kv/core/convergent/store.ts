/**
 * What this replica holds: the parts of keys, and beside them what makes comparing cheap: hashes by
 * groups of keys, an index by author, the keys that have tombstones.
 */

import type { ByteString } from '../command';
import { Authors } from './authors';
import {
  combined,
  EMPTY,
  type Fingerprint,
  fingerprintOf,
  isAlike,
  LEAVES,
  leafOf,
} from './fingerprint';
import { isPresent, isTombstone, NO_PARTS, type Parts, sizeOf } from './parts';
import { timeOf, type Vector } from './vectors';

interface Held {
  readonly parts: Parts;
  readonly fingerprint: Fingerprint;
}

/** Keys that begin so belong to the replicas themselves; clients neither see nor write them. */
export const RESERVED = '\0';
export const isReserved = (key: ByteString): boolean => key.startsWith(RESERVED);

export class Store {
  private readonly held = new Map<ByteString, Held>();
  private readonly leaves: Fingerprint[] = Array.from({ length: LEAVES }, () => EMPTY);
  private readonly byLeaf: (Set<ByteString> | undefined)[] = [];
  private readonly withTombstones = new Set<ByteString>();
  private readonly reserved = new Set<ByteString>();
  private readonly authors = new Authors((key, time, replica) =>
    this.partsOf(key).some(({ stamp }) => stamp.time === time && stamp.replica === replica),
  );
  private whole = EMPTY;
  private present = 0;
  private bytesHeld = 0;

  /** How many keys clients see. */
  get size(): number {
    return this.present;
  }

  /** How many keys there are, those included that are remembered as deleted. */
  get keyCount(): number {
    return this.held.size;
  }

  /** About how much memory keys and parts take. */
  get bytes(): number {
    return this.bytesHeld;
  }

  /** How many keys of clients are remembered as deleted. */
  get tombstones(): number {
    return this.withTombstones.size;
  }

  /** Equal for equal contents, as far as clients see them. */
  get fingerprint(): Fingerprint {
    return this.whole;
  }

  partsOf(key: ByteString): Parts {
    return this.held.get(key)?.parts ?? NO_PARTS;
  }

  /** Replaces what is held of a key; no parts drop it. */
  set(key: ByteString, parts: Parts): void {
    const before = this.held.get(key);
    const old = before?.parts ?? NO_PARTS;
    const fingerprint = fingerprintOf(key, parts);
    const leaf = leafOf(key);
    const change = combined(before?.fingerprint ?? EMPTY, fingerprint);
    this.leaves[leaf] = combined(this.leafAt(leaf), change);
    this.whole = combined(this.whole, change);
    this.bytesHeld += sizeOf(parts) - sizeOf(old);
    this.count(key, old, parts);
    if (isReserved(key)) {
      if (parts.length === 0) this.reserved.delete(key);
      else this.reserved.add(key);
    }
    if (parts.length === 0) {
      this.held.delete(key);
      this.byLeaf[leaf]?.delete(key);
    } else {
      this.held.set(key, { parts, fingerprint });
      this.keysIn(leaf).add(key);
    }
    this.index(key, old, parts);
  }

  private count(key: ByteString, old: Parts, parts: Parts): void {
    if (!isReserved(key)) this.present += Number(isPresent(parts)) - Number(isPresent(old));
    if (old.length === 0) this.bytesHeld += key.length;
    if (parts.length === 0) this.bytesHeld -= key.length;
    if (isReserved(key)) return;
    if (parts.some(isTombstone)) this.withTombstones.add(key);
    else this.withTombstones.delete(key);
  }

  private index(key: ByteString, old: Parts, parts: Parts): void {
    // Parts that stay are the very same objects: merging and changing a key makes no copies of them.
    const [before, after] = [new Set(old), new Set(parts)];
    for (const part of old) if (!after.has(part)) this.authors.remove(part.stamp.replica);
    for (const part of parts) {
      if (!before.has(part)) this.authors.add(part.stamp.replica, part.stamp.time, key);
    }
  }

  /** All keys, in the order in which they came; goes on while keys come and go. */
  keys(): IterableIterator<ByteString> {
    return this.held.keys();
  }

  reservedKeys(): Iterable<ByteString> {
    return this.reserved;
  }

  keysIn(leaf: number): Set<ByteString> {
    const keys = this.byLeaf[leaf] ?? new Set();
    this.byLeaf[leaf] = keys;
    return keys;
  }

  /**
   * Keys with tombstones that may be collected; goes on while keys come and go. Those of reserved keys
   * stay: they are few, and who was unregistered must not be a peer again by an earlier word of its
   * own, for which nobody waits any more.
   */
  tombstoneKeys(): IterableIterator<ByteString> {
    return this.withTombstones.keys();
  }

  /** The hashes of all groups of keys, in their order. */
  get leafPrints(): readonly Fingerprint[] {
    return [...this.leaves];
  }

  /** The groups that are not as these say. */
  leavesUnlike(prints: readonly Fingerprint[]): number[] {
    return this.leaves.flatMap((own, leaf) => {
      return isAlike(own, prints[leaf] ?? EMPTY) ? [] : [leaf];
    });
  }

  /** The keys with parts that somebody lacks who has seen this much. */
  missingFrom(seen: Vector): Set<ByteString> {
    const keys = new Set<ByteString>();
    for (const replica of this.authors.replicas) {
      for (const key of this.authors.keysAfter(replica, timeOf(seen, replica))) keys.add(key);
    }
    return keys;
  }

  private leafAt(leaf: number): Fingerprint {
    return this.leaves[leaf] as Fingerprint;
  }
}
