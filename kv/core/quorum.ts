/** Majorities: how many are enough, and what enough of them have reached. */

/** The smallest number of `members` that any two such groups must share a member. */
export const majority = (members: number): number => Math.floor(members / 2) + 1;

/**
 * The largest value that a majority of the members has reached, given what each has reached.
 * An empty group has reached everything: nobody has to agree (the joint rule of §6 relies on it).
 */
export function reachedByMajority(values: readonly number[]): number {
  if (values.length === 0) return Number.POSITIVE_INFINITY;
  const descending = [...values].sort((x, y) => y - x);
  return descending[majority(values.length) - 1] as number;
}

/** The outcome of a vote so far: `lost` once the voters still out cannot turn it. */
export function tally(members: number, granted: number, refused: number): 'won' | 'lost' | 'open' {
  if (granted >= majority(members)) return 'won';
  return members - refused < majority(members) ? 'lost' : 'open';
}
