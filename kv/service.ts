/**
 * What one node offers to whoever stands in front of it: the HTTP API and embedding programs see
 * this and nothing else. Calls take a callback rather than return a promise, because the hot path
 * of the HTTP server must not make one for every request; `KVStorage` adds promises on top.
 */

import type { Answer, ByteString, Command, CommandResult, ReadLevel } from './core/command';
import type { OperatingError } from './core/errors';

export interface WriteOptions {
  /** Makes a repeated command take effect once; 1 to 255 bytes, remembered for a stated time. */
  readonly idempotencyKey?: ByteString;
  /** How long to wait for the outcome; the configured `requestTimeoutMs` when absent. */
  readonly timeoutMs?: number;
}

export interface ReadOptions {
  /** `linearizable` when absent. */
  readonly level?: ReadLevel;
  /** For `stale`: answer only from data that is at most this old. */
  readonly maxStalenessMs?: number;
  /** Answer only from a state that includes this index (read your own writes). */
  readonly minIndex?: number;
  readonly timeoutMs?: number;
}

/** Where an answer came from; sent as headers over HTTP. */
export interface Served {
  /** The log index that the answer includes; for a write, the index of the write. */
  readonly index: number;
  readonly term: number;
  /** The id of the node that answered. */
  readonly node: string;
  /** The leader's id as far as this node knows; empty when it knows none. */
  readonly leader: string;
  /** How old the data may be, in milliseconds; 0 for a linearizable answer. */
  readonly ageMs: number;
}

export type WriteReply =
  | { readonly ok: true; readonly result: CommandResult; readonly served: Served }
  | { readonly ok: false; readonly error: OperatingError };

export type ReadReply =
  | { readonly ok: true; readonly answer: Answer; readonly served: Served }
  | { readonly ok: false; readonly error: OperatingError };

export interface Readiness {
  readonly ready: boolean;
  /** One sentence: why not, or "ready". */
  readonly reason: string;
}

export interface KeyValueService {
  write(command: Command, options: WriteOptions, done: (reply: WriteReply) => void): void;
  read(key: ByteString, options: ReadOptions, done: (reply: ReadReply) => void): void;
  /** The status report: plain JSON, flat, names in snake_case. */
  status(): Readonly<Record<string, unknown>>;
  readiness(): Readiness;
  /** The metrics in the text format of Prometheus, and its content type. */
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>;
}

/** What one node of the leaderless system offers to the HTTP API. Values are texts of JSON values. */
export interface LeaderlessService {
  get(key: ByteString, quorum: number | undefined, done: (reply: VersionsReply) => void): void;
  put(key: ByteString, put: VersionPut, done: (reply: PutReply) => void): void;
  /** An operator's word; the reply says whether it is taken, the status how far it is. */
  join(seed: string, done: (error: OperatingError | undefined) => void): void;
  leave(done: (error: OperatingError | undefined) => void): void;
  /** The names and addresses of the nodes that hold a key, in the order of preference. */
  lookup(key: ByteString): readonly (readonly [name: string, address: string])[];
  /** The names of the members that are thought to be alive, this node included. */
  members(): readonly string[];
  /** How many keys are held here. */
  records(): number;
  status(): Readonly<Record<string, unknown>>;
  readiness(): Readiness;
  metrics(): { readonly contentType: string; readonly text: string };
}

export interface VersionPut {
  readonly value: Uint8Array;
  /** Two, or all replicas if there are fewer, when absent. */
  readonly quorum: number | undefined;
  /** '' for a first write. */
  readonly metadata: string;
}

export type VersionsReply =
  | {
      readonly ok: true;
      readonly values: readonly Uint8Array[];
      readonly metadata: readonly string[];
    }
  | { readonly ok: false; readonly error: OperatingError };
export type PutReply =
  | { readonly ok: true; readonly metadata: string }
  | { readonly ok: false; readonly error: OperatingError };

/**
 * What one replica of the convergent system offers to the HTTP API. Every answer is this replica's
 * own: none waits for a peer. Values are texts of JSON values.
 */
export interface ReplicaService {
  /** The identity of this replica, for as long as it has its disk. */
  readonly replicaId: string;
  /** All changes or none, durable when `done` is called. Each key at most once. */
  update(update: ReplicaUpdate, done: (reply: UpdateReply) => void): void;
  get(key: ByteString, done: (reply: ViewReply) => void): void;
  state(done: (reply: StateReply) => void): void;
  /** Makes the replica at a URL a peer, or compares with it at once if it is one. */
  register(url: string, done: (error: OperatingError | undefined) => void): void;
  /** Nobody waits any longer for the replica that has this URL or this id. */
  unregister(urlOrId: string, done: (error: OperatingError | undefined) => void): void;
  /** Equal on replicas that hold the same. */
  digest(): StateDigest;
  status(): Readonly<Record<string, unknown>>;
  readiness(): Readiness;
  metrics(): { readonly contentType: string; readonly text: string };
}

