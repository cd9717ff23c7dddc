/**
 * What nodes say to each other. Every message carries the group, so that two groups never mix by a
 * wrong address, and the digest of the sender's table of members, so that whoever has another table
 * notices it without any chatter.
 */

import type { ByteString } from '../command';
import type { NodeId } from '../ids';
import type { Member } from './members';
import type { Versions } from './versions';

interface Common {
  readonly group: number;
  readonly table: number;
}

/** Keep these versions. */
export interface StoreMessage extends Common {
  readonly kind: 'store';
  /** To be named in the answer; 0 if none is wanted. */
  readonly operation: number;
  readonly key: ByteString;
  readonly versions: Versions;
  /** The receiver stands in for this node, and shall hand the key over. */
  readonly standsInFor: NodeId | undefined;
  /** A client's write: it may be refused where there are too many versions already. */
  readonly isNew: boolean;
}

/**
 * `no_room`: the hints of the receiver are bounded. `siblings`: the key has too many versions.
 * `busy`: the disk of the receiver is behind.
 */
export const STORE_RESULTS = ['stored', 'no_room', 'siblings', 'not_serving', 'busy'] as const;
export type StoreResult = (typeof STORE_RESULTS)[number];

/** The versions, or what they amount to, are durable here; or why not. */
export interface Stored extends Common {
  readonly kind: 'stored';
  readonly operation: number;
  readonly result: StoreResult;
}

export interface Fetch extends Common {
  readonly kind: 'fetch';
  readonly operation: number;
  readonly key: ByteString;
  /** So many of its versions have come already. */
  readonly place: number;
}

export interface Fetched extends Common {
  readonly kind: 'fetched';
  readonly operation: number;
  /** The sender is no member any more: this is no answer. */
  readonly isServing: boolean;
  /** What fits into one message of all that the sender holds, beginning at this place. */
  readonly versions: Versions;
  readonly place: number;
  readonly isLast: boolean;
  /** Of all of them: parts of different states make no answer. */
  readonly digest: number;
}

/** Are you there? Only to nodes that are suspected. */
export interface Ping extends Common {
  readonly kind: 'ping';
}
/** I am; or: our tables are equal now. */
export interface Pong extends Common {
  readonly kind: 'pong';
}

/** May I come in? From a node that is in no table yet; answered by `members`. */
export interface Join extends Common {
  readonly kind: 'join';
  readonly member: Member;
}

/** The sender's table. */
export interface Members extends Common {
  readonly kind: 'members';
  readonly members: readonly Member[];
}

/** A digest of all partitions that sender and receiver both hold. Answered only if it differs. */
export interface Root extends Common {
  readonly kind: 'root';
  readonly digest: number;
}

/** The same, for each of 64 branches of 64 partitions. */
export interface Branches extends Common {
  readonly kind: 'branches';
  readonly digests: readonly number[];
}

/** The same, for each partition of a branch. */
export interface Leaves extends Common {
  readonly kind: 'leaves';
  readonly branch: number;
  readonly digests: readonly number[];
}

export interface KeyDigest {
  readonly key: ByteString;
  /** 0: the sender holds nothing of this key. */
  readonly digest: number;
}

/**
 * Which of these do you lack? With a range of a partition: and what have you got there that I do
 * not? The range begins behind `after`, and ends with the last entry or, if `isLast`, with the
 * partition.
 */
export interface Compare extends Common {
  readonly kind: 'compare';
  readonly exchange: number;
  readonly range:
    | { readonly partition: number; readonly after: ByteString; readonly isLast: boolean }
    | undefined;
  readonly entries: readonly KeyDigest[];
}

export interface Compared extends Common {
  readonly kind: 'compared';
  readonly exchange: number;
  /** Places in the list of entries whose versions are wanted; all others are durable here. */
  readonly wanted: readonly number[];
  /** How many keys the receiver of the question has that the asker lacks; they are on their way. */
  readonly extra: number;
}

/**
 * Versions that the receiver lacks; of a key that does not fit into one message, some of them.
 * Answered by `pushed`, unless `exchange` is 0.
 */
export interface Push extends Common {
  readonly kind: 'push';
  readonly exchange: number;
  readonly entries: readonly { readonly key: ByteString; readonly versions: Versions }[];
}

/** They are durable here. */
export interface Pushed extends Common {
  readonly kind: 'pushed';
  readonly exchange: number;
}

export interface PartitionDigest {
  readonly partition: number;
  readonly digest: number;
}

/** From a node that joins: which of these partitions are not as I have them? */
export interface Survey extends Common {
  readonly kind: 'survey';
  readonly exchange: number;
  readonly partitions: readonly PartitionDigest[];
}

export interface Surveyed extends Common {
  readonly kind: 'surveyed';
  readonly exchange: number;
  readonly different: readonly number[];
}

export type DynamoMessage =
  | StoreMessage
  | Stored
  | Fetch
  | Fetched
  | Ping
  | Pong
  | Join
  | Members
  | Root
  | Branches
  | Leaves
  | Compare
  | Compared
  | Push
  | Pushed
  | Survey
  | Surveyed;

export type MessageKind = DynamoMessage['kind'];
export type MessageOf<Kind extends MessageKind> = Extract<DynamoMessage, { kind: Kind }>;
/** A message without what the node adds to each. */
export type Said<Message extends DynamoMessage = DynamoMessage> = Message extends DynamoMessage
  ? Omit<Message, 'group' | 'table'>
  : never;
