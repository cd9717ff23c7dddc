/**
 * The dumb oracle: it knows of every write what its client had really seen, and by that alone which
 * version descends from which. It shares nothing with the core but the names of dots: histories here
 * are sets of writes, followed back one by one.
 */

import type { Dot, Past } from '../../core/dynamo/past';
import { hasDot, MAX_INTERVALS, WIDTH } from '../../core/dynamo/past';
import type { Version, Versions } from '../../core/dynamo/versions';
import type { NodeId } from '../../core/ids';
import { Violation } from '../violation';

/** One write of one client. Values are unique, so a value names its write. */
export interface Write {
  readonly key: string;
  readonly value: string;
  /** All writes that its client had seen of the key, and those that these had seen. */
  readonly ancestors: ReadonlySet<Write>;
  /** Those of them that its client has named. */
  readonly parents: ReadonlySet<Write>;
  outcome: 'unknown' | 'written' | 'not_applied';
  /** The quorum that its client has asked for. */
  readonly quorum: number;
  /** On so many nodes it was when it was acknowledged; 0 if it was not. */
  copies: number;
  /** A disk was lost, and it was the only one that had it: one copy does not survive that. */
  isExcused: boolean;
  /** Its metadata, once it is known. */
  metadata: string | undefined;
}

interface Named {
  readonly dot: Dot;
  readonly past: Past;
  readonly write: Write;
}

export class TrueHistory {
  private readonly writes = new Map<string, Write>();
  private readonly byDot = new Map<string, Named>();
  private readonly byKey = new Map<string, Named[]>();

  constructor(private readonly metadataOf: (key: string, version: Version) => string) {}

  /** A client is about to write, and has seen the versions with this metadata. */
  begin(key: string, value: string, quorum: number, seen: readonly string[]): Write {
    const parents = new Set(seen.map((metadata) => this.withMetadata(metadata)));
    const ancestors = new Set(parents);
    for (const parent of parents) {
      for (const one of parent.ancestors) ancestors.add(one);
    }
    const unknown = {
      outcome: 'unknown',
      copies: 0,
      isExcused: false,
      metadata: undefined,
    } as const;
    const write: Write = { key, value, quorum, ancestors, parents, ...unknown };
    this.writes.set(`${key} ${value}`, write);
    return write;
  }

  withMetadata(metadata: string): Write {
    for (const write of this.writes.values()) if (write.metadata === metadata) return write;
    return fail('metadata', `nobody wrote the version of ${metadata}`);
  }

  get all(): Iterable<Write> {
    return this.writes.values();
  }

  /** The write that a version stands for, and whether all that the version says of itself is true. */
  know(node: NodeId, key: string, version: Version): Write {
    const { dot, past } = version;
    const name = `${key} ${dot.storage}.${dot.epoch}.${dot.counter}`;
    const write = this.writes.get(`${key} ${textOf(version)}`);
    if (write === undefined) fail('invented', `${node} holds ${key}=${textOf(version)}`);
    const known = this.byDot.get(name);
    if (known !== undefined) {
      if (known.write !== write)
        fail('dots', `${name} is both ${known.write.value} and ${write.value}`);
      return write;
    }
    const metadata = this.metadataOf(key, version);
    if (write.metadata !== undefined && write.metadata !== metadata) {
      fail('metadata', `${write.value} of ${key} has two dots or two strings`);
    }
    write.metadata = metadata;
    const named = { dot, past, write };
    const others = this.byKey.get(key) ?? [];
    for (const other of others) {
      checkPair(key, named, other);
      checkPair(key, other, named);
    }
    this.byDot.set(name, named);
    this.byKey.set(key, [...others, named]);
    return write;
  }

  /** No version of a set has seen another of them. */
  checkSet(node: NodeId, key: string, versions: Versions): void {
    const writes = versions.map((version) => this.know(node, key, version));
    for (const one of writes) {
      const seen = writes.find((other) => one.ancestors.has(other));
      if (seen === undefined) continue;
      fail('false siblings', `${node} keeps ${seen.value} of ${key} beside ${one.value}`);
    }
  }

  /** Whether what is held of a key includes this write, or something that has seen it. */
  isCovered(write: Write, held: Versions): boolean {
    return held.some((version) => {
      const one = this.writes.get(`${write.key} ${textOf(version)}`);
      return one !== undefined && (one === write || one.ancestors.has(write));
    });
  }
}

/** A version's past is exactly what its client had seen. */
function checkPair(key: string, one: Named, other: Named): void {
  const says = hasDot(one.past, other.dot);
  const is = one.write.ancestors.has(other.write);
  if (says === is) return;
  // A past that has reached its bound may forget what came before the versions that were named, which
  // can bring back what was replaced (DESIGN.md).
  const isNamed = one.write.parents.has(other.write);
  if (is && !isNamed && one.past.length >= MAX_INTERVALS * WIDTH) return;
  const verb = says ? 'claims to have seen' : 'has forgotten';
  fail('true history', `${one.write.value} of ${key} ${verb} ${other.write.value}`);
}

export const textOf = ({ value }: Pick<Version, 'value'>): string => {
  let text = '';
  for (const byte of value) text += String.fromCharCode(byte);
  return text;
};

function fail(checker: string, message: string): never {
  throw new Violation(checker, message);
}
