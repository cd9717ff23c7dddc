/**
 * What this node holds: the versions of keys, by partition, with a digest for each partition that
 * is kept up to date, so that comparing two nodes costs nothing until they differ.
 */

import type { ByteString } from '../command';
import { combined } from './digests';
import { PARTITIONS, partitionOf } from './ring';
import { digestOf, NO_VERSIONS, sizeOf, type Versions } from './versions';

const NO_KEYS: ReadonlySet<ByteString> = new Set();

export class Store {
  private readonly held = new Map<ByteString, Versions>();
  private readonly byPartition: (Set<ByteString> | undefined)[] = [];
  private readonly digests = new Float64Array(PARTITIONS);
  private bytesHeld = 0;
  private conflicts = 0;

  /** How many keys are held. */
  get size(): number {
    return this.held.size;
  }

  /** About how much memory they take. */
  get bytes(): number {
    return this.bytesHeld;
  }

  /** How many versions there are beyond one for each key. */
  get siblings(): number {
    return this.conflicts;
  }

  versionsOf(key: ByteString): Versions {
    return this.held.get(key) ?? NO_VERSIONS;
  }

  /** Replaces what is held of a key; none drops it. */
  set(key: ByteString, versions: Versions): void {
    const before = this.versionsOf(key);
    const partition = partitionOf(key);
    const change = combined(digestOf(key, before), digestOf(key, versions));
    this.digests[partition] = combined(this.digestOfPartition(partition), change);
    this.bytesHeld += sizeOf(versions) - sizeOf(before);
    this.conflicts += Math.max(0, versions.length - 1) - Math.max(0, before.length - 1);
    if (versions.length === 0) {
      this.held.delete(key);
      this.byPartition[partition]?.delete(key);
      return;
    }
    this.held.set(key, versions);
    let keys = this.byPartition[partition];
    if (keys === undefined) {
      keys = new Set();
      this.byPartition[partition] = keys;
    }
    keys.add(key);
  }

  clear(): void {
    this.held.clear();
    this.byPartition.length = 0;
    this.digests.fill(0);
    this.bytesHeld = this.conflicts = 0;
  }

  /** All keys, in the order in which they came; goes on while keys come and go. */
  keys(): IterableIterator<ByteString> {
    return this.held.keys();
  }

  keysOf(partition: number): ReadonlySet<ByteString> {
    return this.byPartition[partition] ?? NO_KEYS;
  }

  /** Equal for equal contents. */
  digestOfPartition(partition: number): number {
    return this.digests[partition] as number;
  }

  digestOf(key: ByteString): number {
    return digestOf(key, this.versionsOf(key));
  }
}
