/**
 * The simulator as a library: one call is one run of a cluster from one seed.
 *
 *     const report = simulate({ seed: 42 });
 *     if (report.violation) console.log(report.violation.message);
 *
 * Everything that a run does follows from its setup: the same setup gives the same trace, byte for
 * byte, on any machine. DESIGN.md says what is simulated and what is checked.
 */

import type { Application } from './raft/application';
import { KeyValueApplication } from './raft/key_value_application';
import { drawRaftOptions, type SharedOptions } from './raft/raft_options';
import { RaftSubject } from './raft/raft_subject';
import { type RunReport, runWorld, type WorldWishes } from './run_world';

export type { RunReport } from './run_world';

export interface RunSetup<Query = unknown, Answer = unknown> extends RaftWishes {
  /** The state machine, its clients and its checks; the key/value service when absent. */
  readonly application?: (() => Application<Query, Answer>) | undefined;
}

interface RaftWishes extends WorldWishes {
  /** Options of the nodes that are not to be drawn. */
  readonly options?: Partial<SharedOptions> | undefined;
}

/** Runs one seed. What goes wrong is in the report; only a mistake of the simulator is thrown. */
export function simulate<Query, Answer>(setup: RunSetup<Query, Answer>): RunReport {
  const { application } = setup;
  if (application === undefined) return simulateWith(setup, new KeyValueApplication());
  return simulateWith(setup, application());
}

function simulateWith<Query, Answer>(
  setup: RaftWishes,
  application: Application<Query, Answer>,
): RunReport {
  return runWorld(setup, ({ members, timeline, configuration, options, report }) => {
    const { maxDelayMs } = configuration.network;
    const drawn = { ...drawRaftOptions(options, maxDelayMs), ...setup.options };
    return new RaftSubject(members, drawn, application, configuration, timeline, report);
  });
}
