/**
 * Operating errors: things that happen to a healthy node, told to the client as values.
 *
 * Each has a stable code, the numbers that explain it, and the two things that a client must know
 * before it can go on: whether its request may have taken effect, and whether it may try again.
 */

/**
 * `not_applied`: the request changed nothing and never will.
 * `unknown`: it may have been applied, or may yet be.
 */
export type Outcome = 'not_applied' | 'unknown';

/**
 * `safe`: send it again as it is.
 * `same_key`: send it again only with the same idempotency key, or read first.
 * `no`: the same request will fail in the same way.
 */
export type Retry = 'safe' | 'same_key' | 'no';

/** Every code, with the outcome and the advice that belong to it. */
export const ERROR_CODES = {
  /** No leader is known, so nobody can order the request. */
  no_leader: { outcome: 'not_applied', retry: 'safe' },
  /** The leader cannot reach a majority, so it cannot answer a linearizable read or a write. */
  no_quorum: { outcome: 'not_applied', retry: 'safe' },
  /** The request was not answered in time, and may still take effect. */
  timeout: { outcome: 'unknown', retry: 'same_key' },
  /** The request was not answered in time, and never will take effect. */
  timeout_not_applied: { outcome: 'not_applied', retry: 'safe' },
  /** A bounded queue or table is full; the details say which one. */
  overloaded: { outcome: 'not_applied', retry: 'safe' },
  /** This node's data is older than the `max_staleness_ms` of the request allows. */
  too_stale: { outcome: 'not_applied', retry: 'safe' },
  /** This node has not applied the `min_index` of the request in time. */
  index_not_reached: { outcome: 'not_applied', retry: 'safe' },
  /** The session or idempotency key has expired; the first try may have been applied. */
  session_expired: { outcome: 'unknown', retry: 'no' },
  /** The idempotency key was used before, with another command. */
  key_reused: { outcome: 'not_applied', retry: 'no' },
  /** A command or message was over its configured size. */
  too_large: { outcome: 'not_applied', retry: 'no' },
  /** Too few nodes have answered a read; nothing was to be changed. */
  read_quorum_not_met: { outcome: 'not_applied', retry: 'safe' },
  /** Too few nodes have a write; some have it, or may have. */
  write_quorum_not_met: { outcome: 'unknown', retry: 'same_key' },
  /** The quorum of the request is more than the replicas of a key, or no whole number above 0. */
  quorum_not_valid: { outcome: 'not_applied', retry: 'no' },
  /** The metadata was not given out for this key by this group. */
  metadata_not_valid: { outcome: 'not_applied', retry: 'no' },
  /** The value cannot be merged by the rule of its key. */
  value_not_mergeable: { outcome: 'not_applied', retry: 'no' },
  /** A key must have a character. */
  key_empty: { outcome: 'not_applied', retry: 'no' },
  /**
   * The key has as many concurrent versions as are allowed. Those who were asked have refused the
   * write; a copy of it that is still under way may find room yet.
   */
  too_many_siblings: { outcome: 'unknown', retry: 'no' },
  /** The node belongs to no group: it has left, or has not been let in yet. */
  not_a_member: { outcome: 'not_applied', retry: 'safe' },
  /** Joining or leaving makes no sense in this state. */
  membership_not_possible: { outcome: 'not_applied', retry: 'no' },
  /** The write concern of an append is no whole number from 1 to the number of copies. */
  write_concern_not_valid: { outcome: 'not_applied', retry: 'no' },
  /** The id of a message is empty or too long. */
  message_id_not_valid: { outcome: 'not_applied', retry: 'no' },
  /** Only the master takes this. */
  not_the_master: { outcome: 'not_applied', retry: 'no' },
  /** Only a secondary takes this. */
  not_a_secondary: { outcome: 'not_applied', retry: 'no' },
  /** A secondary holds another log than the master, which an operator must look at first. */
  log_conflict: { outcome: 'not_applied', retry: 'safe' },
  /** The disk of the master was empty, and it has not learned yet what its secondaries hold. */
  log_unknown: { outcome: 'not_applied', retry: 'safe' },
  /** The log has reached its limit, and none of its messages may be dropped. */
  log_full: { outcome: 'not_applied', retry: 'safe' },
  /** The messages that were asked for have been dropped by retention. */
  below_retention: { outcome: 'not_applied', retry: 'no' },
  /** The log was cleared while the request was under way. */
  log_cleared: { outcome: 'unknown', retry: 'no' },
  /** The node was not started with permission to clear its log. */
  clear_not_allowed: { outcome: 'not_applied', retry: 'no' },
  /** The order of a message must be a whole number from 0. */
  order_not_valid: { outcome: 'not_applied', retry: 'no' },
  /** Another message has this order, or this message another order. */
  message_conflict: { outcome: 'not_applied', retry: 'no' },
  /** An error that the node was told to make up. */
  emulated_error: { outcome: 'unknown', retry: 'same_key' },
  /** The key has a value of another type; it would have to be deleted first. */
  wrong_type: { outcome: 'not_applied', retry: 'no' },
  /** Keys that begin with a zero byte belong to the replicas themselves. */
  key_reserved: { outcome: 'not_applied', retry: 'no' },
  /** A change of a key makes no sense: no whole number, no element, the same key twice. */
  change_not_valid: { outcome: 'not_applied', retry: 'no' },
  /** The newest update of the replica is too far ahead of its wall clock: no peer would take more. */
  clock_ahead: { outcome: 'not_applied', retry: 'safe' },
  /** There are as many peers as are allowed, or a node was to be its own peer. */
  peer_not_possible: { outcome: 'not_applied', retry: 'no' },
  /** The URL of a peer is none, or leads nowhere that a peer can be. */
  peer_url_not_valid: { outcome: 'not_applied', retry: 'no' },
  /** No peer has the URL or the id that the request names. */
  peer_not_known: { outcome: 'not_applied', retry: 'no' },
  /** The node is shutting down. */
  stopping: { outcome: 'not_applied', retry: 'safe' },
  /** The node was stopped while the request was under way. */
  stopped: { outcome: 'unknown', retry: 'same_key' },
} as const satisfies Record<string, { outcome: Outcome; retry: Retry }>;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface OperatingError {
  readonly code: ErrorCode;
  /** One sentence that says what happened and, where there is something to do, what. */
  readonly message: string;
  readonly outcome: Outcome;
  readonly retry: Retry;
  /** The numbers that explain it. */
  readonly details: Readonly<Record<string, number | string>>;
}

export function operatingError(
  code: ErrorCode,
  message: string,
  details: Readonly<Record<string, number | string>> = {},
): OperatingError {
  return { code, message, ...ERROR_CODES[code], details };
}
