/** What a local client or operator may ask of a node of the replicated log, and what it is told. */

import type { OperatingError } from '../errors';
import type { Millis, RequestId } from '../ids';

/** One message of the log. */
export interface Message {
  /** Its place in the total order: 0, 1, 2, … without a gap. */
  readonly order: number;
  /** Names it, once in a log. */
  readonly id: string;
  /** Opaque to the core; over HTTP the text of a JSON value as UTF-8. */
  readonly body: Uint8Array;
}

/** To a master: put a message at the end of the log. */
export interface AppendRequest {
  readonly kind: 'append';
  readonly body: Uint8Array;
  /** The client's name for it, which makes a retry harmless; the master invents one when absent. */
  readonly id: string | undefined;
  /** So many copies must be durable before the answer, the master's included; all when absent. */
  readonly w: number | undefined;
  /** When to stop waiting for copies; `NEVER` to wait as long as it takes. */
  readonly deadline: Millis;
}

/**
 * To a master: the client of an append has gone. It is answered now, as one whose time is over, and
 * takes no place among those that wait; the message stays. One that is answered already is no matter.
 */
export interface GiveUpRequest {
  readonly kind: 'give_up';
  readonly append: RequestId;
}

/** To any node: messages from `from` on, as many as are there now. Answered at once. */
export interface ReadRequest {
  readonly kind: 'read';
  /** The order of the first; the oldest that is still kept when absent. */
  readonly from: number | undefined;
  /** At most so many; less where `maxReadMessages` or `maxReadBytes` say so. */
  readonly limit: number;
}

/** To any node: as `read`, but waits until message `from` is there. */
export interface FollowRequest {
  readonly kind: 'follow';
  readonly from: number;
  readonly limit: number;
  /**
   * The log that the reader has read so far, by the name in an earlier answer: after a clear its
   * orders begin anew, and the reader is told `log_cleared` instead of being shown another log's
   * messages. Absent for whoever begins.
   */
  readonly log: string | undefined;
  /** An empty list is the answer when nothing has come by then. */
  readonly deadline: Millis;
}

/**
 * To a secondary, from outside (`POST /replicate`): take this message in its place. It is kept beside
 * what the master sends, and compared with it when that arrives.
 */
export interface ReplicateRequest {
  readonly kind: 'replicate';
  readonly message: Message;
  /** When to say that the outcome is unknown; as long as it takes when absent. */
  readonly deadline?: Millis | undefined;
}

/**
 * Empties the log. At the master: everywhere, under a new name of the log, so that nothing of the old
 * one can come back. At a secondary: its own copy, which the master then fills again.
 */
export interface ClearRequest {
  readonly kind: 'clear';
  /** How long a master waits for the secondaries that are healthy; it is cleared all the same. */
  readonly deadline: Millis;
}

export type LogRequest =
  | AppendRequest
  | GiveUpRequest
  | ReadRequest
  | FollowRequest
  | ReplicateRequest
  | ClearRequest;

export type LogReply =
  /**
   * Durable on at least `w` nodes. `isNew` is false for an id that was there already; `isSame` tells
   * whether it was there with this very body.
   */
  | {
      readonly kind: 'appended';
      readonly id: string;
      readonly order: number;
      readonly copies: number;
      readonly isNew: boolean;
      readonly isSame: boolean;
    }
  /**
   * Not on `w` nodes in time. It is in the log, on `copies` nodes for certain, stays there and goes on
   * replicating; with 0 copies the master's own disk has not answered yet, and a crash may still
   * take it. The error says the same in the words of errors.
   */
  | {
      readonly kind: 'late';
      readonly id: string;
      readonly order: number;
      readonly copies: number;
      readonly w: number;
      readonly error: OperatingError;
    }
  | { readonly kind: 'given_up' }
  /** Durable messages, in order and without a gap. */
  | {
      readonly kind: 'messages';
      /** The name of the log; another one after a clear, '' on a secondary that has none yet. */
      readonly log: string;
      readonly messages: readonly Message[];
      /** Where to read on. */
      readonly next: number;
      /** The oldest order that is kept, and the one that will come next. */
      readonly first: number;
      readonly end: number;
    }
  /** `new` and `duplicate` are in the log; `buffered` is durable, and shown once the gap is filled. */
  | { readonly kind: 'replicated'; readonly as: 'new' | 'duplicate' | 'buffered' }
  /** Empty here and, at a master, on so many nodes in all that have said so. */
  | { readonly kind: 'cleared'; readonly copies: number }
  | { readonly kind: 'failed'; readonly error: OperatingError };
