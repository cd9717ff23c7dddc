/**
 * The simulator as a library: one call is one run of a cluster from one seed.
 *
 *     const report = simulate({ seed: 42 });
 *     if (report.violation) console.log(report.violation.message);
 *
 * Everything that a run does follows from its setup: the same setup gives the same trace, byte for
 * byte, on any machine. DESIGN.md says what is simulated and what is checked.
 */

import { InvariantViolation } from '../core/assert';
import type { NodeId } from '../core/ids';
import { Prng } from '../core/prng';
import { drawConfiguration, type RunConfiguration, type RunLimits } from './configuration';
import type { Counters } from './counters';
import type { DiskFactory } from './disk';
import { drawFaults, type Fault } from './faults';
import { ModelDisk } from './model_disk';
import type { Application } from './raft/application';
import { KeyValueApplication } from './raft/key_value_application';
import { drawRaftOptions, type SharedOptions } from './raft/raft_options';
import { RaftSubject } from './raft/raft_subject';
import type { Timeline } from './timeline';
import { simplified, type Variation } from './variation';
import { Violation } from './violation';
import { World } from './world';

export interface RunSetup<Query = unknown, Answer = unknown> extends WorldWishes {
  /** The state machine, its clients and its checks; the key/value service when absent. */
  readonly application?: (() => Application<Query, Answer>) | undefined;
}

/** All of a setup that has nothing to do with what is replicated. */
interface WorldWishes {
  readonly seed: number;
  readonly limits?: RunLimits | undefined;
  readonly disk?: DiskFactory | undefined;
  /** Fewer faults and a calmer world than the seed says. */
  readonly variation?: Variation | undefined;
  /** Options of the nodes that are not to be drawn. */
  readonly options?: Partial<SharedOptions> | undefined;
  /** Hears the trace, line by line. */
  readonly onTrace?: ((line: string) => void) | undefined;
}

export interface RunReport {
  readonly seed: number;
  readonly configuration: RunConfiguration;
  readonly faults: readonly Fault[];
  readonly counters: Counters;
  readonly simulatedMs: number;
  readonly violation: Violation | undefined;
}

/** Runs one seed. What goes wrong is in the report; only a mistake of the simulator is thrown. */
export function simulate<Query, Answer>(setup: RunSetup<Query, Answer>): RunReport {
  const { application } = setup;
  if (application === undefined) return simulateWith(setup, new KeyValueApplication());
  return simulateWith(setup, application());
}

function simulateWith<Query, Answer>(
  setup: WorldWishes,
  application: Application<Query, Answer>,
): RunReport {
  const { seed, limits, variation = {} } = setup;
  const { keep, simplify } = variation;
  const configuration = simplified(drawConfiguration(seed, limits), simplify);
  const prng = new Prng(seed, 'run');
  const planned = drawFaults(configuration.rates, configuration.durationMs, prng);
  const faults = planned.filter(({ number }) => keep === undefined || keep.includes(number));
  const { maxDelayMs } = configuration.network;
  const options = { ...drawRaftOptions(prng.stream('options'), maxDelayMs), ...setup.options };
  const report = (name: string, count: number) => world.counters.count('events', name, count);
  const world = new World({
    seed,
    configuration,
    faults,
    makeSubject: (members: readonly NodeId[], timeline: Timeline) =>
      new RaftSubject(members, options, application, configuration, timeline, report),
    makeDisk: setup.disk ?? ((storage, own) => new ModelDisk(storage, own)),
    onTrace: setup.onTrace,
  });
  let violation: Violation | undefined;
  try {
    world.run();
  } catch (error) {
    violation = violationOf(error);
  }
  const { counters, timeline } = world;
  return { seed, configuration, faults, counters, simulatedMs: timeline.now, violation };
}

/** An assertion that fails outside of a step is one of the storage, if it is the real one. */
function violationOf(error: unknown): Violation {
  if (error instanceof Violation) return error;
  if (error instanceof InvariantViolation) return new Violation('assertion', error.message, error);
  throw error;
}
