/**
 * What simulated clients do, and what they remember: the metadata and values that each has seen of
 * each key. Some write blindly, some descend from one version, some resolve all that they have seen.
 */

import type { Prng } from '../../core/prng';
import { Violation } from '../violation';
import type { TrueHistory, Write } from './true_history';

/** `cart` keys merge by themselves. */
const KEYS = ['a', 'b', 'c', 'd', 'e', 'f', 'cart 1', 'cart 2', 'cart 3'] as const;
const MOST_ITEMS = 12;

interface Seen {
  readonly metadata: readonly string[];
  readonly values: readonly string[];
}

export type Intent =
  | { readonly kind: 'get'; readonly key: string; readonly quorum: number }
  | {
      readonly kind: 'put';
      readonly write: Write;
      readonly quorum: number;
      readonly metadata: string;
    };

export class ClientMemory {
  private readonly seen = new Map<string, Map<string, Seen>>();
  private readonly byValue = new Map<string, Write>();
  private lastValue = 0;

  constructor(
    private readonly history: TrueHistory,
    private readonly largestQuorum: number,
  ) {}

  next(client: string, prng: Prng): Intent {
    const key = prng.pick(KEYS);
    const quorum = prng.between(1, this.largestQuorum);
    const seen = this.seen.get(client)?.get(key);
    if (prng.chance(1, 2)) return { kind: 'get', key, quorum };
    const metadata = pick(seen?.metadata ?? [], prng);
    const parts = metadata.flatMap((one) => one.split(','));
    const name = `${client}-${++this.lastValue}`;
    const value = key.startsWith('cart') ? `"${cartOf(seen, name)}"` : `"${name}"`;
    return {
      kind: 'put',
      write: this.write(key, value, quorum, parts),
      quorum,
      metadata: metadata.join(),
    };
  }

  /** A write of a value that nobody has written before. */
  write(key: string, text: string, quorum: number, seen: readonly string[]): Write {
    const value = text.startsWith('"') ? text : `"${text} ${++this.lastValue}"`;
    const write = this.history.begin(key, value, quorum, seen);
    this.byValue.set(`${key} ${value}`, write);
    return write;
  }

  saw(client: string, key: string, metadata: readonly string[], values: readonly string[]): void {
    const keys = this.seen.get(client) ?? new Map<string, Seen>();
    this.seen.set(client, keys);
    keys.set(key, { metadata, values });
  }

  forget(client: string): void {
    this.seen.delete(client);
  }

  writeOfValue(key: string, value: string): Write {
    const write = this.byValue.get(`${key} ${value}`);
    if (write === undefined)
      throw new Violation('invented', `${key} is ${value}, which nobody wrote`);
    return write;
  }

  writeOf(key: string, metadata: string): Write {
    for (const write of this.history.all) {
      if (write.key === key && write.metadata === metadata) return write;
    }
    throw new Violation('metadata', `nobody wrote the version of ${key} with ${metadata}`);
  }
}

/** Nothing, one of what was seen, or all of it. */
function pick(metadata: readonly string[], prng: Prng): readonly string[] {
  const how = prng.pick(['none', 'one', 'all', 'all', 'all'] as const);
  if (metadata.length === 0 || how === 'none') return [];
  return how === 'one' ? [prng.pick(metadata)] : metadata;
}

/** What was in the cart, and something new; a large cart is emptied. */
function cartOf(seen: Seen | undefined, item: string): string {
  const known = (seen?.values ?? []).flatMap((value) => value.slice(1, -1).split(','));
  return [...known.slice(-MOST_ITEMS), item].join(',');
}
