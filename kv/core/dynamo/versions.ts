/**
 * The versions of a key: a dotted version vector set.
 *
 * Each version has its dot and its past. One that has another's dot in its past descends from it
 * and replaces it; two that have not seen each other are concurrent, and both are kept. A set holds
 * only versions that are concurrent with each other, sorted by dot, so that equal sets are equal
 * lists. Merging two sets keeps what no version of the other descends from: it is commutative,
 * associative and idempotent, so replicas end equal whatever the order of their messages.
 */

import { digestOfDots } from './digests';
import { compareDots, type Dot, hasDot, type Past } from './past';

export interface Version {
  readonly dot: Dot;
  /** All that it has seen, without itself. */
  readonly past: Past;
  /** The text of a JSON value as UTF-8. */
  readonly value: Uint8Array;
}

/** Concurrent versions, sorted by dot. */
export type Versions = readonly Version[];

export const NO_VERSIONS: Versions = [];

export const descends = (newer: Version, older: Version): boolean => hasDot(newer.past, older.dot);

const isSame = (one: Version, other: Version): boolean => compareDots(one.dot, other.dot) === 0;

/** A version of `known` that has the dot of one of `more` and is another one; there should be none. */
export function contradicted(known: Versions, more: Versions): Version | undefined {
  return known.find((each) => more.some((one) => isSame(each, one) && !hasSameValue(each, one)));
}

function hasSameValue({ value: one }: Version, { value: other }: Version): boolean {
  if (one.length !== other.length) return false;
  // A plain loop: values may be large, and a callback for each byte takes ten times as long.
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false;
  return true;
}

/** What both sets together amount to; the very same first set if the second adds nothing. */
export function mergeVersions(known: Versions, more: Versions): Versions {
  const added = more.filter(
    (one) => !known.some((each) => isSame(each, one) || descends(each, one)),
  );
  if (added.length === 0) return known;
  const kept = known.filter((each) => !added.some((one) => descends(one, each)));
  return [...kept, ...added].sort((one, other) => compareDots(one.dot, other.dot));
}

/** The versions of `all` that are not in `some` and not replaced by it: what its holder lacks. */
export function lackedBy(some: Versions, all: Versions): Versions {
  return all.filter((one) => !some.some((each) => isSame(each, one) || descends(each, one)));
}

/** Whether versions from outside are what a set must be. */
export function isVersionSet(versions: Versions): boolean {
  return versions.every((one, i) => {
    const next = versions[i + 1];
    if (next !== undefined && compareDots(one.dot, next.dot) >= 0) return false;
    return !versions.some((each) => descends(each, one));
  });
}

/** A fingerprint of what is known of a key, equal for equal sets; 0 when there is nothing. */
export function digestOf(key: string, versions: Versions): number {
  if (versions.length === 0) return 0;
  return digestOfDots(
    key,
    versions.flatMap(({ dot }) => [dot.storage, dot.epoch, dot.counter]),
  );
}

/**
 * The same versions in parts of about so many bytes, at least one in each: for records and messages,
 * which are bounded, while what replicas tell each other of a key is not.
 */
export function partsOf(versions: Versions, maxBytes: number): Versions[] {
  const parts: Version[][] = [];
  let room = 0;
  for (const version of versions) {
    const size = sizeOf([version]);
    const last = parts.at(-1);
    if (last === undefined || size > room) {
      parts.push([version]);
      room = maxBytes - size;
    } else {
      last.push(version);
      room -= size;
    }
  }
  return parts;
}

export const sizeOf = (versions: Versions): number =>
  versions.reduce((sum, { value, past }) => sum + value.length + 8 * past.length + 64, 0);
