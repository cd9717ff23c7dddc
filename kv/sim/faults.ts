/**
 * What can go wrong, and when it does in one run. The plan is drawn before the run begins, so that
 * it can be shrunk: a fault that is left out does not change the others.
 */

import type { Prng } from '../core/prng';
import type { DiskFault } from './disk';

export const FAULT_KINDS = [
  'kill',
  'power_cut',
  'blackout',
  'leader_hunt',
  'pause',
  'clock_jump',
  'clock_rate',
  'partition',
  'one_way',
  'slow_link',
  'broken_connection',
  'loss_burst',
  'slow_disk',
  'slow_loop',
  'hand_over',
  'bit_flip',
  'misdirected_write',
  'failed_write',
  'failed_flush',
  'full_disk',
  'wiped_disk',
  'ambush',
  'repeat_burst',
  'flapping_link',
  'stop',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** Whom a fault meets: resolved when it comes, because only then it is known who leads. */
export type Target = { readonly leader: boolean; readonly pick: number };

export interface Fault {
  /** Numbered from 1 in the order of their coming: the name of a fault in a report. */
  readonly number: number;
  readonly kind: FaultKind;
  /** When it comes, in milliseconds of the run. */
  readonly at: number;
  readonly target: Target;
  /** How long it lasts; a node stays down for so long. */
  readonly forMs: number;
  /** What else it needs: an amount, a choice between several forms. */
  readonly amount: number;
}

/** How often each kind comes: the mean time between two of them, in milliseconds. */
export type FaultRates = Partial<Record<FaultKind, number>>;

/** What `harm` of a disk does for a fault. */
export const DISK_FAULTS: Partial<Record<FaultKind, DiskFault>> = {
  bit_flip: 'bit_flip',
  misdirected_write: 'misdirected_write',
  failed_write: 'failed_write',
  failed_flush: 'failed_flush',
  full_disk: 'full',
};

/** How long a fault of each kind lasts, in milliseconds. */
const DURATIONS: Record<FaultKind, readonly [number, number]> = {
  kill: [5, 3000],
  power_cut: [5, 3000],
  blackout: [5, 2000],
  leader_hunt: [500, 4000],
  pause: [20, 3000],
  clock_jump: [0, 0],
  clock_rate: [0, 0],
  partition: [100, 4000],
  one_way: [100, 3000],
  slow_link: [200, 3000],
  broken_connection: [5, 500],
  loss_burst: [100, 2000],
  slow_disk: [100, 3000],
  slow_loop: [100, 2000],
  hand_over: [0, 0],
  bit_flip: [0, 0],
  misdirected_write: [0, 0],
  failed_write: [5, 2000],
  failed_flush: [5, 2000],
  full_disk: [5, 2000],
  wiped_disk: [5, 2000],
  ambush: [500, 6000],
  repeat_burst: [200, 4000],
  flapping_link: [100, 3000],
  stop: [1, 2000],
};

/** The faults of a run of `durationMs`, in the order of their coming. */
export function drawFaults(rates: FaultRates, durationMs: number, seed: Prng): Fault[] {
  const drawn: Omit<Fault, 'number'>[] = [];
  for (const kind of FAULT_KINDS) {
    const mean = rates[kind];
    if (mean === undefined) continue;
    // A stream for each kind: another rate of one of them leaves the others as they were.
    const prng = seed.stream(`faults ${kind}`);
    const between = () => prng.between(Math.ceil(mean / 4), Math.ceil((mean * 7) / 4));
    // The first moments of a cluster are delicate too.
    const first = kind === 'ambush' && prng.chance(1, 2) ? 1 : between();
    for (let at = first; at < durationMs; at += between()) {
      const target = { leader: prng.chance(2, 5), pick: prng.between(0, 1_000_000) };
      const forMs = prng.between(...DURATIONS[kind]);
      drawn.push({ kind, at, target, forMs, amount: prng.between(0, 1_000_000) });
    }
  }
  drawn.sort((one, other) => one.at - other.at);
  return drawn.map((fault, i) => ({ number: i + 1, ...fault }));
}

export function describeFault(fault: Fault): string {
  const who = fault.target.leader ? 'leader' : 'any';
  const lasts = fault.forMs > 0 ? ` for ${fault.forMs} ms` : '';
  return `#${fault.number} at ${fault.at} ms: ${fault.kind} (${who})${lasts}`;
}
