/** One run of the convergent system from one seed, as `simulate` does it for Raft. */

import { type RunReport, runWorld, type WorldWishes } from '../run_world';
import { ConvergentSubject } from './convergent_subject';
import { drawConvergentOptions, type SharedConvergentOptions } from './drawn_options';

export interface ConvergentRunSetup extends WorldWishes {
  /** Options of the nodes that are not to be drawn. */
  readonly options?: Partial<SharedConvergentOptions> | undefined;
}

/** Runs one seed. What goes wrong is in the report; only a mistake of the simulator is thrown. */
export function simulateConvergent(setup: ConvergentRunSetup): RunReport {
  return runWorld(setup, ({ members, timeline, configuration, options, report }) => {
    const { maxDelayMs } = configuration.network;
    const drawn = { ...drawConvergentOptions(options, maxDelayMs), ...setup.options };
    const clocks = options.stream('wall clocks');
    return new ConvergentSubject(members, drawn, configuration, timeline, clocks, report);
  });
}
