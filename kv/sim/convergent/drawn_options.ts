/** The options of simulated replicas, drawn from the seed: small limits, so that each is met. */

import { DEFAULT_CONVERGENT_OPTIONS } from '../../core/convergent/defaults';
import type { ConvergentOptions } from '../../core/convergent/options';
import { millis } from '../../core/ids';
import type { Prng } from '../../core/prng';
import type { RunConfiguration } from '../configuration';
import { MAX_SKEW_MS } from './wall_clocks';

/** What all nodes of a run have in common. */
export type SharedConvergentOptions = Omit<
  ConvergentOptions,
  'self' | 'address' | 'storage' | 'seed' | 'trace' | 'wall'
>;

export function drawConvergentOptions(prng: Prng, slowestDelayMs: number): SharedConvergentOptions {
  const scale = slowestDelayMs > 20 ? 4 : slowestDelayMs > 5 ? 2 : 1;
  const reportMinMs = prng.pick([5, 20, 100]) * scale;
  return {
    ...DEFAULT_CONVERGENT_OPTIONS,
    maxDriftMs: millis(prng.pick([300, 1000, 60_000])),
    reportMinMs: millis(reportMinMs),
    reportMaxMs: millis(reportMinMs * prng.pick([4, 16])),
    gapMs: millis(prng.pick([0, 5, 20]) * scale),
    pullMs: millis(prng.pick([40, 150]) * scale),
    silentMs: millis(prng.pick([100, 1000])),
    antiEntropyMs: millis(prng.pick([200, 1000, 5000])),
    maxBytesPerMessage: prng.pick([100, 400, 10_000]),
    maxHeldPushes: prng.pick([1, 4, 64]),
    maxPendingRequests: prng.pick([4, 1000, 1000]),
    snapshotJournalBytes: prng.pick([1000, 5000, 30_000, 1e9]),
    snapshotSliceBytes: prng.pick([64, 500, 10_000]),
  };
}

const PATIENCE_MS = 4000;

/** Time for losses to be noticed, for what is missing to come, and for wild clocks to be caught up. */
export function recoveryMsOf(
  { reportMaxMs, antiEntropyMs, pullMs, gapMs }: SharedConvergentOptions,
  { network, flushMs, turnMs }: RunConfiguration,
  nodes: number,
): number {
  const roundTrip = 2 * network.maxDelayMs + flushMs[1] + 4 * turnMs + 2;
  const transfers = nodes * (200 * roundTrip + 4 * pullMs + gapMs);
  const rounds = 8 * reportMaxMs + 2 * nodes * antiEntropyMs;
  return Math.ceil(PATIENCE_MS + 2 * MAX_SKEW_MS + transfers + rounds);
}

/** Who is cut off for so long misses everything that is said only once, or only now and then. */
export const quietMsOf = ({ reportMaxMs }: SharedConvergentOptions, prng: Prng): number =>
  prng.pick([0, 1000 + 4 * reportMaxMs]);
