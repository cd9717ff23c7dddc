/** A secondary that is slow or fails on request, for demonstrations and tests (`options.ts`). */

import type { Secondary } from './roles';
import type { LogState } from './state';

export interface Outcomes {
  take(): void;
  /** Takes it in, and says nothing. */
  takeUnheard(): void;
  /** Tells the sender that it has failed. */
  fail(): void;
}

/** False if nothing more can be delayed: the caller drops or refuses it. */
export function withTrouble(
  node: LogState,
  secondary: Secondary,
  bytes: number,
  outcomes: Outcomes,
): boolean {
  const { trouble, maxHeldBytes } = secondary.options;
  if (trouble.delayMs <= 0) {
    carryOut(node, secondary, outcomes);
    return true;
  }
  if (secondary.delayed.length > 0 && secondary.delayedBytes + bytes > maxHeldBytes) return false;
  const take = () => carryOut(node, secondary, outcomes);
  secondary.delayed.push({ at: node.now + trouble.delayMs, bytes, take });
  secondary.delayedBytes += bytes;
  return true;
}

/** Takes in what has lain long enough. */
export function takeDelayed(node: LogState, secondary: Secondary): void {
  for (
    let [first] = secondary.delayed;
    first && first.at <= node.now;
    [first] = secondary.delayed
  ) {
    secondary.delayed.shift();
    secondary.delayedBytes -= first.bytes;
    first.take();
  }
}

function carryOut(node: LogState, { options }: Secondary, outcomes: Outcomes): void {
  const { errorsPerThousand, errorWhen } = options.trouble;
  // Nothing is drawn where nothing fails.
  if (errorsPerThousand === 0 || !node.prng.chance(errorsPerThousand, 1000)) return outcomes.take();
  node.narrate(`fails ${errorWhen} the append, as it was told to`);
  if (errorWhen === 'after') outcomes.takeUnheard();
  outcomes.fail();
}