export interface ReplicaUpdate {
  readonly changes: readonly { readonly key: ByteString; readonly change: KeyChange }[];
  /** Whether the whole map is wanted as it is afterwards. */
  readonly returnsState: boolean;
}

/** What becomes of a key; the words of `core/convergent/requests.ts`. */
export type KeyChange =
  | { readonly kind: 'put' | 'append' | 'assign'; readonly value: Uint8Array }
  | { readonly kind: 'delete' }
  | { readonly kind: 'increment'; readonly by: number }
  | { readonly kind: 'add' | 'remove'; readonly elements: readonly Uint8Array[] };

export type KeyView =
  | { readonly type: 'value'; readonly value: ByteString }
  | { readonly type: 'counter'; readonly count: number }
  | { readonly type: 'set'; readonly elements: readonly ByteString[] }
  | { readonly type: 'register'; readonly values: readonly ByteString[] };

export type KeyViews = readonly (readonly [key: ByteString, view: KeyView])[];

interface Failed {
  readonly ok: false;
  readonly error: OperatingError;
}

export type UpdateReply =
  | {
      readonly ok: true;
      /** Whether each key was there before, in the order of the changes. */
      readonly existed: readonly boolean[];
      readonly state: KeyViews;
    }
  | Failed;
export type ViewReply = { readonly ok: true; readonly view: KeyView | undefined } | Failed;
export type StateReply = { readonly ok: true; readonly state: KeyViews } | Failed;

export interface StateDigest {
  readonly digest: string;
  readonly keys: number;
}

/** What one node of the replicated message log offers to the HTTP API. */
export interface LogService {
  /** Whether this node orders the messages, or follows one that does. */
  readonly isMaster: boolean;
  /** How many copies there should be: one for each node, the master included. */
  readonly copies: number;
  /** For the master. */
  append(message: NewMessage, done: (reply: AppendReply) => void): Waiting;
  /** For a secondary: takes a message at its place; done once it is durable here. */
  replicate(message: LogMessage, done: (error: OperatingError | undefined) => void): void;
  clear(done: (error: OperatingError | undefined) => void): void;
  /** What is there now: at most `limit` messages from an order on, or from the oldest that is kept. */
  read(from: number | undefined, limit: number, done: (reply: PageReply) => void): void;
  /** As `read`, but when there is nothing yet it waits, and answers with nothing after a while. */
  follow(from: number, options: FollowOptions, done: (reply: PageReply) => void): void;
  /** What the master thinks of each secondary, by its URL. */
  secondaries(): Readonly<Record<string, 'Healthy' | 'Suspected' | 'Unhealthy'>>;
  status(): Readonly<Record<string, unknown>>;
  readiness(): Readiness;
  metrics(): { readonly contentType: string; readonly text: string };
}

export interface LogMessage {
  readonly id: string;
  /** The text of a JSON string. */
  readonly text: string;
  /** Its place in the log: 0, 1, 2, … */
  readonly order: number;
}

export interface NewMessage {
  readonly text: string;
  /** The client's name for it, by which a repetition is recognised; one is drawn when absent. */
  readonly id: string | undefined;
  /** So many copies must be durable before the answer, the master's own included; all when absent. */
  readonly w: number | undefined;
  /** How long to wait for them; without end when absent. */
  readonly timeoutMs: number | undefined;
}

export type AppendReply =
  /** `isNew` is false for an id that was there already. */
  | { readonly ok: true; readonly isNew: boolean; readonly id: string; readonly order: number }
  | { readonly ok: false; readonly error: OperatingError };

/** A request that may take long. */
export interface Waiting {
  /** Its client has gone: `done` will not be called. The message stays. */
  forget(): void;
}

export interface FollowOptions {
  readonly limit: number;
  /** The log that was read so far; another one is not shown but answered with `log_cleared`. */
  readonly log: string | undefined;
  /** How long to wait for the next message. */
  readonly patienceMs: number;
}

export type PageReply =
  | {
      readonly ok: true;
      readonly messages: readonly LogMessage[];
      /** Where to read on. */
      readonly next: number;
      /** The order that the next message to come will have. */
      readonly end: number;
      /** Tells this log from those before a clear. */
      readonly log: string;
    }
  | { readonly ok: false; readonly error: OperatingError };
