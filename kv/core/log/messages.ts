/**
 * What a master and its secondaries say to each other. Nothing here names a node: who is meant is the
 * business of the transport. Every message of the master carries the name of the log.
 */

import type { StorageId } from '../ids';
import type { Entry } from './entry';
import type { Base, LogName } from './log_name';

/** From a secondary: this is what I hold; take me on. Answered by `begin`. */
export interface Hello {
  readonly kind: 'hello';
  /** Drawn anew with each start, connection and clear: an old `begin` cannot be taken for an answer. */
  readonly session: number;
  readonly disk: StorageId;
  /** The log that it holds; undefined before it has heard of any. */
  readonly name: LogName | undefined;
  /** Durable here, and from the master: orders from `first` up to `end`. */
  readonly first: number;
  readonly end: number;
  /** Whether it holds no message at all, of whatever origin. */
  readonly isEmpty: boolean;
  /** The number of the question that this answers; 0 if it was not asked. */
  readonly asked: number;
}

/** From the master, to the session of a hello: from now on you hold a copy of this log. */
export interface Begin {
  readonly kind: 'begin';
  /** To be named in what the secondary says from now on. Never 0. */
  readonly attempt: number;
  readonly session: number;
  readonly name: LogName;
  /** The oldest order that will be sent; who has less begins there. */
  readonly first: number;
  /** The log that this one continues: who holds a beginning of that holds one of this log. */
  readonly base: Base | undefined;
}

/** Messages that follow one another; at least one. All are durable at the master. */
export interface Append {
  readonly kind: 'append';
  readonly name: LogName;
  /** Older messages than this were dropped, and their ids may come again. */
  readonly first: number;
  readonly entries: readonly Entry[];
}

/** How far are you? Answered by `held`, or by `hello` if the attempt is not known. */
export interface Heartbeat {
  readonly kind: 'heartbeat';
  /** 0: the master knows nothing of the secondary. */
  readonly attempt: number;
  readonly name: LogName;
  /** Older messages than this may be dropped. */
  readonly first: number;
  /** What is durable at the master ends here. */
  readonly end: number;
}

/** From a secondary: everything of the log below `end` is durable here. */
export interface Held {
  readonly kind: 'held';
  readonly attempt: number;
  readonly end: number;
  /** The order at which it holds another message than the master has sent. */
  readonly conflict: number | undefined;
}

/** From a secondary: what was sent could not be taken; try again. */
export interface Failed {
  readonly kind: 'failed';
  readonly attempt: number;
}

/**
 * From a master with an empty disk: what do you hold? Answered by `hello`, once all that was taken in
 * is durable. Until the next `begin` nothing more is taken in.
 */
export interface Ask {
  readonly kind: 'ask';
  /** To be named in the answer. Never 0. */
  readonly number: number;
}

/** From a master with an empty disk: send me messages of this log. Answered by `fetched`. */
export interface Fetch {
  readonly kind: 'fetch';
  readonly number: number;
  readonly name: LogName;
  readonly from: number;
}

/** From a secondary: messages that follow one another; at least one. All are durable there. */
export interface Fetched {
  readonly kind: 'fetched';
  readonly number: number;
  readonly entries: readonly Entry[];
}

export type LogMessage = Hello | Begin | Append | Heartbeat | Held | Failed | Ask | Fetch | Fetched;
export type MessageKind = LogMessage['kind'];
export type MessageOf<Kind extends MessageKind> = Extract<LogMessage, { kind: Kind }>;
