/**
 * Conflicts that resolve themselves: for keys with a certain beginning, concurrent versions are
 * shown as one.
 *
 * The merge is of what is *shown*, never of what is stored: once one of the versions is replaced by
 * a descendant, its part must be gone from the merge, and from a merged value it could not be taken
 * out again. So replicas that hold equal versions show equal values, whatever they saw before.
 */

import { ByteWriter, decodeUtf8 } from '../bytes';
import type { ByteString } from '../command';

export interface MergeRule {
  /** The rule is for keys that begin with this. */
  readonly prefix: ByteString;
  /** Whether this text of a JSON value can be merged; a write of any other is refused. */
  accepts(value: Uint8Array): boolean;
  /** One value of several; must not depend on their order. */
  merge(values: readonly Uint8Array[]): Uint8Array;
}

/** Keys that begin with `cart` hold a string of items between commas: the union, sorted. */
export const CART: MergeRule = {
  prefix: 'cart',
  accepts: (value) => typeof parsed(value) === 'string',
  merge: (values) => {
    const items = new Set(values.flatMap(itemsOf));
    const text = JSON.stringify([...items].sort(byCharacter).join(','));
    const writer = new ByteWriter().text(text);
    // The length in front is not part of the value.
    return writer.finish().subarray(4);
  },
};

function itemsOf(value: Uint8Array): string[] {
  const text = parsed(value);
  if (typeof text !== 'string') return [];
  return text.split(',').filter((item) => item !== '');
}

const byCharacter = (one: string, other: string): number =>
  one < other ? -1 : one > other ? 1 : 0;

function parsed(value: Uint8Array): unknown {
  try {
    return JSON.parse(decodeUtf8(value));
  } catch {
    return undefined;
  }
}

export const ruleFor = (rules: readonly MergeRule[], key: ByteString): MergeRule | undefined =>
  rules.find(({ prefix }) => key.startsWith(prefix));
