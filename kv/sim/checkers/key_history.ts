/** What clients of the key/value service asked and were told, one key at a time. */

/** One operation of one client on one key: all of its tries together. Values are JSON texts. */
export interface KeyOperation {
  readonly client: string;
  readonly key: string;
  readonly action: KeyAction;
  /**
   * When it was first sent and when its answer came, as positions in the order of everything that
   * happened to clients: no two are equal. Without an answer its outcome is unknown: it may have
   * taken effect at any moment after it was sent, or never.
   */
  readonly invoked: number;
  readonly completed: number | undefined;
  /** The answer; absent where `completed` is. */
  readonly result: KeyResult | undefined;
}

export type KeyAction =
  | { readonly kind: 'put' | 'append'; readonly value: string }
  | { readonly kind: 'delete' | 'get' };

export type KeyResult =
  /** Of a write. `not_found`: of a delete. `not_a_list`: of an append, which then changed nothing. */
  | 'ok'
  | 'not_found'
  | 'not_a_list'
  /** Of a get; undefined where there is no value. */
  | { readonly value: string | undefined };
