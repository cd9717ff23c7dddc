/** One run of the simulator as plain data, which fits into a message to a worker and on a command line. */

import { simulateConvergent } from '../kv/sim/convergent/simulate_convergent';
import { simulateDynamo } from '../kv/sim/dynamo/simulate_dynamo';
import type { FaultKind } from '../kv/sim/faults';
import { simulateLog } from '../kv/sim/log/simulate_log';
import type { WorldWishes } from '../kv/sim/run_world';
import { type RunReport, simulate } from '../kv/sim/simulate';
import type { Variation } from '../kv/sim/variation';
import { journalDisk } from '../kv/sim_disk/journal_disk';

/** `mixed`: the real journal below every fourth seed, which is enough for it and keeps runs quick. */
export const DISK_KINDS = ['mixed', 'model', 'journal'] as const;
export type DiskKind = (typeof DISK_KINDS)[number];

/** The systems that can be simulated. */
export const SIMULATED_PROTOCOLS = ['raft', 'dynamo', 'convergent', 'log'] as const;
export type SimulatedProtocol = (typeof SIMULATED_PROTOCOLS)[number];

const SIMULATIONS: Record<SimulatedProtocol, (setup: WorldWishes) => RunReport> = {
  raft: simulate,
  dynamo: simulateDynamo,
  convergent: simulateConvergent,
  log: simulateLog,
};

/** What runs of several seeds have in common. */
export interface Settings extends Variation {
  readonly protocol?: SimulatedProtocol | undefined;
  readonly disk: DiskKind;
  readonly nodes?: number | undefined;
  readonly durationMs?: number | undefined;
  readonly kinds?: readonly FaultKind[] | undefined;
}

export interface Run {
  readonly seed: number;
  readonly settings: Settings;
}

/** A run that failed. `error`: the simulator itself did, so there is nothing to be made smaller. */
export interface Failure extends Run {
  readonly checker: string;
  readonly message: string;
  readonly kind: 'violation' | 'error';
}

export function carryOut({ seed, settings }: Run, onTrace?: (line: string) => void): RunReport {
  const { nodes, durationMs, kinds, keep, simplify, protocol = 'raft' } = settings;
  return SIMULATIONS[protocol]({
    seed,
    limits: { nodes, durationMs, kinds },
    variation: { keep, simplify },
    disk: diskKindOf(seed, settings) === 'journal' ? journalDisk : undefined,
    onTrace,
  });
}

/** The run with more left out, as a shrunk one is. */
export function varied({ seed, settings }: Run, variation: Variation): Run {
  const simplify = [...new Set([...(settings.simplify ?? []), ...(variation.simplify ?? [])])];
  return { seed, settings: { ...settings, ...variation, simplify } };
}

/** The report, or the failure of the simulator itself. */
export function tryOut(run: Run, onTrace?: (line: string) => void): RunReport | Failure {
  try {
    return carryOut(run, onTrace);
  } catch (error) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { ...run, checker: 'error', message, kind: 'error' };
  }
}

export function failureOf(run: Run, result: RunReport | Failure): Failure | undefined {
  if ('kind' in result) return result;
  const { violation } = result;
  if (violation === undefined) return undefined;
  return { ...run, checker: violation.checker, message: violation.message, kind: 'violation' };
}

/** The flags that repeat a run. */
export function flagsOfRun(run: Run): string {
  const { nodes, durationMs, kinds, keep, simplify = [], protocol = 'raft' } = run.settings;
  const list = (names: readonly unknown[]) => (names.length === 0 ? 'none' : names.join(','));
  return [
    `--seed ${run.seed}`,
    ...(durationMs === undefined ? [] : [`--duration ${durationMs}`]),
    ...(keep === undefined ? [] : [`--keep ${list(keep)}`]),
    ...(simplify.length === 0 ? [] : [`--simplify ${list(simplify)}`]),
    ...(nodes === undefined ? [] : [`--nodes ${nodes}`]),
    ...(kinds === undefined ? [] : [`--faults ${list(kinds)}`]),
    ...(protocol === 'raft' ? [] : [`--protocol ${protocol}`]),
    `--disk ${diskKindOf(run.seed, run.settings)}`,
  ].join(' ');
}

const EVERY = 4;

function diskKindOf(seed: number, { disk }: Settings): 'model' | 'journal' {
  if (disk !== 'mixed') return disk;
  return seed % EVERY === 0 ? 'journal' : 'model';
}
