/**
 * What a user plugs into the simulated Raft cluster: a state machine, what its clients do, and what
 * must be true of what they were told. The key/value service is one (`key_value_application.ts`).
 */

import type { ReadLevel } from '../../core/command';
import type { StateMachine } from '../../core/machine/state_machine';
import type { Prng } from '../../core/prng';
import type { ServedFrom } from '../../core/raft/requests';

/** What a client does next. `text` names it in the trace. */
export type Intent<Query> =
  | { readonly kind: 'write'; readonly text: string; readonly command: Uint8Array }
  | { readonly kind: 'read'; readonly text: string; readonly query: Query };

/** One operation of one client, all of its tries together. */
export interface Recorded<Query, Answer> {
  readonly client: string;
  readonly intent: Intent<Query>;
  /** Of a read. */
  readonly level: ReadLevel | undefined;
  /** Places in the order of everything that happened to clients; no two are equal. */
  readonly invoked: number;
  completed: number | undefined;
  /**
   * `unknown`: it may have taken effect at any time after it was asked, or may yet, or never.
   * `not_applied`: every try was said to have changed nothing.
   */
  outcome: 'written' | 'answered' | 'not_applied' | 'unknown';
  /** Of a write that was acknowledged: what the state machine returned. */
  result: Uint8Array | undefined;
  /** Of a read that was answered. */
  answer: Answer | undefined;
  served: ServedFrom | undefined;
  /** An answered read must see every write that was acknowledged before it was asked. */
  isLinearizable: boolean;
}

export interface Application<Query, Answer> {
  /** An empty state machine. */
  machine(): StateMachine<Query, Answer>;
  /** Throws `DecodeError` for bytes that are no command; where it is absent, all bytes are one. */
  checkCommand?(command: Uint8Array): void;
  /** The next operation of a client. Draws from `prng` only. */
  next(client: string, prng: Prng): Intent<Query>;
  /** A write that succeeds on every working cluster. */
  probe(node: string): Intent<Query>;
  /** Looks at an entry that was committed; `query` asks the state behind it. */
  applied?(query: (query: Query) => Answer, command: Uint8Array, index: number): void;
  /** Looks at a read that was answered from the state at `served.index`. Throws `Violation`. */
  answered?(read: Recorded<Query, Answer>): void;
  /** The end of a run: `query` asks the state that all replicas have. Throws `Violation`. */
  check(
    history: readonly Recorded<Query, Answer>[],
    query: (query: Query) => Answer,
    report: (name: string, count: number) => void,
  ): void;
}
