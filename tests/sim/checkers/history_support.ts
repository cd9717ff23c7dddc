/** Histories written by hand, and the dumbest possible judge of small ones. */

import type { KeyAction, KeyOperation, KeyResult } from '../../../kv/sim/checkers/key_history';
import { Service } from './random_history';

export const get: KeyAction = { kind: 'get' };
export const remove: KeyAction = { kind: 'delete' };
export const put = (value: string): KeyAction => ({ kind: 'put', value });
export const append = (value: string): KeyAction => ({ kind: 'append', value });

/** What a get returned; nothing where there is no value. */
export const value = (text?: string): KeyResult => ({ value: text });

/** One operation, drawn as when it was sent and answered. */
export function op(
  client: string,
  action: KeyAction,
  [invoked, completed]: readonly [number, number?],
  result?: KeyResult,
  key = 'k',
): KeyOperation {
  return { client, key, action, invoked, completed, result };
}

/**
 * Tries every order of every choice of the unanswered operations, and carries each out from the
 * beginning. Of one key, and of few operations.
 */
export function bruteForce(operations: readonly KeyOperation[]): boolean {
  const answered = operations.filter(({ completed }) => completed !== undefined);
  const unanswered = operations.filter(({ completed }) => completed === undefined);
  for (let choice = 0; choice < 2 ** unanswered.length; choice++) {
    const chosen = unanswered.filter((_, i) => Math.floor(choice / 2 ** i) % 2 === 1);
    for (const order of orders([...answered, ...chosen])) if (explains(order)) return true;
  }
  return false;
}

function* orders(operations: readonly KeyOperation[]): Generator<KeyOperation[]> {
  if (operations.length === 0) yield [];
  for (const [i, last] of operations.entries()) {
    for (const before of orders(operations.toSpliced(i, 1))) yield [...before, last];
  }
}

function explains(order: readonly KeyOperation[]): boolean {
  const inTime = order.every((later, i) =>
    order.slice(0, i).every(({ invoked }) => invoked < (later.completed ?? Infinity)),
  );
  const service = new Service();
  return (
    inTime &&
    order.every(({ key, action, completed, result }) => {
      const answer = service.carryOut(key, action);
      return completed === undefined || JSON.stringify(answer) === JSON.stringify(result);
    })
  );
}
