/** One run of the replicated log from one seed, as `simulate` does it for Raft. */

import { type RunReport, runWorld, type WorldWishes } from '../run_world';
import { drawLogOptions, type SharedLogOptions } from './drawn_options';
import { LogSubject } from './log_subject';

export interface LogRunSetup extends WorldWishes {
  /** Options of the nodes that are not to be drawn. */
  readonly options?: Partial<SharedLogOptions> | undefined;
}

/** Runs one seed. What goes wrong is in the report; only a mistake of the simulator is thrown. */
export function simulateLog(setup: LogRunSetup): RunReport {
  return runWorld(setup, ({ members, configuration, options, report }) => {
    const { maxDelayMs } = configuration.network;
    const drawn = { ...drawLogOptions(options, maxDelayMs), ...setup.options };
    return new LogSubject(members, drawn, configuration, report);
  });
}
