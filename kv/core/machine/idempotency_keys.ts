/**
 * The keys of commands that were applied, with their results: cheap to keep a million of.
 *
 * Keys are kept in generations, in the order in which they came. A generation is closed when it is
 * an eighth of the keys' life old or full, and dropped as a whole when the newest key in it has
 * expired: forgetting costs nothing for each key, a map never grows so large that moving it stops
 * the node, and a key lives at most an eighth longer than promised. Generations only ever grow at
 * their end, so a snapshot keeps one by keeping a reference to it and its present length.
 */

import { invariant } from '../assert';
import type { ByteString } from '../command';
import { keyHash } from './hash';

/** What is known of a command that was applied under a key. */
export interface Remembered {
  /** Of the command, so that a key cannot be used for another one. */
  readonly hash: number;
  readonly result: Uint8Array;
}

/** As many as a map takes without stopping the node for long when it grows. */
const GENERATION_KEYS = 65_536;

/** A power of two, eight for each key: at most one absent key in eight is looked for in vain. */
const FILTER_BITS = 8 * GENERATION_KEYS;

/** Parallel lists rather than objects, which would take three times the memory. */
export class Generation {
  private readonly positions = new Map<ByteString, number>();
  /**
   * A bit for each hash that is present. Nearly every key is new, so nearly every lookup is in
   * vain, and to find that out in 25 maps takes ten times as long as to apply the command.
   */
  private readonly filter = new Uint8Array(FILTER_BITS / 8);
  private readonly hashes: number[] = [];
  private readonly results: Uint8Array[] = [];

  /** `opened` and `newest` are the times of the first and of the last key. */
  constructor(
    readonly opened: number,
    public newest = opened,
  ) {}

  get size(): number {
    return this.hashes.length;
  }

  /** `hash` is the key's `keyHash`. */
  find(key: ByteString, hash: number): Remembered | undefined {
    const bits = this.filter[(hash & (FILTER_BITS - 1)) >> 3] as number;
    if ((bits & (1 << (hash & 7))) === 0) return undefined;
    const at = this.positions.get(key);
    return at === undefined ? undefined : this.at(at);
  }

  add(key: ByteString, known: Remembered): void {
    const hash = keyHash(key);
    const byte = (hash & (FILTER_BITS - 1)) >> 3;
    this.filter[byte] = (this.filter[byte] as number) | (1 << (hash & 7));
    this.positions.set(key, this.size);
    this.hashes.push(known.hash);
    this.results.push(shared(known.result));
    invariant(this.positions.size === this.size, 'a key is remembered once', { key });
  }

  /** The first `count` keys, in the order in which they came, however many follow meanwhile. */
  *first(count: number): Generator<readonly [ByteString, Remembered], void> {
    // Nothing is ever deleted from the map, so its order is the order of insertion.
    for (const [key, at] of this.positions) {
      if (at === count) return;
      yield [key, this.at(at)];
    }
  }

  private at(at: number): Remembered {
    return { hash: this.hashes[at] as number, result: this.results[at] as Uint8Array };
  }
}

/** A generation as it is at one moment. */
export interface CapturedGeneration {
  readonly generation: Generation;
  readonly count: number;
  readonly newest: number;
}

export class IdempotencyKeys {
  private count = 0;

  /** The oldest generation is the first. */
  constructor(private readonly generations: Generation[] = []) {
    for (const generation of generations) this.count += generation.size;
  }

  get size(): number {
    return this.count;
  }

  /** Drops the generations in which every key is older than its life. */
  expire(now: number, ttlMs: number): void {
    for (;;) {
      const oldest = this.generations[0];
      if (oldest === undefined || now - oldest.newest <= ttlMs) return;
      this.generations.shift();
      this.count -= oldest.size;
    }
  }

  find(key: ByteString): Remembered | undefined {
    const hash = keyHash(key);
    for (let i = this.generations.length - 1; i >= 0; i--) {
      const found = (this.generations[i] as Generation).find(key, hash);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Remembers a key that is not yet known. */
  add(key: ByteString, known: Remembered, now: number, ttlMs: number): void {
    let newest = this.generations.at(-1);
    const closed =
      newest === undefined || newest.size >= GENERATION_KEYS || now - newest.opened > ttlMs / 8;
    if (newest === undefined || closed) {
      newest = new Generation(now);
      this.generations.push(newest);
    }
    newest.add(key, known);
    newest.newest = now;
    this.count++;
  }

  capture(): CapturedGeneration[] {
    return this.generations.map((generation) => {
      return { generation, count: generation.size, newest: generation.newest };
    });
  }
}

/** Results of one byte, made once each: a million copies of them would take 100 MB. */
const ONE_BYTE: readonly Uint8Array[] = Array.from({ length: 256 }, (_, byte) =>
  Uint8Array.of(byte),
);

/** The same bytes, not sharing memory with a larger buffer. */
export function shared(result: Uint8Array): Uint8Array {
  return result.length === 1 ? (ONE_BYTE[result[0] as number] as Uint8Array) : result.slice();
}
