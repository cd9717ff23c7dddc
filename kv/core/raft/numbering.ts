/**
 * How a node numbers its messages to the leader that want an answer (forwarded writes, questions
 * for a read index).
 *
 * The leader may answer after the node has been restarted. The answer must not be taken for one to
 * the new node's question: it could acknowledge a write that was never taken, or vouch for a read
 * from too early on. So the numbers of each start begin somewhere else.
 */

import { Prng } from '../prng';

/** Starts are so far apart that they do not reach into each other. */
const NUMBERS_PER_START = 2 ** 20;
const STARTS = 2 ** 26;

/** `start` tells this start of the node from others that have the same seed. */
export function firstNumber(seed: number, start: string): number {
  return new Prng(seed, `numbers ${start}`).between(0, STARTS - 1) * NUMBERS_PER_START;
}

/** A number as people read it: counted from 1 after each start. */
export const shortNumber = (id: number): number => id % NUMBERS_PER_START;
