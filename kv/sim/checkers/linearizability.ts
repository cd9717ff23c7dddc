/**
 * Linearizability: whether what clients asked and were told can be explained by a service that
 * carries out one operation after another, each at a moment between its being sent and its answer.
 *
 * Linearizability is local (Herlihy and Wing, "Linearizability: a correctness condition for
 * concurrent objects", 1990): a history is linearizable if the history of each key is. So each key
 * is searched on its own, for an order of its operations that explains every answer (Wing and Gong,
 * "Testing and verifying concurrent objects", 1993): next in the order may only come an operation
 * that was sent before any of those still waiting was answered; where none can, the search goes
 * back. It remembers where it was, as a set of operations and the state they led to, and never
 * searches from there again (Lowe, "Testing for linearizability", 2017).
 *
 * An operation without an answer may come at any moment after it was sent, or never. A get without
 * an answer says nothing and is left out; a write without one is tried after all others.
 *
 * Five things keep this fast, and none of them changes a verdict: an operation that changes nothing
 * is put in order as soon as it fits; values that no get can tell apart are one state
 * (`key_states.ts`); writes without an answer that do the same thing are interchangeable; a
 * position is dropped if the search was at the same one with fewer of those writes used up; and so
 * is one from where the next get that is due can no longer have its answer.
 *
 * The limits: whether there is an order is NP-complete. The search can take time exponential in the
 * number of operations of one key that run at once, and of its writes without an answer that gets
 * can tell apart. So it has a budget for each key, and a key that exceeds it is reported as
 * undecided: it was not found to be wrong, which does not mean that it is right. A history without a
 * violation rarely comes near; one with a violation and many clients on one key may. Writes that were
 * refused for their size are not modelled, they must be left out of the history.
 */

import { invariant } from '../../core/assert';
import { explain } from './explanation';
import type { KeyOperation } from './key_history';
import { KeySearch } from './key_search';

export type Verdict =
  | { readonly kind: 'linearizable' }
  | { readonly kind: 'violation'; readonly key: string; readonly explanation: readonly string[] }
  /** No violation was found, but the search on these keys ran out of its budget. */
  | { readonly kind: 'undecided'; readonly keys: readonly string[] };

/** Positions visited for each key: some seconds of search at most, if lists are not very long. */
const MAX_STATES = 200_000;

export function checkLinearizable(
  operations: readonly KeyOperation[],
  limits: { readonly maxStates?: number } = {},
): Verdict {
  const { maxStates = MAX_STATES } = limits;
  const undecided: string[] = [];
  for (const [key, own] of byKey(operations)) {
    const outcome = new KeySearch(own, true).run(maxStates);
    if (outcome.kind === 'none')
      return { kind: 'violation', key, explanation: why(own, maxStates) };
    if (outcome.kind === 'gave_up') undecided.push(key);
  }
  return undecided.length === 0 ? { kind: 'linearizable' } : { kind: 'undecided', keys: undecided };
}

/** Searches again, without looking ahead: what a person understands is the answer that does not fit. */
function why(operations: readonly KeyOperation[], maxStates: number): string[] {
  const outcome = new KeySearch(operations, false).run(maxStates);
  invariant(outcome.kind !== 'found', 'both searches must agree', { operations });
  return explain(outcome.furthest, operations);
}

function byKey(operations: readonly KeyOperation[]): Map<string, KeyOperation[]> {
  const keys = new Map<string, KeyOperation[]>();
  for (const operation of operations) {
    const { key, invoked, completed, result } = operation;
    const sound =
      (completed ?? invoked + 1) > invoked && (completed === undefined) === (result === undefined);
    invariant(sound, 'an operation is answered after it was sent, or not at all', { operation });
    const own = keys.get(key);
    if (own === undefined) keys.set(key, [operation]);
    else own.push(operation);
  }
  return keys;
}
