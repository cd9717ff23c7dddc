/**
 * The names of things, as branded types: a term cannot be passed where an index is meant.
 *
 * All of them are plain numbers or strings at run time, so they cost nothing and serialise as
 * themselves. Each type has one small function that brands a raw value and refuses a bad one.
 */

import { InvariantViolation, invariant } from './assert';

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** A member of the cluster: `host:port` of its peer address in production, `n1` in scripts. */
export type NodeId = Branded<string, 'NodeId'>;
/** A term of Raft: 0 before the first election, then counted up (Raft §5.1). */
export type Term = Branded<number, 'Term'>;
/** A position in the replicated log: the first entry has index 1; 0 is "before the log". */
export type LogIndex = Branded<number, 'LogIndex'>;
/** Milliseconds, of a monotonic clock or a duration. May have a fraction. */
export type Millis = Branded<number, 'Millis'>;
/** A request of a local client, numbered by the driver; each one is answered exactly once. */
export type RequestId = Branded<number, 'RequestId'>;
/** The number of a record in this node's own journal: 1, 2, 3, … over the life of the journal. */
export type JournalSequence = Branded<number, 'JournalSequence'>;
/** The identity of one data folder, drawn when it is created: 1 to 2^48-1. 0 means "none". */
export type StorageId = Branded<number, 'StorageId'>;
/** The name of one snapshot of this node, chosen by the core; `[a-z0-9-]+`. */
export type SnapshotName = Branded<string, 'SnapshotName'>;

function wholeNumber(value: number, what: string): number {
  // Asked millions of times a second: words are made only for a number that is wrong.
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new InvariantViolation(`${what} must be a whole number`, { value });
}

export function nodeId(value: string): NodeId {
  invariant(value.length > 0, 'a node id must not be empty', {});
  return value as NodeId;
}

export const term = (value: number): Term => wholeNumber(value, 'a term') as Term;
export const logIndex = (value: number): LogIndex => wholeNumber(value, 'an index') as LogIndex;
export const millis = (value: number): Millis => value as Millis;
export const requestId = (value: number): RequestId =>
  wholeNumber(value, 'a request id') as RequestId;
export const journalSequence = (value: number): JournalSequence =>
  wholeNumber(value, 'a journal sequence') as JournalSequence;
export const storageId = (value: number): StorageId =>
  wholeNumber(value, 'a storage id') as StorageId;
export const snapshotName = (value: string): SnapshotName => value as SnapshotName;

/** The moment that never comes: a core with nothing to wait for has it as its `wakeAt`. */
export const NEVER = Number.POSITIVE_INFINITY as Millis;
