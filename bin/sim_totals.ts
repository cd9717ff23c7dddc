/** What many runs did, added up. Plain data, so that workers can send it. */

import { CHECKS, CONVERGENT_CHECKS, DYNAMO_CHECKS, LOG_CHECKS } from '../kv/sim/checks';
import type { FaultKind } from '../kv/sim/faults';
import type { RunReport } from '../kv/sim/simulate';
import type { SimulatedProtocol } from './sim_run';

type Counts = Record<string, number>;

export interface Totals {
  seeds: number;
  simulatedMs: number;
  steps: number;
  sent: number;
  lost: number;
  repeated: number;
  readonly operations: Counts;
  readonly faults: Counts;
  readonly events: Counts;
}

export const noTotals = (): Totals => ({
  ...{ seeds: 0, simulatedMs: 0, steps: 0, sent: 0, lost: 0, repeated: 0 },
  ...{ operations: {}, faults: {}, events: {} },
});

export function totalsOf({ simulatedMs, counters }: RunReport): Totals {
  const { steps, sent, lost, repeated, operations, faults, events } = counters;
  return { seeds: 1, simulatedMs, steps, sent, lost, repeated, operations, faults, events };
}

export function addTotals(sum: Totals, more: Totals): void {
  sum.seeds += more.seeds;
  sum.simulatedMs += more.simulatedMs;
  sum.steps += more.steps;
  sum.sent += more.sent;
  sum.lost += more.lost;
  sum.repeated += more.repeated;
  for (const table of ['operations', 'faults', 'events'] as const) {
    for (const [name, count] of Object.entries(more[table])) {
      sum[table][name] = (sum[table][name] ?? 0) + count;
    }
  }
}

/** Kinds of faults by what they meet. Complete by type: a new kind must find its place here. */
const CLASSES = ['processes', 'network', 'disks', 'clocks', 'leadership', 'ambushes'] as const;
const CLASS_OF: Record<FaultKind, (typeof CLASSES)[number]> = {
  kill: 'processes',
  power_cut: 'processes',
  blackout: 'processes',
  stop: 'processes',
  leader_hunt: 'processes',
  pause: 'processes',
  slow_loop: 'processes',
  partition: 'network',
  one_way: 'network',
  slow_link: 'network',
  broken_connection: 'network',
  loss_burst: 'network',
  repeat_burst: 'network',
  flapping_link: 'network',
  slow_disk: 'disks',
  bit_flip: 'disks',
  misdirected_write: 'disks',
  failed_write: 'disks',
  failed_flush: 'disks',
  full_disk: 'disks',
  wiped_disk: 'disks',
  clock_jump: 'clocks',
  clock_rate: 'clocks',
  hand_over: 'leadership',
  ambush: 'ambushes',
};

const MS_PER_HOUR = 3_600_000;
const MS_PER_MINUTE = 60_000;

/** The table that ends a run of the program. Without `wallMs` it is the same on every machine. */
export function summary(totals: Totals, wallMs?: number, processes = 1): string[] {
  const { seeds, simulatedMs, steps, sent, lost, repeated, operations, events } = totals;
  const hours = `${(simulatedMs / MS_PER_HOUR).toFixed(3)} hours`;
  const each = (count: number) => (wallMs ? ` (${((1000 * count) / wallMs).toFixed(1)}/s)` : '');
  const named = (name: RegExp) => Object.entries(events).filter(([event]) => name.test(event));
  return [
    ...rows('seeds', [`${seeds}${each(seeds)}`]),
    ...rows('simulated', [hours]),
    ...(wallMs === undefined ? [] : timeRows(totals, wallMs, processes)),
    ...rows('steps', [`${steps}${each(steps)}`]),
    ...rows('messages', [`sent ${sent}`, `lost ${lost}`, `repeated ${repeated}`]),
    ...rows('', listed(named(MESSAGES).map(([name, n]) => [name.slice('sent '.length), n]))),
    ...rows('operations', listed(Object.entries(operations))),
    ...rows('', listed(named(OUTCOMES))),
    ...CLASSES.flatMap((one, i) => rows(i === 0 ? 'faults' : '', faultsOf(one, totals.faults))),
    ...rows('events', listed(named(OTHERS))),
  ];
}

const CHECKS_OF: Record<SimulatedProtocol, Readonly<Record<string, string>>> = {
  raft: CHECKS,
  dynamo: DYNAMO_CHECKS,
  convergent: CONVERGENT_CHECKS,
  log: LOG_CHECKS,
};

/** What was looked at all the time, by name. */
export function checkedRows(protocol: SimulatedProtocol = 'raft'): string[] {
  return Object.entries(CHECKS_OF[protocol]).flatMap(([name, what], i) =>
    rows(i === 0 ? 'checked' : '', [`${name}: ${what}`]),
  );
}

/** Simulated hours for each minute on the wall. */
export function paceOf({ simulatedMs }: Totals, wallMs: number): number {
  return wallMs > 0 ? simulatedMs / MS_PER_HOUR / (wallMs / MS_PER_MINUTE) : 0;
}

/** Events that are messages of a kind, operations of a kind by outcome, and all others. */
const MESSAGES = /^sent /;
const OUTCOMES = /: /;
const OTHERS = /^(?!sent )[^:]*$/;

function timeRows(totals: Totals, wallMs: number, processes: number): string[] {
  const pace = paceOf(totals, wallMs).toFixed(2);
  return [
    ...rows('wall time', [`${(wallMs / 1000).toFixed(1)} s`, `processes ${processes}`]),
    ...rows('pace', [`${pace} simulated hours a minute`]),
  ];
}

function faultsOf(one: (typeof CLASSES)[number], faults: Counts): string[] {
  const own = Object.keys(CLASS_OF).filter((kind) => CLASS_OF[kind as FaultKind] === one);
  return own.map((kind, i) => `${i === 0 ? `${one}: ` : ''}${kind} ${faults[kind] ?? 0}`);
}

/** By name: the order in which they were counted depends on which worker was the first. */
const listed = (counts: readonly (readonly [string, number])[]): string[] =>
  counts.map(([name, count]) => `${name} ${count}`).sort();

const LABEL_WIDTH = 12;
const WIDTH = 100;

/** A label, and items in lines that are not too long. */
function rows(label: string, items: readonly string[]): string[] {
  const lines: string[] = [];
  for (const item of items) {
    const longer = lines.length === 0 ? item : `${lines.at(-1)}, ${item}`;
    if (lines.length > 0 && longer.length <= WIDTH - LABEL_WIDTH) lines[lines.length - 1] = longer;
    else lines.push(item);
  }
  return lines.map((line, i) => `${(i === 0 ? label : '').padEnd(LABEL_WIDTH)}${line}`);
}
