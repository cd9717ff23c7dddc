/**
 * What a local client or operator may ask of a convergent replica, and what it is told.
 *
 * Every answer comes from this replica alone, once its own disk has what the answer speaks of: a
 * write that was just taken in is not shown before it is durable. None ever waits for a peer.
 */

import type { ByteString } from '../command';
import type { OperatingError } from '../errors';
import type { Millis, NodeId } from '../ids';

/** What becomes of one key. The text of JSON values is UTF-8 without space around it. */
export type Change =
  /** The last write wins, by the clock's order. Also over whatever else was written concurrently. */
  | { readonly kind: 'put'; readonly value: Uint8Array }
  /**
   * Adds an element to a list that was `put`, or makes one. Reads and writes: of concurrent appends
   * the last wins, so whoever wants all of them uses a set.
   */
  | { readonly kind: 'append'; readonly value: Uint8Array }
  /** Of whatever type the key is. Also when it is absent here: it may be there elsewhere. */
  | { readonly kind: 'delete' }
  /** Counter: adds a whole number, below zero too; increments of all replicas are summed up. */
  | { readonly kind: 'increment'; readonly by: number }
  /** Add-wins set of JSON values. A set that has no element is absent. */
  | { readonly kind: 'add'; readonly elements: readonly Uint8Array[] }
  /** Removes elements as far as this replica has seen them added; others stay. */
  | { readonly kind: 'remove'; readonly elements: readonly Uint8Array[] }
  /** Multi-value register: replaces all values that this replica holds, but no concurrent one. */
  | { readonly kind: 'assign'; readonly value: Uint8Array };

/** The types of values. A key gets its type with its first write and loses it when it is deleted. */
export type ValueType = 'value' | 'counter' | 'set' | 'register';

interface Timed {
  /**
   * The wall clock of this machine, in milliseconds of the Unix epoch, as the driver reads it when
   * it hands the request over (`Date.now()`). The contract's own time is monotonic and knows no
   * date; what the core needs of the date comes with requests, and with `ConvergentOptions.wall`.
   * Between two readings the core lets it run on with the monotonic clock.
   */
  readonly wall: Millis;
}

/** What cannot be answered by then, because this node's own disk is slow, is answered with an error. */
interface Bounded {
  readonly deadline: Millis;
}

/** All changes, or none: they get one stamp, travel together and become visible together. */
export interface UpdateRequest extends Timed, Bounded {
  readonly kind: 'update';
  /** Each key once. */
  readonly changes: readonly { readonly key: ByteString; readonly change: Change }[];
  /** Whether the answer is to carry the whole map as it is after the update. */
  readonly returnsState: boolean;
}

export interface GetRequest extends Bounded {
  readonly kind: 'get';
  readonly key: ByteString;
}

/** The whole map. */
export interface StateRequest extends Bounded {
  readonly kind: 'state';
}

/**
 * Makes a node a peer, or gives it another address, and compares with it at once. To register a
 * known one changes nothing and triggers the comparison. Peers are part of the replicated state: one
 * registration is enough for all replicas, and whoever is registered learns of the others.
 */
export interface RegisterRequest extends Timed, Bounded {
  readonly kind: 'register';
  /** Who answers at that address, as the transport's handshake says. */
  readonly peer: NodeId;
  /** Where it is reached, by all replicas: kept with the peer, and given back by `peers`. */
  readonly address: string;
  /**
   * An operator says so, not a node that has found somebody: that both are peers is written anew
   * although it is known, because an earlier unregistration on another replica, which has not come
   * here yet, would else undo what was acknowledged.
   */
  readonly renews: boolean;
}

/** Nobody waits for this node any more, on any replica. It keeps what it has. */
export interface UnregisterRequest extends Timed, Bounded {
  readonly kind: 'unregister';
  readonly peer: NodeId;
}

/** Nothing but a reading of the wall clock, for a node that has no requests; once a minute will do. */
export interface ClockRequest extends Timed {
  readonly kind: 'clock';
}

export type ConvergentRequest =
  | UpdateRequest
  | GetRequest
  | StateRequest
  | RegisterRequest
  | UnregisterRequest
  | ClockRequest;

/** What a key is, as clients see it. Values and elements are texts of JSON, as they were written. */
export type View =
  | { readonly type: 'value'; readonly value: ByteString }
  | { readonly type: 'counter'; readonly count: number }
  /** Sorted by their bytes, no duplicates, at least one. */
  | { readonly type: 'set'; readonly elements: readonly ByteString[] }
  /** All concurrent values, in the order of their stamps; at least one. */
  | { readonly type: 'register'; readonly values: readonly ByteString[] };

export type Entries = readonly (readonly [key: ByteString, view: View])[];

export type ConvergentReply =
  /** Durable here. `existed`: whether each key was there before, in the order of the changes. */
  | {
      readonly kind: 'updated';
      readonly existed: readonly boolean[];
      /** Undefined unless it was asked for; in no particular order. */
      readonly state: Entries | undefined;
    }
  | { readonly kind: 'value'; readonly view: View | undefined }
  /** In no particular order. */
  | { readonly kind: 'state'; readonly state: Entries }
  /** A registration, an end of one, or a reading of the clock was taken in, durably. */
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly error: OperatingError };
