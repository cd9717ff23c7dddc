/** What a person is shown of a failed run, and how to run it again. */

import { describeFault } from './faults';
import type { Shrunk } from './shrink';
import { SIMPLIFICATIONS } from './variation';

/** The whole report as lines. `trace` is that of the shrunk run; its end is shown. */
export function failureReport(
  shrunk: Shrunk,
  trace: readonly string[],
  command: string,
  traceLines = 60,
): string[] {
  const { report, variation, runs } = shrunk;
  const { seed, configuration, violation } = report;
  const { simplify = [] } = variation;
  const calm = simplify.map((each) => SIMPLIFICATIONS[each]);
  const left = Math.max(0, trace.length - traceLines);
  return [
    `seed ${seed} fails: ${violation?.message ?? 'nothing'}`,
    '',
    `${configuration.nodes} nodes, ${configuration.clients.count} clients, after ${report.simulatedMs.toFixed(0)} ms of simulated time (shrunk in ${runs} runs)`,
    ...(calm.length > 0 ? [`even where ${calm.join(', ')}`] : []),
    `faults that it needs: ${report.faults.length === 0 ? 'none' : ''}`,
    ...report.faults.map((fault) => `  ${describeFault(fault)}`),
    '',
    ...(left > 0 ? [`the end of the trace (${left} lines before it):`] : ['the trace:']),
    ...trace.slice(left),
    '',
    `run it again: ${command}`,
  ];
}

/** The flags that repeat a shrunk run. */
export function flagsOf({ report, variation }: Shrunk): string {
  const { keep, simplify = [], durationMs } = variation;
  const flags = [`--seed ${report.seed}`, `--duration ${durationMs}`];
  if (keep !== undefined) flags.push(`--keep ${keep.length === 0 ? 'none' : keep.join(',')}`);
  if (simplify.length > 0) flags.push(`--simplify ${simplify.join(',')}`);
  return `${flags.join(' ')} --trace`;
}
