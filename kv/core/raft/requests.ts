/** What a local client may ask of a Raft node, and what it is told. */

import type { ByteString, ReadLevel } from '../command';
import type { OperatingError } from '../errors';
import type { LogIndex, Millis, NodeId, Term } from '../ids';

export interface WriteRequest {
  readonly kind: 'write';
  /** The state machine's own encoding. */
  readonly command: Uint8Array;
  /** Makes a repetition harmless, also one that another node receives. */
  readonly idempotencyKey?: ByteString | undefined;
  /** When to give up waiting. */
  readonly deadline: Millis;
}

export interface ReadRequest<Query> {
  readonly kind: 'read';
  readonly level: ReadLevel;
  readonly query: Query;
  /** For `stale`: refuse to answer from data that may be older than this. */
  readonly maxStaleness?: Millis | undefined;
  /** Answer only from a state that includes this index. */
  readonly minIndex?: LogIndex | undefined;
  readonly deadline: Millis;
}

/** Hand the leadership over, if this node has it; for a graceful stop. */
export interface TransferRequest {
  readonly kind: 'transfer_leadership';
  readonly deadline: Millis;
}

export type RaftRequest<Query> = WriteRequest | ReadRequest<Query> | TransferRequest;

/** Where an answer came from. */
export interface ServedFrom {
  readonly index: LogIndex;
  readonly term: Term;
  readonly leader: NodeId | undefined;
  /** The answer may lack what was committed less than this long ago; 0 if it lacks nothing. */
  readonly age: Millis;
}

export type RaftReply<Answer> =
  | { readonly kind: 'written'; readonly result: Uint8Array; readonly served: ServedFrom }
  | { readonly kind: 'answer'; readonly answer: Answer; readonly served: ServedFrom }
  | { readonly kind: 'transferred'; readonly leader: NodeId | undefined }
  | { readonly kind: 'failed'; readonly error: OperatingError };
