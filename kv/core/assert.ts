/**
 * Broken invariants: the second of the two kinds of errors, and the fatal one.
 *
 * An operating error (`errors.ts`) is a value that a client can act on. A broken invariant means
 * that this program is wrong or its memory or disk lies, so the node must stop before it says
 * anything more. The checks are on in production: a stopped replica is a fault that consensus
 * tolerates, a wrong replica is not.
 */

/** Thrown by {@link invariant}. The driver does not catch it: it stops the node. */
export class InvariantViolation extends Error {
  override readonly name = 'InvariantViolation';

  constructor(
    message: string,
    /** The values that show what was broken. */
    readonly details: Readonly<Record<string, unknown>>,
  ) {
    super(`${message} ${JSON.stringify(details)}`);
  }
}

/** States what must be true here; throws {@link InvariantViolation} with `details` if it is not. */
export function invariant(
  condition: boolean,
  message: string,
  details: Readonly<Record<string, unknown>>,
): asserts condition {
  if (!condition) throw new InvariantViolation(message, details);
}

/** For the default branch of a switch over a closed union: a forgotten case does not compile. */
export function unreachable(value: never): never {
  throw new InvariantViolation('a case that cannot exist was reached', { value });
}
