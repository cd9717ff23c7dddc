/**
 * What a replicated state machine must offer. The key/value map (`key_value.ts`) is ours; a user
 * of the library may plug in another.
 *
 * Determinism is the whole point: the same commands in the same order must give the same state
 * and the same results on every replica, in every version of Node, for ever. So: no clock (time is
 * in the context), no randomness, no locale, no dependence on anything outside.
 */

import type { LogIndex, Millis } from '../ids';

export interface ApplyContext {
  /** The position of the command in the replicated log. */
  readonly index: LogIndex;
  /** The cluster's time when the command was proposed: never goes back along the log. */
  readonly time: Millis;
}

export interface StateMachine<Query, Answer> {
  /** Applies one committed command and returns its result. A throw is a bug of the machine. */
  apply(command: Uint8Array, context: ApplyContext): Uint8Array;

  /**
   * The result of a command whose result does not depend on the state, undefined for any other: then
   * whoever asked for it can be told before it is applied. A machine need not offer this.
   */
  foretell?(command: Uint8Array): Uint8Array | undefined;

  /** Answers from the present state, changing nothing. */
  query(query: Query): Answer;

  /**
   * Begins to walk the state as it is now. Commands applied during the walk do not show in it.
   * One walk at a time; it ends when `next` returns undefined or `release` is called.
   */
  beginSnapshot(): SnapshotCursor;

  /** Begins to load a state from slices into a new machine; this one stays as it is. */
  beginRestore(): SnapshotLoader<StateMachine<Query, Answer>>;
}

export interface SnapshotCursor {
  /** The next slice, of about `bytes` bytes, or undefined at the end. */
  next(bytes: number): Uint8Array | undefined;
  /** Ends the walk early. */
  release(): void;
}

export interface SnapshotLoader<Machine> {
  /** Takes the next slice; the cuts may be anywhere. Throws `DecodeError` for malformed bytes. */
  write(slice: Uint8Array): void;
  /** The loaded machine. Throws `DecodeError` if the content is not whole. */
  finish(): Machine;
}
