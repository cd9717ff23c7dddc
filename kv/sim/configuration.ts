/**
 * The whole configuration of a run, drawn from its seed: the size of the cluster, the network, the
 * disks, the clocks, the clients, and how often each kind of fault comes. What a run does not have
 * is as important as what it has: a bug that needs three faults is found where there are few others.
 */

import type { ReadLevel } from '../core/command';
import { Prng } from '../core/prng';
import { FAULT_KINDS, type FaultKind, type FaultRates } from './faults';
import type { NetworkSettings } from './network';

export interface RunConfiguration {
  readonly nodes: number;
  /** How long faults come. */
  readonly durationMs: number;
  readonly network: NetworkSettings;
  /** A flush takes from so many to so many milliseconds. */
  readonly flushMs: readonly [number, number];
  /** The first start of each node comes at most so late; all at once for 0. */
  readonly lateStartMs: number;
  /** A turn of the event loop takes at most so long. */
  readonly turnMs: number;
  /**
   * `good`: rates within a part in a thousand. `drifting`: within two in a hundred. `wild`: jumps
   * and rates beyond what leases allow for.
   */
  readonly clocks: 'good' | 'drifting' | 'wild';
  readonly rates: FaultRates;
  readonly clients: ClientSettings;
}

export interface ClientSettings {
  readonly count: number;
  /** Between two operations of a client. */
  readonly thinkMs: readonly [number, number];
  /** How long a client waits for one answer. */
  readonly timeoutMs: readonly [number, number];
  /** Of a thousand requests and answers so many are lost. */
  readonly lost: number;
  /** Each client stays with one node: somebody always asks the leader that was replaced. */
  readonly pinned: boolean;
  /** How clients read, mostly; and a client that would write draws again so often, hoping to read. */
  readonly level: 'mixed' | ReadLevel;
  readonly redraws: number;
  /** The mean time between two restarts of one client; 0 for never. */
  readonly restartMs: number;
}

/** Overrides of what is drawn, for commands and for shrinking. */
export interface RunLimits {
  /** Only faults of these kinds. */
  readonly kinds?: readonly FaultKind[] | undefined;
  readonly nodes?: number | undefined;
  readonly durationMs?: number | undefined;
}

/** The mean time between two faults of a kind, in milliseconds, at the usual level. */
const USUAL_MS: Record<FaultKind, number> = {
  kill: 2500,
  power_cut: 2500,
  blackout: 6000,
  leader_hunt: 6000,
  pause: 3000,
  clock_jump: 3000,
  clock_rate: 4000,
  partition: 3000,
  one_way: 3000,
  slow_link: 3000,
  broken_connection: 1000,
  loss_burst: 3000,
  slow_disk: 3000,
  slow_loop: 4000,
  hand_over: 4000,
  bit_flip: 9000,
  misdirected_write: 9000,
  failed_write: 6000,
  failed_flush: 6000,
  full_disk: 6000,
  wiped_disk: 8000,
  ambush: 4000,
  repeat_burst: 4000,
  flapping_link: 3000,
  stop: 3000,
};

const SIZES = [1, 2, 3, 3, 3, 3, 3, 4, 5, 5, 5, 6, 7] as const;

export function drawConfiguration(seed: number, limits: RunLimits = {}): RunConfiguration {
  const prng = new Prng(seed, 'configuration');
  const nodes = prng.pick(SIZES);
  const durationMs = prng.pick([4000, 8000, 8000, 12_000, 20_000]);
  const clocks = prng.pick(['good', 'good', 'drifting', 'wild'] as const);
  const configuration: RunConfiguration = {
    nodes: limits.nodes ?? nodes,
    durationMs: limits.durationMs ?? durationMs,
    network: drawNetwork(prng),
    flushMs: prng.pick([
      [0, 1],
      [0, 1],
      [1, 5],
      [2, 20],
      [10, 60],
    ] as const),
    lateStartMs: prng.pick([0, 0, 300, 6000]),
    turnMs: prng.pick([0, 1, 1, 4]),
    clocks,
    rates: drawRates(prng, clocks, limits.kinds ?? FAULT_KINDS),
    clients: drawClients(prng),
  };
  return configuration;
}

function drawNetwork(prng: Prng): NetworkSettings {
  return {
    minDelayMs: prng.pick([0, 0, 1]),
    maxDelayMs: prng.pick([1, 2, 5, 20, 60]),
    lost: prng.pick([0, 0, 10, 100, 500, 1500]),
    repeated: prng.pick([0, 0, 10, 100, 500]),
    late: prng.pick([0, 20, 300]),
    ordered: prng.chance(1, 2),
    encoded: prng.chance(1, 4),
  };
}

function drawRates(
  prng: Prng,
  clocks: RunConfiguration['clocks'],
  kinds: readonly FaultKind[],
): FaultRates {
  const rates: FaultRates = {};
  // From a run without faults to one where everything goes wrong at once.
  const share = prng.pick([0, 1, 3, 5, 8, 10]);
  const level = prng.pick([1, 1, 2, 4]);
  for (const kind of FAULT_KINDS) {
    // A kind that came later draws from a stream of its own: seeds of before mean what they meant.
    const own = kind === 'stop' ? prng.stream(kind) : prng;
    const isOn = own.chance(share, 10);
    const mean = Math.floor((USUAL_MS[kind] * own.pick([1, 2, 3])) / level);
    const isAllowed = clocks === 'wild' || (kind !== 'clock_jump' && kind !== 'clock_rate');
    if (isOn && isAllowed && kinds.includes(kind)) rates[kind] = mean;
  }
  return rates;
}

function drawClients(prng: Prng): ClientSettings {
  return {
    count: prng.between(1, 8),
    thinkMs: prng.pick([
      [0, 5],
      [0, 20],
      [0, 100],
      [10, 400],
    ] as const),
    timeoutMs: prng.pick([
      [50, 300],
      [200, 2000],
      [1000, 4000],
    ] as const),
    lost: prng.pick([0, 0, 10, 100]),
    pinned: prng.chance(1, 3),
    level: prng.pick(['mixed', 'mixed', 'linearizable', 'lease', 'stale'] as const),
    redraws: prng.pick([0, 0, 1, 4]),
    restartMs: prng.pick([0, 0, 3000]),
  };
}
