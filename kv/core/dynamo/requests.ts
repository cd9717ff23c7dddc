/** What a local client or operator may ask of a Dynamo node, and what it is told. */

import type { ByteString } from '../command';
import type { OperatingError } from '../errors';
import type { Millis, NodeId } from '../ids';

export interface GetRequest {
  readonly kind: 'get';
  readonly key: ByteString;
  /** R: so many nodes must have answered. 1 to N. */
  readonly quorum: number;
  readonly deadline: Millis;
}

export interface PutRequest {
  readonly kind: 'put';
  readonly key: ByteString;
  /** The text of a JSON value as UTF-8. */
  readonly value: Uint8Array;
  /** W: on so many nodes it must be durable. 1 to N. */
  readonly quorum: number;
  /** What the writer has seen: metadata of earlier answers, joined by commas; '' for nothing. */
  readonly metadata: string;
  readonly deadline: Millis;
}

/** An operator's JOIN: become a member of the group that `seed` belongs to. */
export interface JoinRequest {
  readonly kind: 'join';
  readonly seed: NodeId;
}

/** An operator's LEAVE: hand everything over, and be a member no more. */
export interface LeaveRequest {
  readonly kind: 'leave';
}

export type DynamoRequest = GetRequest | PutRequest | JoinRequest | LeaveRequest;

export type DynamoReply =
  /** All concurrent versions, both lists of one length, empty when the key is absent. */
  | {
      readonly kind: 'values';
      readonly values: readonly Uint8Array[];
      readonly metadata: readonly string[];
    }
  | { readonly kind: 'written'; readonly metadata: string }
  /** Under way; the status tells how far. */
  | { readonly kind: 'accepted' }
  | { readonly kind: 'failed'; readonly error: OperatingError };
