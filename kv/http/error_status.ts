/**
 * Every way in which a request can fail, and its HTTP status.
 *
 * Two tables: the operating errors of the service (`kv/core/errors.ts`; a new code does not compile
 * until it has a row here), and the errors that the HTTP side finds by itself.
 */

import type { ErrorCode, Outcome, Retry } from '../core/errors';

/** The status of each operating error. The body says the rest: outcome, advice and numbers. */
export const ERROR_STATUS = {
  no_leader: 503,
  no_quorum: 503,
  timeout: 504,
  timeout_not_applied: 503,
  overloaded: 429,
  too_stale: 503,
  index_not_reached: 503,
  session_expired: 409,
  key_reused: 422,
  too_large: 413,
  read_quorum_not_met: 503,
  write_quorum_not_met: 503,
  quorum_not_valid: 400,
  metadata_not_valid: 400,
  value_not_mergeable: 400,
  key_empty: 400,
  too_many_siblings: 409,
  not_a_member: 503,
  membership_not_possible: 409,
  write_concern_not_valid: 400,
  message_id_not_valid: 400,
  not_the_master: 409,
  not_a_secondary: 409,
  log_conflict: 503,
  log_unknown: 503,
  log_full: 503,
  below_retention: 410,
  log_cleared: 409,
  clear_not_allowed: 403,
  order_not_valid: 400,
  message_conflict: 409,
  emulated_error: 500,
  wrong_type: 409,
  key_reserved: 400,
  change_not_valid: 400,
  clock_ahead: 503,
  peer_not_possible: 409,
  peer_url_not_valid: 400,
  peer_not_known: 404,
  stopping: 503,
  stopped: 504,
} as const satisfies Record<ErrorCode, number>;

interface RequestErrorRow {
  readonly status: number;
  readonly message: string;
  readonly outcome: Outcome;
  readonly retry: Retry;
}

/** A request that is wrong changes nothing, and is as wrong the next time. */
const WRONG = { outcome: 'not_applied', retry: 'no' } as const;
const NOT_VALID = { status: 400, message: 'The request is not valid', ...WRONG } as const;

/** What the HTTP side itself answers. The three messages of status 400 are part of the interface. */
export const REQUEST_ERRORS = {
  request_not_valid: NOT_VALID,
  key_not_valid: NOT_VALID,
  key_too_long: NOT_VALID,
  parameter_not_valid: NOT_VALID,
  idempotency_key_not_valid: NOT_VALID,
  type_not_correct: { status: 400, message: 'The request type is not correct', ...WRONG },
  value_not_valid: { status: 400, message: 'The request value is not valid', ...WRONG },
  key_not_found: { status: 404, message: 'The key does not exist', ...WRONG },
  route_not_found: { status: 404, message: 'There is nothing at this path', ...WRONG },
  method_not_allowed: { status: 405, message: 'This path does not take this method', ...WRONG },
  request_timeout: {
    status: 408,
    message: 'The request did not arrive in time',
    outcome: 'not_applied',
    retry: 'safe',
  },
  not_a_list: { status: 409, message: 'The value of the key is not a list', ...WRONG },
  too_large: { status: 413, message: 'The request is too large', ...WRONG },
  media_type_not_supported: {
    status: 415,
    message: 'The body must be JSON in UTF-8, sent as it is',
    ...WRONG,
  },
  expectation_failed: { status: 417, message: 'The expectation cannot be met', ...WRONG },
  too_many_streams: {
    status: 429,
    message: 'There are too many followers',
    outcome: 'not_applied',
    retry: 'safe',
  },
  headers_too_large: { status: 431, message: 'The request headers are too large', ...WRONG },
  internal_error: {
    status: 500,
    message: 'The node failed while it worked on the request',
    outcome: 'unknown',
    retry: 'same_key',
  },
} as const satisfies Record<string, RequestErrorRow>;

export type RequestErrorCode = keyof typeof REQUEST_ERRORS;

/** A refused request, as a value: parsers return it in place of what they were asked for. */
export class Refusal {
  constructor(
    readonly code: RequestErrorCode,
    /** One sentence for the person who wrote the client: what was wrong and what to send instead. */
    readonly hint: string,
    /** The numbers and names that explain it. */
    readonly details: Readonly<Record<string, number | string>> = {},
  ) {}
}

/** The start of a text that a client sent, short enough to be quoted back. */
export function quoted(text: string): string {
  return JSON.stringify(text.length <= 64 ? text : `${text.slice(0, 64)}…`);
}
